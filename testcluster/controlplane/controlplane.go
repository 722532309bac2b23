// Package controlplane runs etcd and Kubernetes' own three control plane programs inside this process.
//
// The programs are used by their options and their Run functions, never by their cobra commands: those install
// signal handlers, which panic when installed a second time.
package controlplane

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	basecompatibility "k8s.io/component-base/compatibility"
	logsapi "k8s.io/component-base/logs/api/v1"
	apiserveroptions "k8s.io/kubernetes/cmd/kube-apiserver/app/options"
	controlleroptions "k8s.io/kubernetes/cmd/kube-controller-manager/app/options"
	scheduleroptions "k8s.io/kubernetes/cmd/kube-scheduler/app/options"

	"github.com/helm-sdkpy/helm-sdkpy/testcluster/certificates"
	"github.com/helm-sdkpy/helm-sdkpy/testcluster/state"
)

// startTimeout is for a machine far slower than any that tests should run on.
const startTimeout = 2 * time.Minute

// Settings say what a control plane is made with.
type Settings struct {
	Directory *state.Directory
	Authority *certificates.Authority
	// WatchCache has the API server answer reads from its cache, as in production.
	WatchCache bool
	// Features are feature gates as the flag --feature-gates takes them.
	Features string
	// EgressSocket is where a proxy takes what the API server sends to nodes, pods and services.
	EgressSocket string
	// Kubelet is what the API server shows to nodes.
	Kubelet *certificates.Pair
	// Began is called as each part begins to start, and tells a failing start's reader whose log to look at.
	Began func(part string)
	// Failed is called when a part ends that should run for ever.
	Failed func(part string, err error)
}

// ControlPlane is a running one.
type ControlPlane struct {
	// Server is the API server's address, a URL.
	Server string
	// Config reaches it as a member of system:masters, without rate limits.
	Config *rest.Config
	// Kubeconfig is the path of a file that does the same.
	Kubeconfig string
	// Admin is the client certificate in both.
	Admin *certificates.Pair
}

// components are the options of the three programs: they must all be parsed before any of them is used, since adding
// flags fails once the feature gates that they share were set.
type components struct {
	apiserver   *apiserveroptions.ServerRunOptions
	controllers *controlleroptions.KubeControllerManagerOptions
	scheduler   *scheduleroptions.Options
}

// Start runs a control plane until the context ends; it returns when the API server answers and the others run.
func Start(ctx context.Context, settings Settings) (*ControlPlane, error) {
	// The scheduler's and the controllers' clients would print the API server's warnings for the deprecated kinds they watch.
	rest.SetDefaultWarningHandler(rest.NoWarnings{})

	settings.Began("etcd")
	etcd := make(chan error, 1)
	var etcdAddress string
	go func() {
		address, err := startEtcd(ctx, settings.Directory)
		etcdAddress = address
		etcd <- err
	}()

	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen for the API server: %w", err)
	}
	plane := &ControlPlane{Server: "https://" + listener.Addr().String()}
	if err := plane.credentials(settings); err != nil {
		return nil, err
	}
	if err := <-etcd; err != nil {
		return nil, err
	}

	settings.Began("apiserver")
	var parsed components
	if parsed.apiserver, err = apiserverOptions(settings, listener, etcdAddress); err != nil {
		return nil, err
	}
	if parsed.controllers, err = controllersOptions(settings, plane.Kubeconfig); err != nil {
		return nil, err
	}
	if parsed.scheduler, err = schedulerOptions(plane.Kubeconfig); err != nil {
		return nil, err
	}
	if err := parsed.apply(settings.Directory); err != nil {
		return nil, err
	}

	if err := startAPIServer(ctx, parsed.apiserver, settings.Failed); err != nil {
		return nil, err
	}
	if err := plane.waitForAPIServer(ctx); err != nil {
		return nil, err
	}
	settings.Began("controllers")
	if err := startControllers(ctx, parsed.controllers, settings.Failed); err != nil {
		return nil, err
	}
	settings.Began("scheduler")
	if err := startScheduler(ctx, parsed.scheduler, settings.Failed); err != nil {
		return nil, err
	}
	return plane, nil
}

// credentials issues the admin's certificate and writes the kubeconfig, which holds all it needs.
func (p *ControlPlane) credentials(settings Settings) error {
	admin, err := settings.Authority.Client("admin", "testcluster-admin", "system:masters")
	if err != nil {
		return err
	}
	p.Admin = admin
	p.Config = &rest.Config{
		Host: p.Server,
		TLSClientConfig: rest.TLSClientConfig{
			CAData: settings.Authority.PEM, CertData: admin.Certificate, KeyData: admin.Key,
		},
		QPS: -1,
	}
	p.Kubeconfig, err = settings.Directory.Write("kubeconfig", kubeconfig(p.Server, settings.Authority, admin))
	return err
}

// apply sets the shared feature gates and the logging, once for all three.
func (c *components) apply(directory *state.Directory) error {
	if err := c.apiserver.GenericServerRunOptions.ComponentGlobalsRegistry.Set(); err != nil {
		// By the name that they have where a cluster is started from.
		return fmt.Errorf("kubernetes_features: %w", err)
	}
	log, err := directory.Log("kubernetes")
	if err != nil {
		return err
	}
	gates := c.apiserver.GenericServerRunOptions.ComponentGlobalsRegistry.FeatureGateFor(basecompatibility.DefaultKubeComponent)
	logsapi.ReapplyHandling = logsapi.ReapplyHandlingIgnoreUnchanged
	streams := &logsapi.LoggingOptions{ErrorStream: log, InfoStream: log}
	if err := logsapi.ValidateAndApplyWithOptions(c.apiserver.Logs, streams, gates); err != nil {
		return fmt.Errorf("set up logging: %w", err)
	}
	return nil
}

// waitForAPIServer returns when the API server serves and has made the namespace that everything else starts from.
func (p *ControlPlane) waitForAPIServer(ctx context.Context) error {
	client, err := kubernetes.NewForConfig(p.Config)
	if err != nil {
		return fmt.Errorf("client for the API server: %w", err)
	}
	var last error
	err = wait.PollUntilContextTimeout(ctx, 20*time.Millisecond, startTimeout, true, func(ctx context.Context) (bool, error) {
		var status int
		if last = client.Discovery().RESTClient().Get().AbsPath("/livez").Do(ctx).StatusCode(&status).Error(); last != nil || status != http.StatusOK {
			return false, nil
		}
		_, last = client.CoreV1().Namespaces().Get(ctx, metav1.NamespaceDefault, metav1.GetOptions{})
		return last == nil, nil
	})
	if err != nil {
		return fmt.Errorf("the API server does not answer (%w): %w", err, last)
	}
	return nil
}
