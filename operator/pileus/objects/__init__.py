"""Knowledge of foreign Kubernetes objects that several kinds share: builders, health, quantities.

Pure functions over plain dicts. It knows no kind of ours and does no I/O.
"""
