"""Puts the operator together, and is the only importer of Kopf.

Kopf carries the process: login, start and stop, signals, and the watch of the custom resources.
Its state-keeping handlers are not used, so it writes nothing: no finalizer, no annotation, no Event.
"""
