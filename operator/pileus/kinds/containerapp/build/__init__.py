"""The pieces of `compile`: one module for each object, or decision, that an app becomes.

Builders are pure and keyword-only, and return sparse manifests: only what Pileus decides, in the
text that the API server would store.
"""
