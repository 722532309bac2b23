package node

import (
	"context"
	"fmt"
	"hash/fnv"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/klog/v2"
)

// addressAnnotation set to "never" leaves a load balancer without an address.
const addressAnnotation = "testcluster/load-balancer"

// startLoadBalancers plays the cloud: services of type LoadBalancer get an address from the block for benchmarks
// (RFC 2544), which leads nowhere.
func startLoadBalancers(ctx context.Context, client kubernetes.Interface) {
	services := client.CoreV1().Services(metav1.NamespaceAll)
	follow(ctx, services.List, services.Watch, func(service *corev1.Service) {
		if service.DeletionTimestamp != nil || service.Spec.Type != corev1.ServiceTypeLoadBalancer ||
			service.Spec.LoadBalancerClass != nil || len(service.Status.LoadBalancer.Ingress) > 0 ||
			service.Annotations[addressAnnotation] == "never" {
			return
		}
		changed := service.DeepCopy()
		changed.Status.LoadBalancer.Ingress = []corev1.LoadBalancerIngress{{IP: addressOf(service)}}
		_, err := client.CoreV1().Services(service.Namespace).UpdateStatus(ctx, changed, metav1.UpdateOptions{})
		// A conflict means that a newer version is on its way here.
		if err != nil && !apierrors.IsNotFound(err) && !apierrors.IsConflict(err) {
			klog.ErrorS(err, "give a load balancer its address", "service", klog.KObj(service))
		}
	})
}

// addressOf is the address that was asked for, else one that stays the same for the same service.
func addressOf(service *corev1.Service) string {
	if service.Spec.LoadBalancerIP != "" { //nolint:staticcheck // deprecated, and still what charts set
		return service.Spec.LoadBalancerIP //nolint:staticcheck // as above
	}
	sum := fnv.New32a()
	_, _ = sum.Write([]byte(service.UID))
	number := sum.Sum32()
	return fmt.Sprintf("198.%d.%d.%d", 18+number%2, number>>8&0xff, 1+number>>16%254)
}
