"""Puts the operator together, and is the only importer of Kopf.

Kopf carries the process: login, start and stop, signals. It watches nothing and none of its handlers of
resources are used, so it writes nothing: no finalizer, no annotation, no Event.
"""
