"""The label and annotation keys by which Pileus recognises what is its own."""

MANAGER = "pileus"
"""Field manager of every apply, and the value of the managed-by label."""

NAME = "app.kubernetes.io/name"
INSTANCE = "app.kubernetes.io/instance"
MANAGED_BY = "app.kubernetes.io/managed-by"
PART_OF = "app.kubernetes.io/part-of"
KIND = "pileus.dev/kind"
OWNER_NAME = "pileus.dev/name"

APPLIED = "pileus.dev/applied"
"""Annotation on children: digest of the desired object that was applied last."""

GENERATION = "pileus.dev/generation"
"""Annotation on children: generation of the resource for which the object was written last."""

PAUSED = "pileus.dev/paused"
"""Annotation on resources: "true" stops all writes but the status."""

RECONCILE_AT = "pileus.dev/reconcile-at"
"""Annotation on resources: any new text asks for a pass now."""

SELECTOR = f"{MANAGED_BY}={MANAGER}"
"""Label selector of every watch on children."""

FINALIZER = "pileus.dev/outside"
"""Finalizer on resources that are something outside of the cluster: they wait for what becomes of that."""
