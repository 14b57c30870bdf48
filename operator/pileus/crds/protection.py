"""The admission policy by which `spec.protect: true` refuses deletion. Kubernetes itself evaluates it."""

from __future__ import annotations

from typing import Any

Manifest = dict[str, Any]
ADMISSION = "admissionregistration.k8s.io/v1"


def policy(*, group: str, version: str, kind: str, plural: str) -> Manifest:
    """Refuses to delete a protected resource of this kind."""
    words = f"This {kind} is protected: set spec.protect to false first, then delete it."
    return {
        "apiVersion": ADMISSION,
        "kind": "ValidatingAdmissionPolicy",
        "metadata": {"name": _name(group, plural)},
        "spec": {
            "failurePolicy": "Fail",
            "matchConstraints": {
                "resourceRules": [
                    {
                        "apiGroups": [group],
                        "apiVersions": [version],
                        "operations": ["DELETE"],
                        "resources": [plural],
                    }
                ]
            },
            "validations": [
                {
                    "expression": "!has(oldObject.spec.protect) || !oldObject.spec.protect",
                    "message": words,
                    "reason": "Forbidden",
                }
            ],
        },
    }


def binding(*, group: str, plural: str) -> Manifest:
    """Puts the policy in force."""
    name = _name(group, plural)
    return {
        "apiVersion": ADMISSION,
        "kind": "ValidatingAdmissionPolicyBinding",
        "metadata": {"name": name},
        "spec": {"policyName": name, "validationActions": ["Deny"]},
    }


def _name(group: str, plural: str) -> str:
    return f"protect.{plural}.{group}"
