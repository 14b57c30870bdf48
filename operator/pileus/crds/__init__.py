"""From pydantic models to structural CustomResourceDefinitions: pure functions of models and names.

`markers` is what models use, `schema` turns a model into a structural schema, `crd` puts the whole
definition together, `walk` lists its fields for the reference pages. Nothing here imports the
engine or a kind, speaks to a cluster, or reads a file.
"""
