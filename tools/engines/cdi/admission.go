package main

import (
	"context"
	"crypto/rsa"
	"fmt"

	snapshots "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	snapclient "github.com/kubernetes-csi/external-snapshotter/client/v6/clientset/versioned"
	core "k8s.io/api/core/v1"
	storage "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	aggregatorclient "k8s.io/kube-aggregator/pkg/client/clientset_generated/clientset"
	cdiv1 "kubevirt.io/containerized-data-importer-api/pkg/apis/core/v1beta1"
	"kubevirt.io/containerized-data-importer/pkg/apiserver"
	cdiclient "kubevirt.io/containerized-data-importer/pkg/client/clientset/versioned"
	dvc "kubevirt.io/containerized-data-importer/pkg/controller/datavolume"
	"kubevirt.io/containerized-data-importer/pkg/keys"
	certwatcher "kubevirt.io/containerized-data-importer/pkg/util/cert/watcher"
	cryptowatch "kubevirt.io/containerized-data-importer/pkg/util/tls-crypto-watch"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// signingKey is what tokens of clones are signed with: admission makes it, the controllers check by it.
func signingKey(kubeconfig string) *rsa.PrivateKey {
	key, err := keys.GetOrCreatePrivateKey(
		kubernetes.NewForConfigOrDie(loaded(kubeconfig)), namespace, apiserver.APISigningKeySecretName, nil)
	check(err)
	return key
}

// serve answers the API server's questions about DataVolumes and other objects of CDI, until the end.
func serve(ctx context.Context, kubeconfig string, port uint, certificate, key string) error {
	for _, add := range []func(*runtime.Scheme) error{core.AddToScheme, cdiv1.AddToScheme, snapshots.AddToScheme} {
		check(add(scheme.Scheme))
	}
	config := loaded(kubeconfig)
	plain := kubernetes.NewForConfigOrDie(config)
	data := cdiclient.NewForConfigOrDie(config)
	direct, err := client.New(config, client.Options{Scheme: scheme.Scheme})
	check(err)
	cached, err := cache.New(config, cache.Options{
		Scheme: scheme.Scheme,
		ByObject: map[client.Object]cache.ByObject{
			&core.PersistentVolume{}: {}, &storage.StorageClass{}: {}, &cdiv1.StorageProfile{}: {},
		},
	})
	check(err)
	check(dvc.CreateAvailablePersistentVolumeIndex(cached))
	go func() { check(cached.Start(ctx)) }()
	if !cached.WaitForCacheSync(ctx) {
		return fmt.Errorf("the admission's cache does not fill")
	}

	logins, err := apiserver.NewAuthConfigWatcher(ctx, plain)
	check(err)
	settings, err := cryptowatch.NewCdiConfigTLSWatcher(ctx, data)
	check(err)
	authorizer, err := apiserver.NewAuthorizorFromConfig(config, logins)
	check(err)
	certificates, err := certwatcher.New(certificate, key)
	check(err)
	go func() { check(certificates.Start(ctx.Done())) }()
	server, err := apiserver.NewCdiAPIServer("127.0.0.1", port, plain, aggregatorclient.NewForConfigOrDie(config), data,
		snapclient.NewForConfigOrDie(config), partlyCached{direct, cached}, authorizer, logins, settings, certificates, nil)
	check(err)
	return server.Start(ctx.Done())
}

// partlyCached reads from a cache what cdi-apiserver reads from its cache, and all else directly.
type partlyCached struct {
	client.Client
	cache cache.Cache
}

func (c partlyCached) Get(ctx context.Context, key client.ObjectKey, object client.Object, options ...client.GetOption) error {
	switch object.(type) {
	case *core.PersistentVolume, *storage.StorageClass, *cdiv1.StorageProfile:
		return c.cache.Get(ctx, key, object, options...)
	}
	return c.Client.Get(ctx, key, object, options...)
}

func (c partlyCached) List(ctx context.Context, list client.ObjectList, options ...client.ListOption) error {
	switch list.(type) {
	case *core.PersistentVolumeList, *storage.StorageClassList, *cdiv1.StorageProfileList:
		return c.cache.List(ctx, list, options...)
	}
	return c.Client.List(ctx, list, options...)
}

func loaded(kubeconfig string) *rest.Config {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	check(err)
	return config
}
