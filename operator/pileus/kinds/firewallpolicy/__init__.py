"""FirewallPolicy: who may speak with an app, a machine or any pods, and whether that holds."""

from pileus.engine.kind import Kind, PrinterColumn, Surveyed
from pileus.kinds.firewallpolicy.build import exposed
from pileus.kinds.firewallpolicy.compile import compile_policy
from pileus.kinds.firewallpolicy.gauges import GAUGES
from pileus.kinds.firewallpolicy.judge import judge_policy
from pileus.kinds.firewallpolicy.model import ROOT_RULES, FirewallPolicySpec
from pileus.kinds.firewallpolicy.reasons import USUAL
from pileus.kinds.firewallpolicy.status import FirewallPolicyStatus
from pileus.objects import catalog
from pileus.objects.surroundings import Surroundings

FIREWALL_POLICY = Kind(
    name="FirewallPolicy",
    plural="firewallpolicies",
    singular="firewallpolicy",
    short_names=("fwp",),
    description="Who may speak with an app, a machine or any pods: whom that matches, and whether it holds.",
    spec=FirewallPolicySpec,
    status=FirewallPolicyStatus,
    root_rules=ROOT_RULES,
    columns=(
        PrinterColumn("State", "string", ".status.summary", "Whether it is enforced, and if not, why not."),
        PrinterColumn("Pods", "integer", ".status.matched.pods", "How many pods it selects."),
        PrinterColumn(
            "Blocks",
            "integer",
            ".status.plan.blocked",
            "With DryRun: how many flows it would block.",
            priority=1,
        ),
        PrinterColumn(
            "Allows",
            "integer",
            ".status.plan.allowed",
            "With DryRun: how many flows it would allow.",
            priority=1,
        ),
    ),
    children=(catalog.NETWORK_POLICY, catalog.CILIUM_NETWORK_POLICY),
    related=(),
    shared=(),
    surveyed=Surveyed(Surroundings.KINDS, Surroundings),
    references=exposed.references,
    gauges=GAUGES,
    usual=USUAL,
    compile=compile_policy,
    judge=judge_policy,
)

__all__ = ["FIREWALL_POLICY"]
