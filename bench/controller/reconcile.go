package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	"k8s.io/apimachinery/pkg/util/resourceversion"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

const (
	manager = "pileus" // field manager and label, as long as Pileus's own
	applied = "bench.pileus.dev/applied"
)

// reconciler makes the four children of an app and tells about them, each write only on difference.
type reconciler struct {
	client  client.Client // reads from the caches
	written sync.Map      // the version that the last status write of an app made, by its name
}

// Reconcile is one pass over one app.
func (r *reconciler) Reconcile(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	app := &ContainerApp{}
	if err := r.client.Get(ctx, request.NamespacedName, app); err != nil {
		r.written.Delete(request.NamespacedName)
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if r.behind(app) {
		return ctrl.Result{RequeueAfter: 20 * time.Millisecond}, nil
	}
	if !app.DeletionTimestamp.IsZero() {
		return ctrl.Result{}, nil // garbage collection takes the children
	}
	if err := settle(ctx, r.client, app, serviceAccount(app), &corev1.ServiceAccount{}); err != nil {
		return ctrl.Result{}, err
	}
	if err := settle(ctx, r.client, app, service(app), &corev1.Service{}); err != nil {
		return ctrl.Result{}, err
	}
	live := &appsv1.Deployment{}
	if err := settle(ctx, r.client, app, deployment(app), live); err != nil {
		return ctrl.Result{}, err
	}
	if err := settle(ctx, r.client, app, disruptionBudget(app), &policyv1.PodDisruptionBudget{}); err != nil {
		return ctrl.Result{}, err
	}
	return ctrl.Result{}, r.report(ctx, app, judge(app, live))
}

// behind tells whether the cache has not seen the last status write yet: judged by the old status, the
// same one would be written again.
func (r *reconciler) behind(app *ContainerApp) bool {
	version, known := r.written.Load(client.ObjectKeyFromObject(app))
	if !known {
		return false
	}
	order, err := resourceversion.CompareResourceVersion(app.ResourceVersion, version.(string))
	return err == nil && order < 0
}

// configuration is an apply configuration that takes annotations.
type configuration[C any] interface {
	runtime.ApplyConfiguration
	WithAnnotations(map[string]string) C
}

// object is the pointer to an API type.
type object[T any] interface {
	*T
	client.Object
}

// settle applies `desired` unless the cached object carries the digest of it and still has its fields:
// the digest finds fields that are no longer wanted, the comparison what others have changed. Afterwards
// `live` is the object as it is now.
func settle[T any, L object[T], C configuration[C]](ctx context.Context, c client.Client, app *ContainerApp, desired C, live L) error {
	body, err := json.Marshal(desired)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(body)
	digest := hex.EncodeToString(sum[:10])
	err = c.Get(ctx, client.ObjectKeyFromObject(app), live)
	if client.IgnoreNotFound(err) != nil {
		return err
	}
	if err == nil {
		if !metav1.IsControlledBy(live, app) {
			return fmt.Errorf("%T %s/%s belongs to somebody else", live, app.Namespace, app.Name)
		}
		if live.GetAnnotations()[applied] == digest {
			if same, err := has(live, body); same || err != nil {
				return err
			}
		}
	}
	err = c.Apply(ctx, desired.WithAnnotations(map[string]string{applied: digest}), client.FieldOwner(manager), client.ForceOwnership)
	if err != nil {
		return err
	}
	answer, err := json.Marshal(desired) // Apply has decoded the answer into it
	if err != nil {
		return err
	}
	*live = *new(T)
	return json.Unmarshal(answer, live)
}

// has tells whether the object has every field of the body.
func has(live client.Object, body []byte) (bool, error) {
	found, err := runtime.DefaultUnstructuredConverter.ToUnstructured(live)
	if err != nil {
		return false, err
	}
	wanted := map[string]any{}
	if err := utiljson.Unmarshal(body, &wanted); err != nil {
		return false, err
	}
	return covers(found, wanted), nil
}

// covers tells whether `found` has every leaf of `wanted`; what others have added does not matter, but in
// lists.
func covers(found, wanted any) bool {
	switch wanted := wanted.(type) {
	case map[string]any:
		fields, ok := found.(map[string]any)
		for name, value := range wanted {
			ok = ok && covers(fields[name], value)
		}
		return ok
	case []any:
		items, ok := found.([]any)
		return ok && slices.EqualFunc(items, wanted, covers)
	}
	return found == wanted
}

// judge says what the Deployment's state means for the app, in the words of Pileus.
func judge(app *ContainerApp, live *appsv1.Deployment) AppStatus {
	desired := app.Spec.Replicas
	ready := min(live.Status.ReadyReplicas, desired)
	revision, _ := strconv.ParseInt(live.Annotations["deployment.kubernetes.io/revision"], 10, 64)
	status := AppStatus{
		ObservedGeneration: app.Generation,
		Conditions:         slices.Clone(app.Status.Conditions), // for the times of their last changes
		Resources: []Child{
			{APIVersion: "apps/v1", Kind: "Deployment", Name: app.Name, Ready: true, Reason: "Ready"},
			{APIVersion: "policy/v1", Kind: "PodDisruptionBudget", Name: app.Name, Ready: true, Reason: "Ready"},
			{APIVersion: "v1", Kind: "Service", Name: app.Name, Ready: true, Reason: "Ready"},
			{APIVersion: "v1", Kind: "ServiceAccount", Name: app.Name, Ready: true, Reason: "Ready"},
		},
		InternalURL: fmt.Sprintf("http://%s.%s.svc.cluster.local:%d/", app.Name, app.Namespace, app.Spec.Port),
		Replicas:    &Replicas{Ready: ready, Desired: desired, Summary: fmt.Sprintf("%d/%d", ready, desired)},
		Revision:    revision,
	}
	reason, message, done := "Ready", "Everything is in place.", rolledOut(live, desired)
	if !done {
		reason, message = "Progressing", fmt.Sprintf("Deployment '%s' is being rolled out.", app.Name)
		status.Resources[0].Ready, status.Resources[0].Reason = false, reason
	}
	set := func(kind string, holds bool, reason, message string) {
		condition := metav1.Condition{
			Type: kind, Status: metav1.ConditionFalse, Reason: reason, Message: message, ObservedGeneration: app.Generation,
		}
		if holds {
			condition.Status = metav1.ConditionTrue
		}
		meta.SetStatusCondition(&status.Conditions, condition)
	}
	set("Ready", done, reason, message)
	set("Reconciling", !done, reason, message)
	set("Stalled", false, reason, "")
	set("Exposed", false, "NotRequested", "expose is not set.")
	set("Scaling", false, "NotRequested", "scale is not set.")
	return status
}

// rolledOut tells whether every replica runs the newest template and is available, and no other is left.
func rolledOut(live *appsv1.Deployment, desired int32) bool {
	return live.Status.ObservedGeneration >= live.Generation && live.Status.UpdatedReplicas == desired &&
		live.Status.Replicas == desired && live.Status.AvailableReplicas >= desired
}

// report applies the status if it differs from the one in the cache.
func (r *reconciler) report(ctx context.Context, app *ContainerApp, status AppStatus) error {
	if equality.Semantic.DeepEqual(app.Status, status) {
		return nil
	}
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(&status)
	if err != nil {
		return err
	}
	body := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": version.String(),
		"kind":       "ContainerApp",
		"metadata":   map[string]any{"name": app.Name, "namespace": app.Namespace, "uid": string(app.UID)},
		"status":     content,
	}}
	err = r.client.Status().Apply(ctx, client.ApplyConfigurationFromUnstructured(body),
		client.FieldOwner(manager), client.ForceOwnership)
	if err == nil {
		r.written.Store(client.ObjectKeyFromObject(app), body.GetResourceVersion())
	}
	return err
}
