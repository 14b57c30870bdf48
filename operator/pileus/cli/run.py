"""`pileus run`: the operator itself."""

from __future__ import annotations

import dataclasses
import gc

import click

from pileus.engine.world import Settings
from pileus.telemetry import logs


@click.command()
@click.option(
    "--gateway", envvar="PILEUS_GATEWAY", default="", help="namespace/name of the Gateway for hosts."
)
@click.option(
    "--cluster-issuer", envvar="PILEUS_CLUSTER_ISSUER", default="", help="ClusterIssuer for tls: Auto."
)
@click.option(
    "--ingress-class", envvar="PILEUS_INGRESS_CLASS", default="", help="Class where Gateway API is absent."
)
@click.option(
    "--metrics-namespaces",
    envvar="PILEUS_METRICS_NAMESPACES",
    default="monitoring",
    show_default=True,
    help="Where Prometheus runs, for FirewallPolicies; several with commas.",
)
@click.option(
    "--gateway-namespaces",
    envvar="PILEUS_GATEWAY_NAMESPACES",
    default="envoy-gateway-system,ingress-nginx",
    show_default=True,
    help="Where the pods of gateways run, for FirewallPolicies.",
)
@click.option(
    "--try-enforcement/--no-try-enforcement",
    envvar="PILEUS_TRY_ENFORCEMENT",
    default=True,
    show_default=True,
    help="Whether to find out, by two pods, whether NetworkPolicies are enforced.",
)
@click.option(
    "--trial-image",
    envvar="PILEUS_TRIAL_IMAGE",
    default="",
    help="Image of these pods; by default that of the operator's pod.",
)
@click.option("--cluster-domain", envvar="PILEUS_CLUSTER_DOMAIN", default="cluster.local", show_default=True)
@click.option("--address", envvar="PILEUS_ADDRESS", default="0.0.0.0", show_default=True)  # noqa: S104
@click.option("--port", envvar="PILEUS_PORT", default=8080, show_default=True, help="Metrics and probes.")
@click.option(
    "--lease", envvar="PILEUS_LEASE", default="pileus", show_default=True, help="Name of the leader's Lease."
)
@click.option(
    "--identity", envvar="PILEUS_IDENTITY", default="", help="Name in the Lease; the pod's by default."
)
@click.option("--log-level", envvar="PILEUS_LOG_LEVEL", default="info", show_default=True)
@click.option(
    "--log-format",
    envvar="PILEUS_LOG_FORMAT",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
)
def run(
    gateway: str,
    cluster_issuer: str,
    ingress_class: str,
    metrics_namespaces: str,
    gateway_namespaces: str,
    try_enforcement: bool,
    trial_image: str,
    cluster_domain: str,
    address: str,
    port: int,
    lease: str,
    identity: str,
    log_level: str,
    log_format: str,
) -> None:
    """Run the operator against the cluster of $KUBECONFIG, or the one it is deployed in."""
    gc.disable()  # what is imported now stays: `Runtime.start` freezes it and turns the collector on

    from pileus.kinds import KINDS
    from pileus.wiring.operator import run as operate
    from pileus.wiring.runtime import Options

    if gateway and gateway.count("/") != 1:
        raise click.BadParameter("write it as namespace/name", param_hint="--gateway")
    logs.configure(level=log_level, form=log_format)
    settings = Settings(
        gateway=gateway,
        cluster_issuer=cluster_issuer,
        ingress_class=ingress_class,
        cluster_domain=cluster_domain,
        metrics_namespaces=_names(metrics_namespaces, "--metrics-namespaces"),
        gateway_namespaces=_names(gateway_namespaces, "--gateway-namespaces"),
    )
    options = Options(
        settings=settings,
        address=address,
        port=port,
        lease=lease,
        trial_image=trial_image,
        try_enforcement=try_enforcement,
    )
    if identity:
        options = dataclasses.replace(options, identity=identity)
    operate(KINDS, options)


def _names(written: str, option: str) -> tuple[str, ...]:
    found = tuple(sorted({name.strip() for name in written.split(",")} - {""}))
    if not found:
        raise click.BadParameter("give at least one namespace", param_hint=option)
    return found
