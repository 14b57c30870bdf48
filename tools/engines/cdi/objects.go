package main

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/go-logr/logr"
	"kubevirt.io/containerized-data-importer/pkg/operator/resources/cluster"
	"kubevirt.io/containerized-data-importer/pkg/operator/resources/namespaced"
	cdi "kubevirt.io/containerized-data-importer/pkg/operator/resources/operator"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"
)

// Left out: Deployments and what belongs to pods that do not run here.
var kept = []string{
	"CustomResourceDefinition",
	"ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding", "ServiceAccount",
	"MutatingWebhookConfiguration", "ValidatingWebhookConfiguration", "APIService",
}

func objects() {
	arguments := &cluster.FactoryArgs{Namespace: namespace, Client: nowhere{}, Logger: logr.Discard()}
	static, err := cluster.CreateAllStaticResources(arguments)
	check(err)
	dynamic, err := cluster.CreateAllDynamicResources(arguments)
	check(err)
	inside, err := namespaced.CreateAllResources(&namespaced.FactoryArgs{Namespace: namespace})
	check(err)
	operator, err := cdi.CreateAllOperatorResources(&cdi.FactoryArgs{
		NamespacedArgs: namespaced.FactoryArgs{Namespace: namespace},
	})
	check(err)
	for _, object := range operator {
		// The operator's own objects hold the definition of the CDI object itself, more than once.
		if object.GetObjectKind().GroupVersionKind().Kind == "CustomResourceDefinition" {
			show(object)
			break
		}
	}
	for _, object := range inside {
		object.SetNamespace(namespace)
		show(object)
	}
	for _, object := range slices.Concat(static, dynamic) {
		show(object)
	}
}

func show(object client.Object) {
	if !slices.Contains(kept, object.GetObjectKind().GroupVersionKind().Kind) {
		return
	}
	text, err := yaml.Marshal(object)
	check(err)
	fmt.Printf("---\n%s", text)
}

// nowhere is a cluster without the certificates that CDI's operator makes: the local cluster puts in its own.
type nowhere struct{ client.Client }

func (nowhere) Get(context.Context, client.ObjectKey, client.Object, ...client.GetOption) error {
	return errors.New("there is no cluster")
}
