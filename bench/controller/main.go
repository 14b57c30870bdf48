// A minimal operator for the benchmark: what a good Go team would write for the kind that Pileus has.
//
// Reads come from caches, writes are server-side applies and made only on difference, the status is one
// apply. `controller operate` is the operator; `controller write` is a bare client that sends given
// requests, to find the write rate of the API server itself. Both take the cluster from $KUBECONFIG.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	clientscheme "k8s.io/client-go/kubernetes/scheme"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
	"sigs.k8s.io/controller-runtime/pkg/metrics/server"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "controller:", err)
		os.Exit(1)
	}
}

func run(arguments []string) error {
	if len(arguments) == 0 {
		return errors.New("say operate or write")
	}
	flags := flag.NewFlagSet(arguments[0], flag.ExitOnError)
	switch arguments[0] {
	case "operate":
		metrics := flags.String("metrics", "127.0.0.1:8080", "address of the metrics")
		probes := flags.String("probes", "127.0.0.1:8081", "address of /readyz")
		namespace := flags.String("namespace", "default", "where the leader's Lease is")
		workers := flags.Int("workers", 8, "passes at once")
		_ = flags.Parse(arguments[1:])
		return operate(*metrics, *probes, *namespace, *workers)
	case "write":
		file := flags.String("requests", "", "file of requests: a path, a tab and a body a line")
		each := flags.Int("each", 1, "how many successive lines are sent one after the other")
		inFlight := flags.Int("in-flight", 8, "how many are sent at once")
		_ = flags.Parse(arguments[1:])
		return write(*file, *each, *inFlight)
	}
	return fmt.Errorf("there is no command %s", arguments[0])
}

func operate(metrics, probes, namespace string, workers int) error {
	ctrl.SetLogger(zap.New())
	scheme := runtime.NewScheme()
	if err := clientscheme.AddToScheme(scheme); err != nil {
		return err
	}
	addToScheme(scheme)
	config, err := ctrl.GetConfig()
	if err != nil {
		return err
	}
	config.QPS = -1 // the API server's own priorities and fairness bound what it takes
	ours := cache.ByObject{Label: labels.SelectorFromSet(labels.Set{"app.kubernetes.io/managed-by": manager})}
	mgr, err := ctrl.NewManager(config, ctrl.Options{
		Scheme:                        scheme,
		Metrics:                       server.Options{BindAddress: metrics},
		HealthProbeBindAddress:        probes,
		LeaderElection:                true,
		LeaderElectionID:              "bench-controller",
		LeaderElectionNamespace:       namespace,
		LeaderElectionReleaseOnCancel: true,
		Cache: cache.Options{
			DefaultTransform: cache.TransformStripManagedFields(),
			ByObject: map[client.Object]cache.ByObject{
				&corev1.ServiceAccount{}:        ours,
				&corev1.Service{}:               ours,
				&appsv1.Deployment{}:            ours,
				&policyv1.PodDisruptionBudget{}: ours,
			},
		},
	})
	if err != nil {
		return err
	}
	// What this operator creates it knows from the answer, and what it finds at its start belongs to apps
	// that it finds too.
	notNew := builder.WithPredicates(predicate.Funcs{CreateFunc: func(event.CreateEvent) bool { return false }})
	err = ctrl.NewControllerManagedBy(mgr).
		For(&ContainerApp{}, builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		Owns(&corev1.ServiceAccount{}, notNew).
		Owns(&corev1.Service{}, notNew).
		Owns(&appsv1.Deployment{}, notNew).
		Owns(&policyv1.PodDisruptionBudget{}, notNew).
		WithOptions(controller.Options{MaxConcurrentReconciles: workers}).
		Complete(&reconciler{client: mgr.GetClient()})
	if err != nil {
		return err
	}
	if err := mgr.AddReadyzCheck("caches", inStep(mgr.GetCache())); err != nil {
		return err
	}
	return mgr.Start(ctrl.SetupSignalHandler())
}

// inStep answers once all caches are in step with the API server.
func inStep(caches cache.Cache) healthz.Checker {
	return func(request *http.Request) error {
		ctx, cancel := context.WithTimeout(request.Context(), 10*time.Millisecond)
		defer cancel()
		for _, kind := range []client.Object{
			&ContainerApp{}, &corev1.ServiceAccount{}, &corev1.Service{}, &appsv1.Deployment{}, &policyv1.PodDisruptionBudget{},
		} {
			informer, err := caches.GetInformer(ctx, kind, cache.BlockUntilSynced(false))
			if err != nil {
				return err
			}
			if !informer.HasSynced() {
				return fmt.Errorf("the cache of %T is not in step", kind)
			}
		}
		return nil
	}
}
