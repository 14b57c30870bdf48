package main

import (
	"context"
	"crypto/rsa"

	snapshots "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	openshift "github.com/openshift/api/config/v1"
	images "github.com/openshift/api/image/v1"
	routes "github.com/openshift/api/route/v1"
	batch "k8s.io/api/batch/v1"
	core "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	extensions "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/scheme"
	cdiv1 "kubevirt.io/containerized-data-importer-api/pkg/apis/core/v1beta1"
	forklift "kubevirt.io/containerized-data-importer-api/pkg/apis/forklift/v1beta1"
	"kubevirt.io/containerized-data-importer/pkg/common"
	"kubevirt.io/containerized-data-importer/pkg/controller"
	dvc "kubevirt.io/containerized-data-importer/pkg/controller/datavolume"
	"kubevirt.io/containerized-data-importer/pkg/controller/populators"
	"kubevirt.io/containerized-data-importer/pkg/controller/transfer"
	metrics "kubevirt.io/containerized-data-importer/pkg/monitoring/metrics/cdi-controller"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	logf "sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/metrics/server"
)

// The level of the importers' own logs.
const verbose = "1"

var labels = map[string]string{}

// control runs the controllers that cdi-controller runs, without those that need CDI's servers in pods.
func control(ctx context.Context, kubeconfig, image string, signing *rsa.PrivateKey) error {
	check(metrics.SetupMetrics())
	kinds := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{
		scheme.AddToScheme, cdiv1.AddToScheme, extensions.AddToScheme, snapshots.AddToScheme,
		forklift.AddToScheme, images.Install, openshift.Install, routes.Install,
	} {
		check(add(kinds))
	}
	own := cache.ByObject{Namespaces: map[string]cache.Config{namespace: {}}}
	running, err := manager.New(loaded(kubeconfig), manager.Options{
		Scheme:  kinds,
		Metrics: server.Options{BindAddress: "0"},
		Cache: cache.Options{ByObject: map[client.Object]cache.ByObject{
			&networking.Ingress{}: own, &batch.CronJob{}: own, &batch.Job{}: own, &core.ConfigMap{}: own, &core.Secret{}: own,
		}},
	})
	check(err)
	log, policy := logf.Log.WithName("controller"), string(core.PullIfNotPresent)
	public := &signing.PublicKey
	must(controller.NewConfigController(running, log, "cdi-uploadproxy", common.ConfigName, labels))
	must(controller.NewStorageProfileController(running, log, labels))
	check(dvc.CreateCommonIndexes(running))
	must(dvc.NewImportController(ctx, running, log, labels))
	must(dvc.NewUploadController(ctx, running, log, labels))
	must(dvc.NewPvcCloneController(ctx, running, log, image, image, policy, public, signing, labels))
	must(dvc.NewSnapshotCloneController(ctx, running, log, image, image, policy, public, signing, labels))
	must(dvc.NewPopulatorController(ctx, running, log, labels))
	must(controller.NewImportController(running, log, image, policy, verbose, labels))
	must(transfer.NewObjectTransferController(running, log, labels))
	must(controller.NewDataImportCronController(running, log, image, policy, labels))
	must(controller.NewDataSourceController(running, log, labels))
	check(populators.CreateCommonPopulatorIndexes(running))
	must(populators.NewImportPopulator(ctx, running, log, labels))
	must(populators.NewUploadPopulator(ctx, running, log, labels))
	must(populators.NewClonePopulator(ctx, running, log, image, policy, labels, public))
	return running.Start(ctx)
}

func must(_ any, err error) { check(err) }
