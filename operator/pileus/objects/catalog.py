"""The foreign kinds that Pileus writes or reads: group, version, plural and the engine that brings them."""

from pileus.engine.plan import ObjectKind

GATEWAY_API = "Gateway API"
KEDA = "KEDA"
CERT_MANAGER = "cert-manager"
PROMETHEUS_OPERATOR = "Prometheus Operator"
ENVOY_GATEWAY = "Envoy Gateway"

POD = ObjectKind("", "v1", "Pod", "pods")
SERVICE = ObjectKind("", "v1", "Service", "services")
SERVICE_ACCOUNT = ObjectKind("", "v1", "ServiceAccount", "serviceaccounts")
CONFIG_MAP = ObjectKind("", "v1", "ConfigMap", "configmaps")
SECRET = ObjectKind("", "v1", "Secret", "secrets")
PERSISTENT_VOLUME_CLAIM = ObjectKind(
    "", "v1", "PersistentVolumeClaim", "persistentvolumeclaims", outlives=True
)
DEPLOYMENT = ObjectKind("apps", "v1", "Deployment", "deployments")
REPLICA_SET = ObjectKind("apps", "v1", "ReplicaSet", "replicasets")
POD_DISRUPTION_BUDGET = ObjectKind("policy", "v1", "PodDisruptionBudget", "poddisruptionbudgets")
HORIZONTAL_POD_AUTOSCALER = ObjectKind(
    "autoscaling", "v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers"
)
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
