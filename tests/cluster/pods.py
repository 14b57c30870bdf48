"""Objects that tests put into the cluster, all fit for restricted Pod Security."""

from __future__ import annotations

from typing import Any

Manifest = dict[str, Any]


def restricted_namespace(name: str) -> Manifest:
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}


def claim(*, name: str, namespace: str, size: str) -> Manifest:
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": size}}}
    return _object("v1", "PersistentVolumeClaim", name, namespace, spec)


def idle(*, name: str, namespace: str, image: str, claim: str) -> Manifest:
    """A pod that does nothing, to run commands in; it ends at once and has a volume at /data."""
    command = ["sh", "-c", "trap 'exit 0' TERM; while :; do sleep 3600 & wait $!; done"]
    mounts = [{"name": "data", "mountPath": "/data"}]
    spec = _pod(image=image, command=command, volumeMounts=mounts)
    spec |= {"volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": claim}}]}
    return _object("v1", "Pod", name, namespace, spec)


def once(*, name: str, namespace: str, image: str, **container: Any) -> Manifest:
    """A pod that runs its image's command one time."""
    return _object("v1", "Pod", name, namespace, _pod(image=image, **container) | {"restartPolicy": "Never"})


def served(
    *, name: str, namespace: str, image: str, port: int, env: dict[str, str], cpu: str
) -> list[Manifest]:
    """A Deployment of one pod, and a Service on port 80."""
    labels = {"app": name}
    probe = {"httpGet": {"path": "/healthz", "port": port}, "periodSeconds": 1}
    variables = [{"name": key, "value": value} for key, value in env.items()]
    requests = {"requests": {"cpu": cpu, "memory": "32Mi"}, "limits": {"memory": "64Mi"}}
    pod = _pod(image=image, env=variables, readinessProbe=probe, resources=requests)
    deployment = {
        "selector": {"matchLabels": labels},
        "template": {"metadata": {"labels": labels}, "spec": pod},
    }
    service = {"selector": labels, "ports": [{"port": 80, "targetPort": port}]}
    return [
        _object("apps/v1", "Deployment", name, namespace, deployment),
        _object("v1", "Service", name, namespace, service),
    ]


def autoscaler(*, name: str, namespace: str, most: int, cpu: int) -> Manifest:
    """Scales the Deployment of the same name between 1 and `most` at `cpu` percent of its request."""
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": name}
    resource = {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": cpu}}
    spec = {
        "scaleTargetRef": target,
        "minReplicas": 1,
        "maxReplicas": most,
        "metrics": [{"type": "Resource", "resource": resource}],
    }
    return _object("autoscaling/v2", "HorizontalPodAutoscaler", name, namespace, spec)


def _pod(*, image: str, **container: Any) -> Manifest:
    security = {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    return {
        "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [
            {
                "name": "main",
                "image": image,
                "imagePullPolicy": "Never",
                "securityContext": security,
                **container,
            }
        ],
    }


def _object(version: str, kind: str, name: str, namespace: str, spec: Manifest) -> Manifest:
    return {
        "apiVersion": version,
        "kind": kind,
        "metadata": {"name": name, "namespace": namespace},
        "spec": spec,
    }
