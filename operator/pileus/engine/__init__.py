"""The reconcile engine: observe → compile → apply → judge → report.

It is level-triggered and knows neither our kinds nor Kopf nor HTTP: kinds come in as `Kind`
descriptors with pure `compile` and `judge` functions, and the cluster as the small ports of
`ports.py`. The stages are verbs, and the same words name modules, log fields and metric labels.
"""
