// kubevirt prints the objects that KubeVirt's operator would install, as YAML: definitions, roles, the
// instance types and preferences that it ships, and what sends requests to virt-api. The operator itself
// deploys images, so it is of no use where there is no registry.
//
// Usage: kubevirt definitions | roles | types | routes
package main

import (
	"fmt"
	"os"

	admission "k8s.io/api/admissionregistration/v1"
	extensions "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"kubevirt.io/kubevirt/pkg/virt-operator/resource/generate/components"
	"kubevirt.io/kubevirt/pkg/virt-operator/resource/generate/rbac"
	"sigs.k8s.io/yaml"
)

const namespace = "kubevirt"

func main() {
	if len(os.Args) != 2 {
		fail(fmt.Errorf("usage: %s definitions | roles | types | routes", os.Args[0]))
	}
	switch os.Args[1] {
	case "definitions":
		definitions()
	case "types":
		types()
	case "routes":
		routes()
	case "roles":
		roles()
	default:
		fail(fmt.Errorf("%s is not known", os.Args[1]))
	}
}

func definitions() {
	for _, make := range []func() (*extensions.CustomResourceDefinition, error){
		components.NewKubeVirtCrd,
		components.NewMigrationPolicyCrd,
		components.NewPresetCrd,
		components.NewReplicaSetCrd,
		components.NewVirtualMachineCloneCrd,
		components.NewVirtualMachineClusterInstancetypeCrd,
		components.NewVirtualMachineClusterPreferenceCrd,
		components.NewVirtualMachineCrd,
		components.NewVirtualMachineExportCrd,
		components.NewVirtualMachineInstanceCrd,
		components.NewVirtualMachineInstanceMigrationCrd,
		components.NewVirtualMachineInstancetypeCrd,
		components.NewVirtualMachinePoolCrd,
		components.NewVirtualMachinePreferenceCrd,
		components.NewVirtualMachineRestoreCrd,
		components.NewVirtualMachineSnapshotContentCrd,
		components.NewVirtualMachineSnapshotCrd,
	} {
		definition, err := make()
		check(err)
		definition.APIVersion, definition.Kind = extensions.SchemeGroupVersion.String(), "CustomResourceDefinition"
		show(definition)
	}
}

func types() {
	sizes, err := components.NewClusterInstancetypes()
	check(err)
	for _, size := range sizes {
		show(size)
	}
	preferences, err := components.NewClusterPreferences()
	check(err)
	for _, preference := range preferences {
		show(preference)
	}
}

func routes() {
	mutating := components.NewVirtAPIMutatingWebhookConfiguration(namespace)
	mutating.APIVersion, mutating.Kind = admission.SchemeGroupVersion.String(), "MutatingWebhookConfiguration"
	show(mutating)
	validating := components.NewVirtAPIValidatingWebhookConfiguration(namespace)
	validating.APIVersion, validating.Kind = admission.SchemeGroupVersion.String(), "ValidatingWebhookConfiguration"
	show(validating)
	for _, service := range components.NewVirtAPIAPIServices(namespace) {
		service.APIVersion, service.Kind = "apiregistration.k8s.io/v1", "APIService"
		show(service)
	}
}

func roles() {
	for _, listed := range [][]runtime.Object{
		rbac.GetAllCluster(),
		rbac.GetAllApiServer(namespace),
		rbac.GetAllController(namespace),
		rbac.GetAllHandler(namespace),
	} {
		for _, object := range listed {
			show(object)
		}
	}
}

func show(object any) {
	text, err := yaml.Marshal(object)
	check(err)
	fmt.Printf("---\n%s", text)
}

func check(err error) {
	if err != nil {
		fail(err)
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}
