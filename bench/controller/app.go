package main

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// version is the API of Pileus, whose CRD this operator works on too.
var version = schema.GroupVersion{Group: "pileus.dev", Version: "v1alpha1"}

// ContainerApp has the fields that the benchmark sets and no others, so the cache holds no others.
type ContainerApp struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata"`

	Spec   AppSpec   `json:"spec"`
	Status AppStatus `json:"status"`
}

// AppSpec is what users write.
type AppSpec struct {
	Image    string            `json:"image"`
	Replicas int32             `json:"replicas"`
	Port     int32             `json:"port"`
	Env      map[string]string `json:"env"`
}

// AppStatus is what was found.
type AppStatus struct {
	ObservedGeneration int64              `json:"observedGeneration"`
	Conditions         []metav1.Condition `json:"conditions,omitempty"`
	Resources          []Child            `json:"resources,omitempty"`
	InternalURL        string             `json:"internalUrl,omitempty"`
	Replicas           *Replicas          `json:"replicas,omitempty"`
	Revision           int64              `json:"revision,omitempty"`
}

// Child is one object that an app became.
type Child struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Name       string `json:"name"`
	Ready      bool   `json:"ready"`
	Reason     string `json:"reason,omitempty"`
}

// Replicas says how many there are of the version in service.
type Replicas struct {
	Ready   int32  `json:"ready"`
	Desired int32  `json:"desired"`
	Summary string `json:"summary"`
}

// ContainerAppList is what a list answers.
type ContainerAppList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata"`

	Items []ContainerApp `json:"items"`
}

// addToScheme makes the kind known to clients and caches.
func addToScheme(scheme *runtime.Scheme) {
	scheme.AddKnownTypes(version, &ContainerApp{}, &ContainerAppList{})
	metav1.AddToGroupVersion(scheme, version)
}

// DeepCopyObject implements runtime.Object.
func (in *ContainerApp) DeepCopyObject() runtime.Object { return in.deepCopy() }

// DeepCopyObject implements runtime.Object.
func (in *ContainerAppList) DeepCopyObject() runtime.Object {
	out := *in
	in.ListMeta.DeepCopyInto(&out.ListMeta)
	out.Items = make([]ContainerApp, len(in.Items))
	for i := range in.Items {
		out.Items[i] = *in.Items[i].deepCopy()
	}
	return &out
}

func (in *ContainerApp) deepCopy() *ContainerApp {
	out := *in
	in.ObjectMeta.DeepCopyInto(&out.ObjectMeta)
	if in.Spec.Env != nil {
		out.Spec.Env = make(map[string]string, len(in.Spec.Env))
		for name, value := range in.Spec.Env {
			out.Spec.Env[name] = value
		}
	}
	out.Status.Conditions = append([]metav1.Condition(nil), in.Status.Conditions...)
	out.Status.Resources = append([]Child(nil), in.Status.Resources...)
	if in.Status.Replicas != nil {
		replicas := *in.Status.Replicas
		out.Status.Replicas = &replicas
	}
	return &out
}
