"""kro's ResourceGraphDefinition for the same kind: the same fields, the same four children, a status.

The templates are made from what Pileus writes, so that both ask the API server for the same objects. Left
out is what kro decides by itself: owner references (it tracks children by labels), the label managed-by,
and the digests of Pileus. No readiness is asked for: waiting for replicas, which do not come without
controllers, would have kro look again every three seconds.
"""

from __future__ import annotations

import asyncio
from typing import Any

import yaml

from bench.driver import Driver
from bench.process import Process
from bench.sample import NAME, NAMESPACE, NUMBER, Sample, replaced
from pileus.engine import labels
from pileus.engine.plan import Manifest, ObjectKind
from pileus.local import engines

GROUP = "bench.kro.run"
APPS = ObjectKind(GROUP, "v1alpha1", "ContainerApp", "containerapps")
GRAPHS = ObjectKind(
    "kro.run", "v1alpha1", "ResourceGraphDefinition", "resourcegraphdefinitions", namespaced=False
)
SPEC = {"image": "string", "replicas": "integer", "port": "integer", "env": "map[string]string"}
STATUS = {
    "internalUrl": "http://${service.metadata.name}.${service.metadata.namespace}.svc.cluster.local/",
    "desired": "${deployment.spec.replicas}",
}


def told(manifest: Manifest) -> int:
    """The generation that an instance's Ready=True is about."""
    for condition in manifest.get("status", {}).get("conditions") or ():
        if (condition["type"], condition["status"]) == ("Ready", "True"):
            return int(condition.get("observedGeneration", -1))
    return -1


async def prepare(driver: Driver, process: Process, sample: Sample) -> None:
    """Have kro make the kind: its own definitions, then ours of the graph, and wait for the CRD."""
    source = engines.module_dir(f"github.com/kubernetes-sigs/kro@{engines.version('kro')}")
    crds = (yaml.safe_load(file.read_text()) for file in sorted((source / "helm" / "crds").glob("*.yaml")))
    await driver.install(*crds)
    await driver.create(GRAPHS, graph(sample))
    process.start()
    try:
        await driver.served_kind(f"{APPS.plural}.{GROUP}")
        async with asyncio.timeout(60):
            while (await driver.get(GRAPHS, "", "bench")).get("status", {}).get("state") != "Active":
                process.check()
                await asyncio.sleep(0.2)
    finally:
        process.stop()


def graph(sample: Sample) -> Manifest:
    """The ResourceGraphDefinition."""
    schema = {"apiVersion": APPS.version, "kind": APPS.kind, "group": GROUP, "spec": SPEC, "status": STATUS}
    resources = [{"id": _id(child), "template": _template(child)} for child in sample.children]
    return {"metadata": {"name": "bench"}, "spec": {"schema": schema, "resources": resources}}


def _id(child: Manifest) -> str:
    kind: str = child["kind"]
    return kind[0].lower() + kind[1:]


def _template(child: Manifest) -> Manifest:
    left_out = ("namespace", "ownerReferences", "annotations")
    metadata = {key: value for key, value in child["metadata"].items() if key not in left_out}
    words = {NAME: "${schema.metadata.name}", NAMESPACE: "", NUMBER: "${schema.spec.env.NUMBER}"}
    template: Manifest = replaced({**child, "metadata": metadata}, words)
    del template["metadata"]["labels"][labels.MANAGED_BY]
    spec: dict[str, Any] = template.get("spec", {})
    if child["kind"] == "Service":
        spec["ports"][0]["port"] = "${schema.spec.port}"
    if child["kind"] == "Deployment":
        spec["replicas"] = "${schema.spec.replicas}"
        del spec["template"]["metadata"]["labels"][labels.MANAGED_BY]
        container = spec["template"]["spec"]["containers"][0]
        container["image"] = "${schema.spec.image}"
        container["ports"][0]["containerPort"] = "${schema.spec.port}"
    return template
