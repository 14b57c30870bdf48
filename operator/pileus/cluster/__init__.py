"""The only code that speaks to the Kubernetes API: a thin client, informers, caches, the write choke point.

Generated client models are not used: they cost about half of the CPU time and fill in defaults,
which would take ownership of fields.
"""
