"""The foreign kinds that Pileus writes or reads: group, version, plural and the engine that brings them."""

from pileus.engine import labels
from pileus.engine.plan import ObjectKind

GATEWAY_API = "Gateway API"
KEDA = "KEDA"
CERT_MANAGER = "cert-manager"
PROMETHEUS_OPERATOR = "Prometheus Operator"
ENVOY_GATEWAY = "Envoy Gateway"
KUBEVIRT = "KubeVirt"
CDI = "CDI (the Containerized Data Importer)"
MULTUS = "Multus"

CILIUM = "Cilium"

POD = ObjectKind("", "v1", "Pod", "pods")
NAMESPACE = ObjectKind("", "v1", "Namespace", "namespaces", namespaced=False)
SERVICE = ObjectKind("", "v1", "Service", "services")
SERVICE_ACCOUNT = ObjectKind("", "v1", "ServiceAccount", "serviceaccounts")
CONFIG_MAP = ObjectKind("", "v1", "ConfigMap", "configmaps")
SECRET = ObjectKind("", "v1", "Secret", "secrets", sealed=True)
PERSISTENT_VOLUME_CLAIM = ObjectKind(
    "", "v1", "PersistentVolumeClaim", "persistentvolumeclaims", outlives=True, selector=labels.KIND
)
"""CDI copies our labels to the claims that it makes, and signs them as its own."""
DEPLOYMENT = ObjectKind("apps", "v1", "Deployment", "deployments")
REPLICA_SET = ObjectKind("apps", "v1", "ReplicaSet", "replicasets")
POD_DISRUPTION_BUDGET = ObjectKind("policy", "v1", "PodDisruptionBudget", "poddisruptionbudgets")
HORIZONTAL_POD_AUTOSCALER = ObjectKind(
    "autoscaling", "v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers"
)
NETWORK_POLICY = ObjectKind("networking.k8s.io", "v1", "NetworkPolicy", "networkpolicies")
CILIUM_NETWORK_POLICY = ObjectKind("cilium.io", "v2", "CiliumNetworkPolicy", "ciliumnetworkpolicies", CILIUM)
SERVICE_CIDR = ObjectKind("networking.k8s.io", "v1", "ServiceCIDR", "servicecidrs", namespaced=False)
API_ENDPOINT_SLICE = ObjectKind(
    "discovery.k8s.io",
    "v1",
    "EndpointSlice",
    "endpointslices",
    selector="kubernetes.io/service-name=kubernetes",
)
"""Of the Kubernetes API alone: those of all Services change all the time."""
INGRESS = ObjectKind("networking.k8s.io", "v1", "Ingress", "ingresses")
INGRESS_CLASS = ObjectKind("networking.k8s.io", "v1", "IngressClass", "ingressclasses", namespaced=False)

GATEWAY = ObjectKind("gateway.networking.k8s.io", "v1", "Gateway", "gateways", GATEWAY_API)
GATEWAY_CLASS = ObjectKind(
    "gateway.networking.k8s.io", "v1", "GatewayClass", "gatewayclasses", GATEWAY_API, namespaced=False
)
HTTP_ROUTE = ObjectKind("gateway.networking.k8s.io", "v1", "HTTPRoute", "httproutes", GATEWAY_API)
LISTENER_SET = ObjectKind("gateway.networking.k8s.io", "v1", "ListenerSet", "listenersets", GATEWAY_API)
CERTIFICATE = ObjectKind("cert-manager.io", "v1", "Certificate", "certificates", CERT_MANAGER)
SCALED_OBJECT = ObjectKind("keda.sh", "v1alpha1", "ScaledObject", "scaledobjects", KEDA)
POD_MONITOR = ObjectKind("monitoring.coreos.com", "v1", "PodMonitor", "podmonitors", PROMETHEUS_OPERATOR)
SECURITY_POLICY = ObjectKind(
    "gateway.envoyproxy.io", "v1alpha1", "SecurityPolicy", "securitypolicies", ENVOY_GATEWAY
)
BACKEND_TRAFFIC_POLICY = ObjectKind(
    "gateway.envoyproxy.io", "v1alpha1", "BackendTrafficPolicy", "backendtrafficpolicies", ENVOY_GATEWAY
)

STORAGE_CLASS = ObjectKind("storage.k8s.io", "v1", "StorageClass", "storageclasses", namespaced=False)
NODE = ObjectKind("", "v1", "Node", "nodes", namespaced=False)
VIRTUAL_MACHINE = ObjectKind("kubevirt.io", "v1", "VirtualMachine", "virtualmachines", KUBEVIRT)
VIRTUAL_MACHINE_INSTANCE = ObjectKind(
    "kubevirt.io", "v1", "VirtualMachineInstance", "virtualmachineinstances", KUBEVIRT
)
VIRTUAL_MACHINE_INSTANCE_CALLS = ObjectKind(
    "subresources.kubevirt.io", "v1", "VirtualMachineInstance", "virtualmachineinstances", KUBEVIRT
)
MIGRATION = ObjectKind(
    "kubevirt.io",
    "v1",
    "VirtualMachineInstanceMigration",
    "virtualmachineinstancemigrations",
    KUBEVIRT,
)
VIRTUAL_MACHINE_SNAPSHOT = ObjectKind(
    "snapshot.kubevirt.io", "v1beta1", "VirtualMachineSnapshot", "virtualmachinesnapshots", KUBEVIRT
)
INSTANCETYPE = ObjectKind(
    "instancetype.kubevirt.io",
    "v1beta1",
    "VirtualMachineInstancetype",
    "virtualmachineinstancetypes",
    KUBEVIRT,
)
CLUSTER_INSTANCETYPE = ObjectKind(
    "instancetype.kubevirt.io",
    "v1beta1",
    "VirtualMachineClusterInstancetype",
    "virtualmachineclusterinstancetypes",
    KUBEVIRT,
    namespaced=False,
)
PREFERENCE = ObjectKind(
    "instancetype.kubevirt.io",
    "v1beta1",
    "VirtualMachinePreference",
    "virtualmachinepreferences",
    KUBEVIRT,
)
CLUSTER_PREFERENCE = ObjectKind(
    "instancetype.kubevirt.io",
    "v1beta1",
    "VirtualMachineClusterPreference",
    "virtualmachineclusterpreferences",
    KUBEVIRT,
    namespaced=False,
)
DATA_VOLUME = ObjectKind("cdi.kubevirt.io", "v1beta1", "DataVolume", "datavolumes", CDI, outlives=True)
NETWORK_ATTACHMENT = ObjectKind(
    "k8s.cni.cncf.io", "v1", "NetworkAttachmentDefinition", "network-attachment-definitions", MULTUS
)

OBJECT_STORE = ObjectKind("pileus.dev", "v1alpha1", "ObjectStore", "objectstores", namespaced=False)
"""Ours; Buckets read it."""
