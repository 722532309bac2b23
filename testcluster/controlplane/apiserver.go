package controlplane

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"

	"github.com/spf13/pflag"
	utilerrors "k8s.io/apimachinery/pkg/util/errors"
	cliflag "k8s.io/component-base/cli/flag"
	"k8s.io/kubernetes/cmd/kube-apiserver/app"
	"k8s.io/kubernetes/cmd/kube-apiserver/app/options"
)

// egress sends all that the API server dials, except etcd, through a proxy in this process.
const egress = `apiVersion: apiserver.k8s.io/v1beta1
kind: EgressSelectorConfiguration
egressSelections:
- name: cluster
  connection:
    proxyProtocol: HTTPConnect
    transport:
      uds:
        udsName: %s
`

func apiserverOptions(settings Settings, listener net.Listener, etcd string) (*options.ServerRunOptions, error) {
	serving, err := settings.Authority.Server("apiserver", "127.0.0.1", "localhost", "10.96.0.1",
		"kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local")
	if err != nil {
		return nil, err
	}
	accounts, err := settings.Authority.Server("serviceaccounts")
	if err != nil {
		return nil, err
	}
	proxy, err := settings.Authority.Client("front-proxy", "front-proxy")
	if err != nil {
		return nil, err
	}
	egressFile, err := settings.Directory.Write("egress.yaml", fmt.Appendf(nil, egress, settings.EgressSocket))
	if err != nil {
		return nil, err
	}
	run := options.NewServerRunOptions()
	err = parse(run.Flags(), map[string]string{
		// Of all three programs: they share one registry of feature gates.
		"feature-gates": settings.Features,

		"etcd-servers":             etcd,
		"bind-address":             "127.0.0.1",
		"advertise-address":        "127.0.0.1",
		"tls-cert-file":            serving.CertificateFile,
		"tls-private-key-file":     serving.KeyFile,
		"client-ca-file":           settings.Authority.File,
		"authorization-mode":       "Node,RBAC",
		"allow-privileged":         "true",
		"service-cluster-ip-range": "10.96.0.0/16",
		// The address is this machine's loopback, which may not be in an Endpoints object.
		"endpoint-reconciler-type": "none",
		"watch-cache":              strconv.FormatBool(settings.WatchCache),
		// One user and no neighbours: fairness would only cost time.
		"enable-priority-and-fairness": "false",
		"profiling":                    "false",
		"event-ttl":                    "10m",
		"shutdown-delay-duration":      "0s",

		"service-account-issuer":           "https://kubernetes.default.svc.cluster.local",
		"service-account-key-file":         accounts.CertificateFile,
		"service-account-signing-key-file": accounts.KeyFile,

		"kubelet-preferred-address-types": "InternalIP",
		"kubelet-certificate-authority":   settings.Authority.File,
		"kubelet-client-certificate":      settings.Kubelet.CertificateFile,
		"kubelet-client-key":              settings.Kubelet.KeyFile,
		"egress-selector-config-file":     egressFile,

		"requestheader-client-ca-file":       settings.Authority.File,
		"requestheader-allowed-names":        "front-proxy",
		"requestheader-username-headers":     "X-Remote-User",
		"requestheader-group-headers":        "X-Remote-Group",
		"requestheader-extra-headers-prefix": "X-Remote-Extra-",
		"proxy-client-cert-file":             proxy.CertificateFile,
		"proxy-client-key-file":              proxy.KeyFile,
	})
	if err != nil {
		return nil, fmt.Errorf("options of the API server: %w", err)
	}
	run.SecureServing.Listener = listener
	run.SecureServing.BindPort = listener.Addr().(*net.TCPAddr).Port
	return run, nil
}

// startAPIServer returns at once; that it serves is seen from outside.
func startAPIServer(ctx context.Context, run *options.ServerRunOptions, failed func(string, error)) error {
	completed, err := run.Complete(ctx)
	if err != nil {
		return fmt.Errorf("options of the API server: %w", err)
	}
	if errs := completed.Validate(); len(errs) > 0 {
		return fmt.Errorf("options of the API server: %w", utilerrors.NewAggregate(errs))
	}
	go func() { failed("apiserver", ended(app.Run(ctx, completed))) }()
	return nil
}

// parse sets flags by name, as the command line would.
func parse(sets cliflag.NamedFlagSets, values map[string]string) error {
	flags := pflag.NewFlagSet("", pflag.ContinueOnError)
	for _, set := range sets.FlagSets {
		flags.AddFlagSet(set)
	}
	arguments := make([]string, 0, len(values))
	for name, value := range values {
		arguments = append(arguments, "--"+name+"="+value)
	}
	return flags.Parse(arguments)
}

// ended is the error of a part that should have run for ever.
func ended(err error) error {
	if err == nil {
		return errors.New("it ended by itself")
	}
	return err
}
