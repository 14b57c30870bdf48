"""`pileus rbac`: the permissions that the operator needs, generated from what the kinds write and watch.

A kind declares its children, what it reads beside them, and nothing else grants a verb: the chart
takes its rules from the file written here. Secrets and ConfigMaps are a role of their own, bound only
in the namespaces that an administrator lists.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import click

from pileus.cli.crds import WRITE, dump, write_files
from pileus.engine.kind import Kind
from pileus.kinds import KINDS

CHART_FILE = Path("charts/pileus/files/rbac.yaml")
Rule = dict[str, list[str]]
Grant = tuple[str, str, tuple[str, ...]]
"""(API group, resource, verbs)."""

READ = ("list", "watch")
OWN_CHILDREN = ("get", "list", "watch", "create", "patch")
"""`create` is what a server-side apply of a new object needs; `get` settles a conflict. `delete` is for
pruning; what goes with its resource is deleted by garbage collection."""
TRIALS = ("get", "create", "delete")
"""In the operator's own namespace: what it makes to find out whether policies hold."""
USERS_VIEW = ("get", "list", "watch")
USERS_EDIT = ("create", "delete", "deletecollection", "patch", "update")


def roles(kinds: Sequence[Kind] = KINDS) -> dict[str, list[Rule]]:
    """The rules of each role, by the role's name in the chart."""
    names = [(kind.group, kind.plural) for kind in kinds]
    # What belongs to the whole cluster is its administrator's, who needs no role of ours.
    users = [(kind.group, kind.plural) for kind in kinds if kind.namespaced]
    return {
        "operator": _rules(_operator(kinds)),
        "leader": _rules([("coordination.k8s.io", "leases", ("get", "create", "update"))]),
        "trials": _rules(
            [
                ("", "pods", TRIALS),
                ("networking.k8s.io", "networkpolicies", TRIALS),
                ("", "configmaps", ("get", "create", "patch")),
            ]
        ),
        "credentials": _rules(
            (child.group, child.plural, (*OWN_CHILDREN, "delete")) for kind in kinds for child in kind.sealed
        ),
        "references": _rules(
            [("", plural, ("get", "list", "watch")) for plural in ("configmaps", "secrets")]
        ),
        "view": _rules([(group, plural, USERS_VIEW) for group, plural in names]),
        "edit": _rules([(group, plural, USERS_EDIT) for group, plural in users]),
    }


def _operator(kinds: Sequence[Kind]) -> Iterable[Grant]:
    for kind in kinds:
        yield kind.group, kind.plural, READ
        yield kind.group, f"{kind.plural}/status", ("patch",)
        # Where OwnerReferencesPermissionEnforcement is on, as in OpenShift, only who may update an
        # owner's finalizers may set blockOwnerDeletion on its children.
        yield kind.group, f"{kind.plural}/finalizers", ("update",)
        if kind.outside and kind.part:
            yield kind.group, kind.plural, ("get", "patch")  # its finalizer; and a look before anything goes
        for child in kind.children:
            if child.sealed:
                continue
            verbs = OWN_CHILDREN if child.id in kind.permanent else (*OWN_CHILDREN, "delete")
            yield child.group, child.plural, verbs
        for removed in kind.removes:
            yield removed.group, removed.plural, ("delete",)
        for amended in kind.amends:
            yield amended.group, amended.plural, ("patch",)
        for called, subresource in kind.calls:
            yield called.group, f"{called.plural}/{subresource}", ("update",)
        if kind.by_namespace:
            yield "", "namespaces", READ
        if kind.outside:
            yield "", "namespaces", ("get",)  # the cluster's identity
        surveyed = kind.surveyed.kinds if kind.surveyed else ()
        for foreign in (*kind.related, *kind.shared, *surveyed):
            yield foreign.group, foreign.plural, READ
    yield "apiextensions.k8s.io", "customresourcedefinitions", READ
    yield "", "events", ("create",)


def _rules(grants: Iterable[Grant]) -> list[Rule]:
    """The grants, one verb set a resource, resources of a group with the same verbs in one rule."""
    verbs: dict[tuple[str, str], dict[str, None]] = {}
    for group, resource, granted in grants:
        verbs.setdefault((group, resource), {}).update(dict.fromkeys(granted))
    merged: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for group, resource in sorted(verbs):
        merged.setdefault((group, tuple(verbs[group, resource])), []).append(resource)
    return [
        {"apiGroups": [group], "resources": resources, "verbs": list(together)}
        for (group, together), resources in merged.items()
    ]


def files(kinds: Sequence[Kind] = KINDS) -> dict[Path, str]:
    """Path in the repository and content of each generated file."""
    return {CHART_FILE: dump(roles(kinds), command="rbac")}


def role_objects(kinds: Sequence[Kind] = KINDS) -> list[dict[str, Any]]:
    """The roles as objects, for reading; the chart adds names, bindings and aggregation."""
    return [
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "Role" if name in ("leader", "trials") else "ClusterRole",
            "metadata": {"name": f"pileus-{name}"},
            "rules": rules,
        }
        for name, rules in roles(kinds).items()
    ]


@click.command()
@WRITE
def rbac(*, write: bool) -> None:
    """Print the permissions that the operator needs, or write the chart's file of them."""
    if write:
        write_files(files())
    else:
        click.echo("---\n".join(dump(role) for role in role_objects()), nl=False)
