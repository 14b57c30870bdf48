"""The control plane: etcd, kube-apiserver, kube-controller-manager, kube-scheduler.

The same on a real node and without one. Admission, RBAC and aggregation are on as in a real cluster:
what passes here must pass there. etcd does not wait for the disk, since nothing here must survive.
"""

from __future__ import annotations

from pileus.local import pki
from pileus.local.parts import Part, Probe, Site

NODE = "node1"
NODE_ADDRESS = "192.168.77.2"
POD_RANGE = "10.244.0.0/16"
SERVICE_RANGE = "10.96.0.0/16"
KUBERNETES_ADDRESS = "10.96.0.1"
DNS_ADDRESS = "10.96.0.10"
DOMAIN = "cluster.local"
_ISSUER = f"https://kubernetes.default.svc.{DOMAIN}"


def certificates(site: Site) -> None:
    """All certificates of the cluster, the parts' kubeconfigs and the administrator's."""
    directory = site.layout.pki
    cluster = pki.authority(directory, "ca")
    in_cluster = (
        "kubernetes",
        "kubernetes.default",
        "kubernetes.default.svc",
        f"kubernetes.default.svc.{DOMAIN}",
    )
    addresses = ("127.0.0.1", NODE_ADDRESS, KUBERNETES_ADDRESS)
    cluster.issue(
        "apiserver", user="kube-apiserver", names=("localhost", *in_cluster, *addresses), server=True
    )
    cluster.issue(
        "kubelet-server",
        user=f"system:node:{NODE}",
        group="system:nodes",
        names=(NODE, "127.0.0.1", NODE_ADDRESS),
        server=True,
    )
    cluster.issue("apiserver-kubelet", user="kube-apiserver-kubelet-client", group="system:masters")
    pki.key_pair(directory, "service-accounts")
    pki.authority(directory, "front-proxy-ca").issue("front-proxy", user="front-proxy")
    server = f"https://127.0.0.1:{site.ports.api}"
    users = {
        "admin": ("pileus-admin", "system:masters"),
        "controller-manager": ("system:kube-controller-manager", ""),
        "scheduler": ("system:kube-scheduler", ""),
        "kubelet": (f"system:node:{NODE}", "system:nodes"),
        "proxy": ("system:kube-proxy", ""),
    }
    for name, (user, group) in users.items():
        cluster.issue(name, user=user, group=group)
        pki.kubeconfig(site.layout.etc / f"{name}.kubeconfig", server=server, pki=directory, user=name)
    pki.kubeconfig(site.layout.kubeconfig, server=server, pki=directory, user="admin")


def etcd(site: Site) -> Part:
    """The store of the API server."""
    client, peer = (f"http://127.0.0.1:{port}" for port in (site.ports.etcd, site.ports.etcd_peer))
    argv = site.flags(
        site.program("etcd"),
        name="local",
        data_dir=site.layout.data / "etcd",
        listen_client_urls=client,
        advertise_client_urls=client,
        listen_peer_urls=peer,
        initial_advertise_peer_urls=peer,
        initial_cluster=f"local={peer}",
        unsafe_no_fsync=True,
        log_level="warn",
    )
    probe = Probe(f"{client}/health")
    return Part("etcd", argv, site.versions["etcd"], ready=probe, port=site.ports.etcd)


def apiserver(site: Site, *, node: bool) -> Part:
    """The API server; `node`: pods reach it by the node's address."""
    reachable = (
        {"bind_address": "0.0.0.0", "advertise_address": NODE_ADDRESS}  # noqa: S104 - its own namespace
        if node
        # Nobody is behind the kubernetes Service here, and a loopback address may not be its endpoint.
        else {
            "bind_address": "127.0.0.1",
            "advertise_address": NODE_ADDRESS,
            "endpoint_reconciler_type": "none",
        }
    )
    argv = site.flags(
        site.program("kube-apiserver"),
        **reachable,
        secure_port=site.ports.api,
        etcd_servers=f"http://127.0.0.1:{site.ports.etcd}",
        tls_cert_file=site.pki("apiserver.crt"),
        tls_private_key_file=site.pki("apiserver.key"),
        client_ca_file=site.pki("ca.crt"),
        authorization_mode="Node,RBAC",
        # The second is on in OpenShift: who may not set finalizers on an owner may not be held by it.
        enable_admission_plugins="NodeRestriction,OwnerReferencesPermissionEnforcement",
        allow_privileged=True,
        service_cluster_ip_range=SERVICE_RANGE,
        service_account_issuer=_ISSUER,
        service_account_key_file=site.pki("service-accounts.pub"),
        service_account_signing_key_file=site.pki("service-accounts.key"),
        kubelet_client_certificate=site.pki("apiserver-kubelet.crt"),
        kubelet_client_key=site.pki("apiserver-kubelet.key"),
        kubelet_certificate_authority=site.pki("ca.crt"),
        kubelet_preferred_address_types="InternalIP",
        requestheader_client_ca_file=site.pki("front-proxy-ca.crt"),
        requestheader_allowed_names="front-proxy",
        requestheader_username_headers="X-Remote-User",
        requestheader_group_headers="X-Remote-Group",
        requestheader_extra_headers_prefix="X-Remote-Extra-",
        proxy_client_cert_file=site.pki("front-proxy.crt"),
        proxy_client_key_file=site.pki("front-proxy.key"),
        v=1,
    )
    probe = Probe(
        f"https://127.0.0.1:{site.ports.api}/readyz",
        ca=site.pki("ca.crt"),
        certificate=site.pki("admin.crt"),
        key=site.pki("admin.key"),
    )
    version = site.versions["kube-apiserver"]
    return Part("kube-apiserver", argv, version, after=("etcd",), ready=probe, port=site.ports.api)


def controller_manager(site: Site) -> Part:
    """Controllers of Deployments, garbage collection, namespaces, autoscaling and the rest."""
    kubeconfig = site.kubeconfig("controller-manager")
    argv = site.flags(
        site.program("kube-controller-manager"),
        kubeconfig=kubeconfig,
        authentication_kubeconfig=kubeconfig,
        authorization_kubeconfig=kubeconfig,
        bind_address="127.0.0.1",
        secure_port=site.ports.controller_manager,
        leader_elect=False,
        controllers="*",
        use_service_account_credentials=True,
        service_account_private_key_file=site.pki("service-accounts.key"),
        root_ca_file=site.pki("ca.crt"),
        cluster_signing_cert_file=site.pki("ca.crt"),
        cluster_signing_key_file=site.pki("ca.key"),
        allocate_node_cidrs=True,
        cluster_cidr=POD_RANGE,
        service_cluster_ip_range=SERVICE_RANGE,
        # Someone waits in front of the screen: autoscaling looks more often than each 15 s.
        horizontal_pod_autoscaler_sync_period="2s",
        # Namespaces come and go by the dozen in tests; at 20 requests a second their garbage piles up.
        kube_api_qps=500,
        kube_api_burst=1000,
        # The node's heartbeats may be late on a machine that also compiles.
        node_monitor_grace_period="60s",
        v=1,
    )
    return _healthy("kube-controller-manager", argv, site, site.ports.controller_manager)


def scheduler(site: Site) -> Part:
    """Places pods on nodes."""
    kubeconfig = site.kubeconfig("scheduler")
    argv = site.flags(
        site.program("kube-scheduler"),
        kubeconfig=kubeconfig,
        authentication_kubeconfig=kubeconfig,
        authorization_kubeconfig=kubeconfig,
        bind_address="127.0.0.1",
        secure_port=site.ports.scheduler,
        leader_elect=False,
        v=1,
    )
    return _healthy("kube-scheduler", argv, site, site.ports.scheduler)


def _healthy(name: str, argv: tuple[str, ...], site: Site, port: int) -> Part:
    probe = Probe(f"https://127.0.0.1:{port}/healthz")
    return Part(name, argv, site.versions[name], after=("kube-apiserver",), ready=probe, port=port)
