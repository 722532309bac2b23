package session

import (
	"context"
	"net/http"
	"sync"

	"helm.sh/helm/v4/pkg/kube"
	"helm.sh/helm/v4/pkg/storage"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/cli-runtime/pkg/resource"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"k8s.io/client-go/transport"
	"k8s.io/kubectl/pkg/validation"

	"github.com/helm-sdkpy/helm-sdkpy/go/bridge"
	"github.com/helm-sdkpy/helm-sdkpy/go/hub"
)

// ConnectOptions say how one operation uses the session.
type ConnectOptions struct {
	Namespace     string                // empty: the Configuration's
	AllNamespaces bool                  // records of every namespace
	Wrap          transport.WrapperFunc // sees each request once, and its last answer
	Context       context.Context       // nil: the operation's
}

// Connection is a session as one operation sees it: every request ends with the operation.
type Connection struct {
	configuration *Configuration
	session       *Session
	op            *bridge.Operation
	ctx           context.Context
	late          context.Context // ends some time after ctx
	namespace     string
	all           bool
	wrap          transport.WrapperFunc
	writes        *writes

	carrier   *carrier
	discovery func() (*discoveryView, error)
	dynamic   func() (*dynamic.DynamicClient, error)
	clients   func() (*kubernetes.Clientset, error)
}

// Connect gives the operation its view of the session; no request is sent.
func (c *Configuration) Connect(op *bridge.Operation, options ConnectOptions) (*Connection, error) {
	if c.closed.Load() {
		return nil, bridge.Errorf(bridge.CodeStaleHandle, "the Configuration is closed; make a new one")
	}
	made := &Connection{
		configuration: c, session: c.session, op: op, ctx: options.Context, wrap: options.Wrap,
		namespace: options.Namespace, all: options.AllNamespaces, writes: &writes{},
	}
	if made.ctx == nil {
		made.ctx = op.Context()
	}
	// A clean-up has a context of its own; it ends what others began, and must be able to record how far it came.
	made.writes.begun.Store(made.ctx != op.Context())
	if made.namespace == "" {
		made.namespace = c.namespace
	}
	made.build()
	return made, nil
}

// Detached is the same view under another context, for what must be cleaned up after the operation was cancelled.
func (c *Connection) Detached(ctx context.Context) *Connection {
	made := &Connection{
		configuration: c.configuration, session: c.session, op: c.op, ctx: ctx, wrap: c.wrap,
		namespace: c.namespace, all: c.all, writes: &writes{},
	}
	made.writes.begun.Store(true)
	made.build()
	return made
}

func (c *Connection) build() {
	c.late = lateContext(c.ctx, recordGrace)
	if c.session.err == nil {
		var next http.RoundTripper = &patience{c.session.wire.cache}
		if c.wrap != nil {
			next = c.wrap(next)
		}
		c.carrier = &carrier{next: next, pick: func(*http.Request) context.Context { return c.ctx }, used: &c.session.wire.used, mark: c.op.Traceparent()}
	}
	c.discovery = sync.OnceValues(func() (*discoveryView, error) {
		config, err := c.config()
		if err != nil {
			return nil, err
		}
		return newDiscoveryView(config, c.carrier)
	})
	c.dynamic = sync.OnceValues(func() (*dynamic.DynamicClient, error) {
		config, err := c.config()
		if err != nil {
			return nil, err
		}
		return dynamic.NewForConfigAndClient(config, &http.Client{Transport: c.carrier})
	})
	c.clients = sync.OnceValues(func() (*kubernetes.Clientset, error) {
		config, err := c.config()
		if err != nil {
			return nil, err
		}
		return kubernetes.NewForConfigAndClient(config, &http.Client{Transport: c.carrier})
	})
}

// Namespace is the namespace that the operation works in.
func (c *Connection) Namespace() string { return c.namespace }

// Getter is what Helm's actions reach the cluster by.
func (c *Connection) Getter() genericclioptions.RESTClientGetter { return restGetter{c} }

// Factory is what Helm's kube client makes its clients with.
func (c *Connection) Factory() kube.Factory { return factory{restGetter{c}} }

// Storage keeps the release records; each call makes a new one, so that its MaxHistory is the caller's own.
func (c *Connection) Storage() (*storage.Storage, error) { return c.storage() }

// Invalidate forgets what the API server serves, after CRDs changed.
func (c *Connection) Invalidate() {
	c.session.invalidate()
	if c.session.err != nil {
		return
	}
	if view, err := c.discovery(); err == nil {
		view.CachedDiscoveryInterface.Invalidate()
	}
}

// config makes a config of the caller's own: cli-runtime's builder changes what it is given.
func (c *Connection) config() (*rest.Config, error) {
	if c.session.err != nil {
		return nil, c.session.err
	}
	return c.session.config(c.carrier, func() context.Context { return c.ctx }), nil
}

func (c *Connection) dynamicClient() (dynamic.Interface, error) {
	client, err := c.dynamic()
	if err != nil {
		return nil, err
	}
	return client, nil
}

// restGetter implements action.RESTClientGetter and genericclioptions.RESTClientGetter.
type restGetter struct{ connection *Connection }

// ToRESTConfig implements genericclioptions.RESTClientGetter.
func (g restGetter) ToRESTConfig() (*rest.Config, error) { return g.connection.config() }

// ToDiscoveryClient implements genericclioptions.RESTClientGetter.
func (g restGetter) ToDiscoveryClient() (discovery.CachedDiscoveryInterface, error) {
	view, err := g.connection.discovery()
	if err != nil {
		return nil, err
	}
	return view, nil
}

// ToRESTMapper implements genericclioptions.RESTClientGetter.
func (g restGetter) ToRESTMapper() (meta.RESTMapper, error) {
	if g.connection.session.err != nil {
		return nil, g.connection.session.err
	}
	return &mapper{session: g.connection.session, ctx: g.connection.ctx}, nil
}

// ToRawKubeConfigLoader implements genericclioptions.RESTClientGetter.
func (g restGetter) ToRawKubeConfigLoader() clientcmd.ClientConfig { return clientConfig(g) }

// clientConfig answers from what the session was made of; no file is read again.
type clientConfig struct{ connection *Connection }

// RawConfig implements clientcmd.ClientConfig.
func (c clientConfig) RawConfig() (clientcmdapi.Config, error) {
	return *c.connection.session.target.raw.DeepCopy(), nil
}

// ClientConfig implements clientcmd.ClientConfig.
func (c clientConfig) ClientConfig() (*rest.Config, error) { return c.connection.config() }

// Namespace implements clientcmd.ClientConfig.
func (c clientConfig) Namespace() (string, bool, error) { return c.connection.namespace, true, nil }

// ConfigAccess implements clientcmd.ClientConfig.
func (c clientConfig) ConfigAccess() clientcmd.ConfigAccess {
	return c.connection.session.target.access
}

// factory implements kube.Factory as kubectl's does (cmd/util.factoryImpl), over the operation's clients.
type factory struct{ restGetter }

var _ kube.Factory = factory{}

// DynamicClient implements kube.Factory.
func (f factory) DynamicClient() (dynamic.Interface, error) { return f.connection.dynamicClient() }

// Hub has the session's shared watches.
func (f factory) Hub() *hub.Hub { return f.connection.session.hub }

// KubernetesClientSet implements kube.Factory.
func (f factory) KubernetesClientSet() (*kubernetes.Clientset, error) { return f.connection.clients() }

// NewBuilder implements kube.Factory.
func (f factory) NewBuilder() *resource.Builder { return resource.NewBuilder(f.restGetter) }

// Validator implements kube.Factory.
func (f factory) Validator(directive string) (validation.Schema, error) {
	return f.connection.validator(directive)
}
