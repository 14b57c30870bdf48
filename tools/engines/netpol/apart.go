package main

import (
	networking "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/client-go/tools/cache"
)

// apart shows the controller each policy in pieces that mean the same together, as it would misread the whole:
//   - one for each direction, since it takes the rules of one for both where a policy selects both ends;
//   - a rule for each range of addresses, since the hole in one range of a rule is one in all of them;
//   - egress to named ports of anybody as to those of all pods, since it knows the own namespace's only, and
//     lets the numbers of these pass to everybody;
//   - beside names of ports a number that nobody serves, since names that are found nowhere would leave an
//     empty list, which means all ports.
type apart struct {
	cache.SharedIndexInformer
}

func (a apart) GetIndexer() cache.Indexer {
	return pieces{a.SharedIndexInformer.GetIndexer()}
}

type pieces struct {
	cache.Indexer
}

func (p pieces) List() []interface{} {
	var found []interface{}
	for _, object := range p.Indexer.List() {
		policy := object.(*networking.NetworkPolicy)
		for _, direction := range policy.Spec.PolicyTypes {
			found = append(found, piece(policy, direction))
		}
	}
	return found
}

func piece(policy *networking.NetworkPolicy, direction networking.PolicyType) *networking.NetworkPolicy {
	one := policy.DeepCopy()
	one.Name += ":" + string(direction) // no policy has a colon in its name
	one.Spec.PolicyTypes = []networking.PolicyType{direction}
	one.Spec.Ingress, one.Spec.Egress = nil, nil
	if direction == networking.PolicyTypeIngress {
		for _, rule := range policy.Spec.Ingress {
			for _, peers := range divided(rule.From) {
				one.Spec.Ingress = append(one.Spec.Ingress,
					networking.NetworkPolicyIngressRule{From: peers, Ports: numbered(rule.Ports)})
			}
		}
		return one
	}
	for _, rule := range policy.Spec.Egress {
		for _, peers := range divided(rule.To) {
			one.Spec.Egress = append(one.Spec.Egress,
				networking.NetworkPolicyEgressRule{To: peers, Ports: numbered(rule.Ports)})
		}
	}
	one.Spec.Egress = named(one.Spec.Egress)
	return one
}

// divided has all pods together, and each range by itself; nobody named is everybody, once.
func divided(peers []networking.NetworkPolicyPeer) [][]networking.NetworkPolicyPeer {
	var pods []networking.NetworkPolicyPeer
	var groups [][]networking.NetworkPolicyPeer
	for _, peer := range peers {
		if peer.IPBlock != nil {
			groups = append(groups, []networking.NetworkPolicyPeer{peer})
		} else {
			pods = append(pods, peer)
		}
	}
	if len(pods) > 0 || len(groups) == 0 {
		groups = append(groups, pods)
	}
	return groups
}

// named has rules to anybody's named ports as rules to those of all pods, beside the numbers.
func named(rules []networking.NetworkPolicyEgressRule) []networking.NetworkPolicyEgressRule {
	everyPod := []networking.NetworkPolicyPeer{{NamespaceSelector: &metav1.LabelSelector{}}}
	var found []networking.NetworkPolicyEgressRule
	for _, rule := range rules {
		var numbers []networking.NetworkPolicyPort
		for _, port := range rule.Ports {
			if isNumber(port) {
				numbers = append(numbers, port)
			}
		}
		if len(rule.To) == 0 && len(numbers) < len(rule.Ports) {
			found = append(found, networking.NetworkPolicyEgressRule{To: everyPod, Ports: rule.Ports})
			rule.Ports = numbers // never empty: `numbered` came before
		}
		found = append(found, rule)
	}
	return found
}

// numbered has a port that nobody serves beside those with names.
func numbered(ports []networking.NetworkPolicyPort) []networking.NetworkPolicyPort {
	for _, port := range ports {
		if isNumber(port) {
			return ports
		}
	}
	if len(ports) == 0 {
		return nil
	}
	nowhere := intstr.FromInt(0)
	return append(append([]networking.NetworkPolicyPort{}, ports...),
		networking.NetworkPolicyPort{Port: &nowhere, Protocol: ports[0].Protocol})
}

func isNumber(port networking.NetworkPolicyPort) bool {
	return port.Port == nil || port.Port.Type == intstr.Int
}
