package main

import (
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/intstr"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	apps "k8s.io/client-go/applyconfigurations/apps/v1"
	core "k8s.io/client-go/applyconfigurations/core/v1"
	meta "k8s.io/client-go/applyconfigurations/meta/v1"
	policy "k8s.io/client-go/applyconfigurations/policy/v1"
)

// The four children have the content that Pileus gives them for the same app, field by field, so that
// the API server has the same work with both.

func labelsOf(app *ContainerApp) map[string]string {
	return map[string]string{
		"app.kubernetes.io/name":       "containerapp",
		"app.kubernetes.io/instance":   app.Name,
		"app.kubernetes.io/managed-by": manager,
		"app.kubernetes.io/part-of":    "pileus",
		"pileus.dev/kind":              "ContainerApp",
		"pileus.dev/name":              app.Name,
	}
}

func selectorOf(app *ContainerApp, track bool) map[string]string {
	selector := map[string]string{
		"app.kubernetes.io/instance": app.Name,
		"pileus.dev/kind":            "ContainerApp",
		"pileus.dev/name":            app.Name,
	}
	if track {
		selector["pileus.dev/track"] = "stable"
	}
	return selector
}

func ownerOf(app *ContainerApp) *meta.OwnerReferenceApplyConfiguration {
	return meta.OwnerReference().
		WithAPIVersion(version.String()).
		WithKind("ContainerApp").
		WithName(app.Name).
		WithUID(app.UID).
		WithController(true).
		WithBlockOwnerDeletion(true)
}

func serviceAccount(app *ContainerApp) *core.ServiceAccountApplyConfiguration {
	return core.ServiceAccount(app.Name, app.Namespace).
		WithLabels(labelsOf(app)).
		WithOwnerReferences(ownerOf(app)).
		WithAutomountServiceAccountToken(false)
}

func service(app *ContainerApp) *core.ServiceApplyConfiguration {
	return core.Service(app.Name, app.Namespace).
		WithLabels(labelsOf(app)).
		WithOwnerReferences(ownerOf(app)).
		WithSpec(core.ServiceSpec().
			WithSelector(selectorOf(app, true)).
			WithPorts(core.ServicePort().
				WithName("http").
				WithPort(app.Spec.Port).
				WithProtocol(corev1.ProtocolTCP).
				WithTargetPort(intstr.FromString("http"))))
}

func deployment(app *ContainerApp) *apps.DeploymentApplyConfiguration {
	podLabels := labelsOf(app)
	podLabels["pileus.dev/track"] = "stable"
	return apps.Deployment(app.Name, app.Namespace).
		WithLabels(labelsOf(app)).
		WithOwnerReferences(ownerOf(app)).
		WithSpec(apps.DeploymentSpec().
			WithReplicas(app.Spec.Replicas).
			WithSelector(meta.LabelSelector().WithMatchLabels(selectorOf(app, true))).
			WithStrategy(apps.DeploymentStrategy().
				WithType(appsv1.RollingUpdateDeploymentStrategyType).
				WithRollingUpdate(apps.RollingUpdateDeployment().
					WithMaxSurge(intstr.FromString("25%")).
					WithMaxUnavailable(intstr.FromInt32(0)))).
			WithTemplate(core.PodTemplateSpec().
				WithLabels(podLabels).
				WithSpec(core.PodSpec().
					WithServiceAccountName(app.Name).
					WithAutomountServiceAccountToken(false).
					WithEnableServiceLinks(false).
					WithSecurityContext(core.PodSecurityContext().
						WithRunAsNonRoot(true).
						WithSeccompProfile(core.SeccompProfile().WithType(corev1.SeccompProfileTypeRuntimeDefault))).
					WithContainers(container(app)).
					WithTopologySpreadConstraints(
						spread(app, corev1.LabelTopologyZone),
						spread(app, corev1.LabelHostname)))))
}

func container(app *ContainerApp) *core.ContainerApplyConfiguration {
	built := core.Container().
		WithName("app").
		WithImage(app.Spec.Image).
		WithSecurityContext(core.SecurityContext().
			WithAllowPrivilegeEscalation(false).
			WithCapabilities(core.Capabilities().WithDrop("ALL"))).
		WithPorts(core.ContainerPort().
			WithName("http").
			WithContainerPort(app.Spec.Port).
			WithProtocol(corev1.ProtocolTCP)).
		WithReadinessProbe(core.Probe().
			WithTCPSocket(core.TCPSocketAction().WithPort(intstr.FromString("http")))).
		WithResources(core.ResourceRequirements().
			WithRequests(corev1.ResourceList{
				corev1.ResourceCPU:    resource.MustParse("100m"),
				corev1.ResourceMemory: resource.MustParse("256Mi"),
			}).
			WithLimits(corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("256Mi")}))
	for _, name := range slices.Sorted(maps.Keys(app.Spec.Env)) {
		built.WithEnv(core.EnvVar().WithName(name).WithValue(app.Spec.Env[name]))
	}
	return built
}

func spread(app *ContainerApp, key string) *core.TopologySpreadConstraintApplyConfiguration {
	return core.TopologySpreadConstraint().
		WithTopologyKey(key).
		WithMaxSkew(1).
		WithWhenUnsatisfiable(corev1.ScheduleAnyway).
		WithLabelSelector(meta.LabelSelector().WithMatchLabels(selectorOf(app, true))).
		WithMatchLabelKeys("pod-template-hash")
}

func disruptionBudget(app *ContainerApp) *policy.PodDisruptionBudgetApplyConfiguration {
	return policy.PodDisruptionBudget(app.Name, app.Namespace).
		WithLabels(labelsOf(app)).
		WithOwnerReferences(ownerOf(app)).
		WithSpec(policy.PodDisruptionBudgetSpec().
			WithMaxUnavailable(intstr.FromInt32(1)).
			WithUnhealthyPodEvictionPolicy(policyv1.AlwaysAllow).
			WithSelector(meta.LabelSelector().WithMatchLabels(selectorOf(app, false))))
}
