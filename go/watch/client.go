// Package watch is the kube client around Helm's: it carries the operation's context into everything that Helm does
// in the cluster, and reports it as events.
package watch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"

	"helm.sh/helm/v4/pkg/kube"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes"

	"github.com/helm-sdkpy/helm-sdkpy/go/bridge"
)

// Options are what the client has to know of the operation it serves.
type Options struct {
	// Release and Namespace are stamped on every event.
	Release   string
	Namespace string
	// Action is Helm's word for hooks of what runs: "install", "upgrade", "rollback", "delete" or "test". It picks the
	// name of the phase where a hook has several; without it the first is taken.
	Action string
	// ServerSideApply is asked only where Helm's options of a Create can not be read any more (create.go).
	ServerSideApply bool
	// Refresh is called when CustomResourceDefinitions were made, changed or removed.
	Refresh func()
	// Context bounds all that the client does; nil is the operation's own. A clean-up after a cancel gives a fresh one.
	Context context.Context
}

// Client implements kube.Interface and kube.InterfaceWaitOptions for one operation.
//
// Helm calls its methods and its waiters' on goroutines of Helm's own: each recovers from a panic. Once the context is
// done each fails at once and sends nothing.
type Client struct {
	*kube.Client

	ctx     context.Context
	options Options
	record  *record
	report  *reporter
	traffic *Transport
	tables  atomic.Bool // objects were asked for as tables
	others  func() bool // whether others of the session may wait too; nil before the first waiter

	mu        sync.Mutex
	clientset kubernetes.Interface
	touched   bool // the chart's own objects were: a hook that runs now is a post one
}

var (
	_ kube.Interface            = (*Client)(nil)
	_ kube.InterfaceWaitOptions = (*Client)(nil)
)

// New makes the client of an operation. The factory's requests go through the transport; nil where nothing is to be
// learned from them.
func New(op *bridge.Operation, factory kube.Factory, transport *Transport, options Options) *Client {
	if transport == nil {
		transport = NewTransport(op, options)
	}
	client := &Client{
		Client:  helmClient(transport, factory, options.Namespace),
		ctx:     transport.ctx,
		options: options,
		record:  transport.record,
		report:  transport.report,
		traffic: transport,
	}
	return client
}

// helmClient is Helm's own client, bound to the operation.
func helmClient(transport *Transport, factory kube.Factory, namespace string) *kube.Client {
	made := &kube.Client{Factory: factory, Namespace: namespace}
	//lint:ignore SA1019 the legacy waiter reads no options, only this (helm: pkg/kube/client.go, GetWaiterWithOptions)
	made.WaitContext = transport.ctx
	made.SetLogger(transport.op.Handler())
	return made
}

// Phase tells the listener what the operation is doing now; told twice in a row, it is an event once.
func (c *Client) Phase(name string) { c.report.enter(name) }

// Conceal keeps the values of the Secrets in a manifest out of what is told of pods, their logs and their events, as is
// done for those in every manifest that Build is given.
func (c *Client) Conceal(manifest string) { c.record.secrets.add(manifest) }

// Failures are the errors of all calls of the operation that failed and were not made good by a later one. What
// failed while waiting is not among them.
func (c *Client) Failures() []error { return c.record.errors() }

// NoReadAhead is for those who read and write objects past the client's methods: nothing is read before it is asked for
// until resume is called.
func (c *Client) NoReadAhead() (resume func()) { return c.traffic.ahead.pause() }

// Build implements kube.Interface.
func (c *Client) Build(reader io.Reader, validate bool) (resources kube.ResourceList, err error) {
	defer bridge.Recover("Build", &err)
	if err := c.ctx.Err(); err != nil {
		return nil, err
	}
	resources, err = c.Client.Build(reader, validate)
	c.record.build(resources)
	c.traffic.ahead.expect(resources)
	return resources, c.failed("build", err)
}

// BuildTable implements kube.Interface.
func (c *Client) BuildTable(reader io.Reader, validate bool) (resources kube.ResourceList, err error) {
	defer bridge.Recover("BuildTable", &err)
	if err := c.ctx.Err(); err != nil {
		return nil, err
	}
	c.tables.Store(true)
	resources, err = c.Client.BuildTable(reader, validate)
	return resources, c.failed("build", err)
}

// IsReachable implements kube.Interface.
func (c *Client) IsReachable() (err error) {
	defer bridge.Recover("IsReachable", &err)
	if err := c.ctx.Err(); err != nil {
		return err
	}
	return c.failed("reach", c.Client.IsReachable())
}

// GetPodList implements kube.Interface. Helm's own panics unless its IsReachable was called on the very same client.
func (c *Client) GetPodList(namespace string, options metav1.ListOptions) (pods *corev1.PodList, err error) {
	defer bridge.Recover("GetPodList", &err)
	if err := c.ctx.Err(); err != nil {
		return nil, err
	}
	client, err := c.kubernetes()
	if err != nil {
		return nil, err
	}
	pods, err = client.CoreV1().Pods(namespace).List(c.ctx, options)
	if err != nil {
		return nil, fmt.Errorf("failed to get pod list with options: %+v with error: %w", options, err)
	}
	return pods, nil
}

// OutputContainerLogsForPodList implements kube.Interface, with the operation's context and Helm's errors. A writer
// that can be closed is, so that it can give out a last line that has no end.
func (c *Client) OutputContainerLogsForPodList(pods *corev1.PodList, namespace string, writer func(namespace, pod, container string) io.Writer) (err error) {
	defer bridge.Recover("OutputContainerLogsForPodList", &err)
	if err := c.ctx.Err(); err != nil {
		return err
	}
	client, err := c.kubernetes()
	if err != nil {
		return err
	}
	for _, pod := range pods.Items {
		for _, container := range pod.Spec.Containers {
			request := client.CoreV1().Pods(namespace).GetLogs(pod.Name, &corev1.PodLogOptions{Container: container.Name})
			stream, err := request.Stream(c.ctx)
			if err != nil {
				return fmt.Errorf("failed to stream pod logs for pod: %s, container: %s: %w", pod.Name, container.Name, err)
			}
			if err := pour(writer(namespace, pod.Name, container.Name), stream); err != nil {
				return fmt.Errorf("failed to copy IO from logs for pod: %s, container: %s: %w", pod.Name, container.Name, err)
			}
		}
	}
	return nil
}

func pour(into io.Writer, stream io.ReadCloser) error {
	defer stream.Close() //nolint:errcheck // only read from
	_, err := io.Copy(into, stream)
	if closer, ok := into.(io.Closer); ok {
		err = errors.Join(err, closer.Close())
	}
	return err
}

func (c *Client) kubernetes() (kubernetes.Interface, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.clientset == nil {
		made, err := c.Factory.KubernetesClientSet()
		if err != nil {
			return nil, err
		}
		c.clientset = made
	}
	return c.clientset, nil
}

// failed keeps the error of a whole call, where the transport did not see what was wrong with which object.
func (c *Client) failed(verb string, err error) error {
	if err != nil {
		c.record.failed(verb, bridge.Resource{}, err)
	}
	return err
}

var definitions = schema.GroupKind{Group: "apiextensions.k8s.io", Kind: "CustomResourceDefinition"}

// refresh has the session read its discovery anew where the list holds definitions: mappers and validators know
// nothing of them yet.
func (c *Client) refresh(resources kube.ResourceList) {
	if c.options.Refresh == nil {
		return
	}
	for _, info := range resources {
		if info.Mapping != nil && info.Mapping.GroupVersionKind.GroupKind() == definitions {
			c.options.Refresh()
			return
		}
	}
}
