// Package node plays what stands around the control plane in a real cluster: the one node with its kubelet, the volume
// provisioner, and the cloud's load balancers.
package node

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"runtime"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/component-base/version"
	"k8s.io/utils/clock"
	"sigs.k8s.io/kwok/pkg/kwok/controllers"
	kwoklog "sigs.k8s.io/kwok/pkg/log"

	"github.com/helm-sdkpy/helm-sdkpy/testcluster/certificates"
	"github.com/helm-sdkpy/helm-sdkpy/testcluster/state"
)

const (
	// Name is the node's.
	Name = "testcluster"
	// IngressClass is the name of the default ingress class.
	IngressClass = "testcluster"

	readyTimeout = time.Minute
	podCIDR      = "10.244.0.0/16"
	leaseSeconds = 40
)

// Start makes the node and begins to play it; it returns when pods can be scheduled.
func Start(ctx context.Context, config *rest.Config, directory *state.Directory, authority *certificates.Authority) error {
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return fmt.Errorf("client of the node: %w", err)
	}
	port, err := startKubelet(ctx, client, authority)
	if err != nil {
		return err
	}
	if err := create(ctx, client, port); err != nil {
		return err
	}
	if err := startKwok(ctx, config, client, directory); err != nil {
		return err
	}
	startVolumes(ctx, client)
	startLoadBalancers(ctx, client)
	return waitUntilReady(ctx, client)
}

// create registers the node, whole and ready, and what an administrator would have set up.
func create(ctx context.Context, client kubernetes.Interface, port int) error {
	if _, err := client.CoreV1().Nodes().Create(ctx, theNode(port), metav1.CreateOptions{}); err != nil {
		return fmt.Errorf("create the node: %w", err)
	}
	immediate := storagev1.VolumeBindingImmediate
	reclaim := corev1.PersistentVolumeReclaimDelete
	expand := true
	class := &storagev1.StorageClass{
		ObjectMeta: metav1.ObjectMeta{
			Name:        "standard",
			Annotations: map[string]string{"storageclass.kubernetes.io/is-default-class": "true"},
		},
		Provisioner:          provisioner,
		ReclaimPolicy:        &reclaim,
		VolumeBindingMode:    &immediate,
		AllowVolumeExpansion: &expand,
	}
	if _, err := client.StorageV1().StorageClasses().Create(ctx, class, metav1.CreateOptions{}); err != nil {
		return fmt.Errorf("create the storage class: %w", err)
	}
	ingress := &networkingv1.IngressClass{
		ObjectMeta: metav1.ObjectMeta{
			Name:        IngressClass,
			Annotations: map[string]string{networkingv1.AnnotationIsDefaultIngressClass: "true"},
		},
		Spec: networkingv1.IngressClassSpec{Controller: "testcluster/ingress"},
	}
	if _, err := client.NetworkingV1().IngressClasses().Create(ctx, ingress, metav1.CreateOptions{}); err != nil {
		return fmt.Errorf("create the ingress class: %w", err)
	}
	return nil
}

func theNode(port int) *corev1.Node {
	capacity := corev1.ResourceList{
		corev1.ResourceCPU:              resource.MustParse("1k"),
		corev1.ResourceMemory:           resource.MustParse("1Ti"),
		corev1.ResourceEphemeralStorage: resource.MustParse("1Ti"),
		corev1.ResourcePods:             resource.MustParse("100k"),
	}
	now := metav1.Now()
	condition := func(kind corev1.NodeConditionType, status corev1.ConditionStatus, reason string) corev1.NodeCondition {
		return corev1.NodeCondition{Type: kind, Status: status, Reason: reason, LastHeartbeatTime: now, LastTransitionTime: now}
	}
	kubelet := version.Get().GitVersion
	return &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{
			Name: Name,
			Labels: map[string]string{
				corev1.LabelOSStable:                    "linux",
				corev1.LabelArchStable:                  runtime.GOARCH,
				corev1.LabelHostname:                    Name,
				corev1.LabelTopologyZone:                "testcluster-a",
				corev1.LabelTopologyRegion:              "testcluster",
				"node-role.kubernetes.io/control-plane": "",
			},
		},
		Spec: corev1.NodeSpec{PodCIDR: podCIDR, PodCIDRs: []string{podCIDR}},
		Status: corev1.NodeStatus{
			Capacity:    capacity,
			Allocatable: capacity,
			Conditions: []corev1.NodeCondition{
				condition(corev1.NodeReady, corev1.ConditionTrue, "KubeletReady"),
				condition(corev1.NodeMemoryPressure, corev1.ConditionFalse, "KubeletHasSufficientMemory"),
				condition(corev1.NodeDiskPressure, corev1.ConditionFalse, "KubeletHasNoDiskPressure"),
				condition(corev1.NodePIDPressure, corev1.ConditionFalse, "KubeletHasSufficientPID"),
			},
			Addresses: []corev1.NodeAddress{
				{Type: corev1.NodeInternalIP, Address: "127.0.0.1"},
				{Type: corev1.NodeHostName, Address: Name},
			},
			DaemonEndpoints: corev1.NodeDaemonEndpoints{KubeletEndpoint: corev1.DaemonEndpoint{Port: int32(port)}},
			NodeInfo: corev1.NodeSystemInfo{
				Architecture: runtime.GOARCH, OperatingSystem: "linux", OSImage: "testcluster",
				KubeletVersion: kubelet, ContainerRuntimeVersion: "kwok://0.8.0",
			},
		},
	}
}

// startKwok has kwok play the kubelet's part for every pod.
func startKwok(ctx context.Context, config *rest.Config, client kubernetes.Interface, directory *state.Directory) error {
	log, err := directory.Log("node")
	if err != nil {
		return err
	}
	ctx = kwoklog.NewContext(ctx, kwoklog.NewLogger(log, slog.LevelWarn))
	rules, err := stages()
	if err != nil {
		return err
	}
	dynamicClient, err := dynamic.NewForConfig(config)
	if err != nil {
		return fmt.Errorf("client of kwok: %w", err)
	}
	kwok, err := controllers.NewController(controllers.Config{
		Clock:                     clock.RealClock{},
		TypedClient:               client,
		DynamicClient:             dynamicClient,
		RESTClient:                client.CoreV1().RESTClient(),
		ManageAllNodes:            true,
		CIDR:                      podCIDR,
		NodeIP:                    "127.0.0.1",
		NodeName:                  Name,
		LocalStages:               rules,
		PodPlayStageParallelism:   8,
		NodePlayStageParallelism:  1,
		NodeLeaseDurationSeconds:  leaseSeconds,
		NodeLeaseParallelism:      1,
		PodsOnNodeSyncParallelism: 1,
		ID:                        Name,
	})
	if err != nil {
		return fmt.Errorf("set up kwok: %w", err)
	}
	if err := kwok.Start(ctx); err != nil {
		return fmt.Errorf("start kwok: %w", err)
	}
	return nil
}

// waitUntilReady returns when a pod created in the default namespace would be admitted and scheduled.
func waitUntilReady(ctx context.Context, client kubernetes.Interface) error {
	var missing error
	err := wait.PollUntilContextTimeout(ctx, 20*time.Millisecond, readyTimeout, true, func(ctx context.Context) (bool, error) {
		missing = errors.Join(taintFree(ctx, client), serviceAccountExists(ctx, client))
		return missing == nil, nil
	})
	if err != nil {
		return fmt.Errorf("the node does not become ready (%w): %w", err, missing)
	}
	return nil
}

func taintFree(ctx context.Context, client kubernetes.Interface) error {
	node, err := client.CoreV1().Nodes().Get(ctx, Name, metav1.GetOptions{})
	if err != nil {
		return err
	}
	for _, taint := range node.Spec.Taints {
		return fmt.Errorf("node is tainted %s", taint.Key)
	}
	return nil
}

func serviceAccountExists(ctx context.Context, client kubernetes.Interface) error {
	_, err := client.CoreV1().ServiceAccounts(metav1.NamespaceDefault).Get(ctx, "default", metav1.GetOptions{})
	return err
}

// listen takes a port that the system chooses, on loopback only.
func listen() (net.Listener, error) {
	return net.Listen("tcp", "127.0.0.1:0")
}
