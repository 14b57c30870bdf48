"""What users write in a FirewallPolicy: its spec, and every rule that the API server checks by itself.

The descriptions are what `kubectl explain` shows. What the cluster's enforcer lacks cannot be known here:
that is refused later, by the name of the rule. Nothing here knows what the fields become.
"""

from __future__ import annotations

from typing import Annotated, Literal, get_args

from pydantic import ConfigDict, Field

from pileus.crds.markers import Rule, list_map, list_set, names, validations
from pileus.crds.types import Cidr, Model, Name, ObjectName
from pileus.kinds.firewallpolicy.fields import Fqdn, NamespaceName, Ports, Selector

NAME_LIMIT = 63
ROOT_RULES = names(NAME_LIMIT, "the NetworkPolicy gets")

_WHO = "[has(self.app), has(self.vm), has(self.selector), has(self.cidr), has(self.fqdn), has(self.any)]"
_NAMESPACE = "(has(self.__namespace__) || has(self.namespaceSelector))"


class Target(Model):
    """Whose traffic it is about; exactly one of apps, vms, selector and all."""

    model_config = ConfigDict(
        json_schema_extra=validations(
            Rule(
                "[has(self.apps), has(self.vms), has(self.selector), has(self.all)].filter(x, x).size() == 1",
                "Give exactly one of apps, vms, selector and all.",
            )
        )
    )

    apps: Annotated[tuple[ObjectName, ...], Field(min_length=1, max_length=32)] | None = Field(
        default=None, json_schema_extra=list_set(), description="ContainerApps by name."
    )
    vms: Annotated[tuple[ObjectName, ...], Field(min_length=1, max_length=32)] | None = Field(
        default=None, json_schema_extra=list_set(), description="CloudVMs by name."
    )
    selector: Selector | None = Field(default=None, description="Pods by their labels.")
    all: Literal[True] | None = Field(default=None, description="true: every pod of the namespace.")


class Isolate(Model):
    """In which directions everything is blocked that no rule allows."""

    ingress: bool | None = Field(default=None, description="Whether others reach the target only as allowed.")
    egress: bool | None = Field(default=None, description="Whether the target reaches only what is allowed.")


PresetName = Literal[
    "DNS", "SameNamespace", "Internet", "KubeAPIServer", "MetricsScrape", "IngressGateway", "Exposed"
]
PRESETS: tuple[str, ...] = get_args(PresetName)
"""Their names have capitals; those of rules have none."""


class Preset(Model):
    """Traffic that has a name."""

    model_config = ConfigDict(
        json_schema_extra=validations(
            Rule(
                "!has(self.ports) || !(self.name in ['DNS', 'KubeAPIServer'])",
                "The ports of DNS and KubeAPIServer are those of the cluster: leave ports out.",
                field_path=".ports",
            ),
            Rule(
                "!has(self.ports) || self.name != 'Exposed'",
                "The ports of Exposed are those that the target exposes: leave ports out.",
                field_path=".ports",
            ),
        )
    )

    name: PresetName = Field(
        description=(
            "DNS: to the cluster's DNS. SameNamespace: from and to all pods of the namespace. Internet: "
            "to public addresses, none of the cluster and none that is private. KubeAPIServer: to the "
            "Kubernetes API. MetricsScrape: from Prometheus. IngressGateway: from the gateway's pods. "
            "Exposed: from whom the target's own expose lets in, at its ports."
        )
    )
    ports: Annotated[tuple[Ports, ...], Field(min_length=1, max_length=32)] | None = Field(
        default=None, json_schema_extra=list_set(), description="To these ports only. Absent: to all."
    )


class Peer(Model):
    """The other side: exactly one of app, vm, selector, cidr, fqdn and any, or a namespace alone."""

    model_config = ConfigDict(
        json_schema_extra=validations(
            Rule(
                f"{_WHO}.filter(x, x).size() == 1 || {_NAMESPACE} && {_WHO}.filter(x, x).size() == 0",
                "Give exactly one of app, vm, selector, cidr, fqdn and any, or a namespace alone.",
            ),
            Rule(
                f"!{_NAMESPACE} || !has(self.cidr) && !has(self.fqdn) && !has(self.any)",
                "Addresses and names of hosts are in no namespace: leave namespace out.",
            ),
            Rule(
                "!has(self.__namespace__) || !has(self.namespaceSelector)",
                "Give one of namespace and namespaceSelector.",
                field_path=".namespaceSelector",
            ),
            Rule(
                "!has(self.except) || has(self.cidr)",
                "except takes ranges out of cidr: give cidr.",
                field_path=".except",
            ),
            Rule(
                "!has(self.except) || !has(self.cidr) || self.except.all(e, isCIDR(e) && "
                "isCIDR(self.cidr) && cidr(self.cidr).containsCIDR(e) && e != self.cidr)",
                "Every range of except lies within cidr, and is smaller.",
                field_path=".except",
            ),
        )
    )

    app: ObjectName | None = Field(default=None, description="A ContainerApp.")
    vm: ObjectName | None = Field(default=None, description="A CloudVM.")
    selector: Selector | None = Field(default=None, description="Pods by their labels.")
    namespace: NamespaceName | None = Field(
        default=None, description="Of which namespace. Absent: of the policy's own."
    )
    namespace_selector: Selector | None = Field(
        default=None, description="Of which namespaces, by their labels; {} means all."
    )
    cidr: Cidr | None = Field(default=None, description="A range of addresses outside of the cluster.")
    except_: Annotated[tuple[Cidr, ...], Field(min_length=1, max_length=32)] | None = Field(
        default=None, alias="except", json_schema_extra=list_set(), description="Ranges that cidr is without."
    )
    fqdn: Fqdn | None = Field(
        default=None,
        description="Names of hosts; `*.` stands for one level of names. Needs an enforcer that can.",
    )
    any: Literal[True] | None = Field(default=None, description="true: everybody, in the cluster or outside.")


class Http(Model):
    """Requests of HTTP that a rule allows."""

    method: Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] | None = Field(
        default=None, description="Their method. Absent: any."
    )
    path: Annotated[str, Field(pattern=r"^/\S*$", min_length=1, max_length=512)] | None = Field(
        default=None, description="Their path, as a regular expression. Absent: any."
    )


class Icmp(Model):
    """Messages of ICMP that a rule allows."""

    family: Literal["IPv4", "IPv6"] = Field(default="IPv4", description="Of which family of addresses.")
    type: int = Field(ge=0, le=255, description="Their type, such as 8 for the request of an echo.")


class FirewallRule(Model):
    """Traffic in one direction between the target and its peers."""

    model_config = ConfigDict(
        json_schema_extra=validations(
            Rule(
                "self.direction == 'Egress' || self.peers.all(p, !has(p.fqdn))",
                "Only where the target goes to has a name: fqdn is for direction Egress.",
                field_path=".peers",
            ),
            Rule(
                "self.action == 'Allow' || self.peers.all(p, !has(p.fqdn))",
                "Names of hosts can be allowed only: deny their addresses.",
                field_path=".peers",
            ),
            Rule(
                "!has(self.icmp) || (!has(self.ports) && !has(self.http))",
                "ICMP has no ports: write two rules.",
                field_path=".icmp",
            ),
            Rule(
                "!has(self.http) || (has(self.ports) && self.ports.all(p, !p.endsWith('/udp') && "
                "!p.endsWith('/sctp')))",
                "HTTP goes over TCP: give the ports.",
                field_path=".ports",
            ),
            Rule(
                "!has(self.http) || self.action == 'Allow'",
                "What http names is allowed: leave action out.",
                field_path=".action",
            ),
        )
    )

    name: Name = Field(description="Name of the rule, unique in the policy.")
    direction: Literal["Ingress", "Egress"] = Field(
        description="Ingress: from peers to the target. Egress: from the target to peers."
    )
    action: Literal["Allow", "Deny"] = Field(
        default="Allow",
        description="Deny wins over everything that allows. Needs an enforcer that can.",
    )
    peers: Annotated[tuple[Peer, ...], Field(min_length=1, max_length=32)] = Field(
        json_schema_extra={"x-kubernetes-list-type": "atomic"}, description="The other side, any of them."
    )
    ports: Annotated[tuple[Ports, ...], Field(min_length=1, max_length=32)] | None = Field(
        default=None, json_schema_extra=list_set(), description="To these ports. Absent: to all."
    )
    http: Annotated[tuple[Http, ...], Field(min_length=1, max_length=16)] | None = Field(
        default=None,
        json_schema_extra={"x-kubernetes-list-type": "atomic"},
        description="Only these requests of HTTP. Needs an enforcer that can.",
    )
    icmp: Annotated[tuple[Icmp, ...], Field(min_length=1, max_length=16)] | None = Field(
        default=None,
        json_schema_extra={"x-kubernetes-list-type": "atomic"},
        description="Only these messages of ICMP. Needs an enforcer that can.",
    )

    log: bool = Field(
        default=False, description="Whether what it is about is logged. Needs an enforcer that can."
    )


def _some(direction: str) -> str:
    """CEL: whether anything is said of a direction, so that it isolates."""
    presets = {
        "ingress": "['SameNamespace', 'MetricsScrape', 'IngressGateway', 'Exposed']",
        "egress": "['DNS', 'SameNamespace', 'Internet', 'KubeAPIServer']",
    }[direction]
    return (
        f"(has(self.rules) && self.rules.exists(r, r.direction == '{direction.capitalize()}' && "
        "r.action == 'Allow') || "
        f"has(self.presets) && self.presets.exists(p, p.name in {presets} && p.name != 'SameNamespace'))"
    )


_EXPOSED = "(has(self.presets) && self.presets.exists(p, p.name == 'Exposed'))"


class FirewallPolicySpec(Model):
    """What is asked for; target is required."""

    model_config = ConfigDict(
        json_schema_extra=validations(
            *(
                Rule(
                    f"!has(self.isolate) || !has(self.isolate.{direction}) || self.isolate.{direction} || "
                    f"!{_some(direction)}",
                    f"An allowed flow blocks all others of its direction: set isolate.{direction} to "
                    f"true, or leave out what allows {direction}.",
                    field_path=f".isolate.{direction}",
                )
                for direction in ("ingress", "egress")
            ),
            Rule(
                "!has(self.isolate) || !has(self.isolate.ingress) || self.isolate.ingress || "
                "!has(self.isolate.egress) || self.isolate.egress || !has(self.presets) || "
                "!self.presets.exists(p, p.name == 'SameNamespace')",
                "SameNamespace allows nothing where nothing is isolated: leave it out, or isolate.",
                field_path=".presets",
            ),
            Rule(
                f"!{_EXPOSED} || (has(self.target.apps) && self.target.apps.size() == 1) || "
                "(has(self.target.vms) && self.target.vms.size() == 1)",
                "Exposed follows the expose of one app or one VM: give target.apps or vms one name.",
                field_path=".presets",
            ),
            Rule(
                f"!{_EXPOSED} || !self.presets.exists(p, p.name == 'IngressGateway')",
                "IngressGateway and Exposed are both about who comes from outside: give one of them.",
                field_path=".presets",
            ),
            Rule(
                "has(self.isolate) && ((has(self.isolate.ingress) && self.isolate.ingress) || "
                "(has(self.isolate.egress) && self.isolate.egress)) || "
                "has(self.rules) && size(self.rules) > 0 || has(self.presets) && size(self.presets) > 0",
                "The policy says nothing: give isolate, presets or rules.",
            ),
        )
    )

    target: Target = Field(description="Whose traffic it is about.")
    isolate: Isolate | None = Field(
        default=None,
        description=(
            "In which directions everything is blocked that nothing allows. Absent: in those of which rules "
            "and presets speak."
        ),
    )
    presets: tuple[Preset, ...] = Field(
        default=(), max_length=7, json_schema_extra=list_map("name"), description="Traffic that has a name."
    )
    rules: tuple[FirewallRule, ...] = Field(
        default=(), max_length=64, json_schema_extra=list_map("name"), description="Traffic, rule by rule."
    )
    mode: Literal["Enforce", "DryRun"] = Field(
        default="Enforce",
        description="DryRun: nothing is enforced; status.plan shows what would be blocked and allowed.",
    )
