package watch

import (
	"context"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
)

// relatives answers what belongs to an object. Who keeps a store of a namespace's pods can answer from it.
type relatives interface {
	// pods are those that a label selector finds.
	pods(ctx context.Context, namespace, selector string) ([]corev1.Pod, error)
	// claim is one PersistentVolumeClaim, nil where there is none.
	claim(ctx context.Context, namespace, name string) (*corev1.PersistentVolumeClaim, error)
	// events are those of one object.
	events(ctx context.Context, namespace string, of types.UID) ([]corev1.Event, error)
}

const (
	podsAtMost   = 100 // that are looked at of one object
	eventsAtMost = 100
)

// lists asks the API server, by lists: what may not be listed is none.
type lists struct{ client kubernetes.Interface }

func (l lists) pods(ctx context.Context, namespace, selector string) ([]corev1.Pod, error) {
	list, err := l.client.CoreV1().Pods(namespace).List(ctx, metav1.ListOptions{LabelSelector: selector, Limit: podsAtMost})
	if err != nil {
		return nil, err
	}
	return list.Items, nil
}

func (l lists) claim(ctx context.Context, namespace, name string) (*corev1.PersistentVolumeClaim, error) {
	list, err := l.client.CoreV1().PersistentVolumeClaims(namespace).List(ctx, metav1.ListOptions{FieldSelector: "metadata.name=" + name})
	if err != nil || len(list.Items) == 0 {
		return nil, err
	}
	return &list.Items[0], nil
}

func (l lists) events(ctx context.Context, namespace string, of types.UID) ([]corev1.Event, error) {
	list, err := l.client.CoreV1().Events(namespace).List(ctx, metav1.ListOptions{FieldSelector: "involvedObject.uid=" + string(of), Limit: eventsAtMost})
	if err != nil {
		return nil, err
	}
	return list.Items, nil
}

// relatives are asked for with the operation's own connection; nil where there is none.
func (c *Client) relatives() relatives {
	client, err := c.kubernetes()
	if err != nil {
		return nil
	}
	return lists{client}
}

// mentionsClaim says whether the scheduler, or a node, complains of a volume claim.
func mentionsClaim(message string) bool {
	return strings.Contains(strings.ToLower(message), "persistentvolumeclaim")
}
