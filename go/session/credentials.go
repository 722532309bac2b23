package session

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/client-go/pkg/apis/clientauthentication"
	clientauthenticationinstall "k8s.io/client-go/pkg/apis/clientauthentication/install"
	clientauthenticationv1 "k8s.io/client-go/pkg/apis/clientauthentication/v1"
	clientauthenticationv1beta1 "k8s.io/client-go/pkg/apis/clientauthentication/v1beta1"
	"k8s.io/client-go/rest"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"k8s.io/client-go/transport"

	"github.com/helm-sdkpy/helm-sdkpy/go/child"
)

// credentialPlugin runs a kubeconfig's exec plugin (EKS, GKE, AKS) and remembers what it gave.
//
// client-go's own (plugin/pkg/client/auth/exec) takes the process's environment and writes the plugin's errors to the
// process's standard error, and holds a lock while the plugin runs that no cancelled operation could leave. This one follows
// it in everything else.
type credentialPlugin struct {
	config  *clientcmdapi.ExecConfig
	version schema.GroupVersion
	cluster *clientauthentication.Cluster
	codecs  serializer.CodecFactory
	env     environment
	rotated func() // the client certificate changed: connections made with the old one must go
	flights flights[*pluginCredentials]

	mu    sync.Mutex
	known *pluginCredentials
}

type pluginCredentials struct {
	token   string
	cert    *tls.Certificate
	expires time.Time // zero: never
}

// useCredentialPlugin makes requests carry what the plugin gives, unless the kubeconfig has other credentials too.
func useCredentialPlugin(settings *transport.Config, config *rest.Config, env environment, rotated func()) error {
	plugin, err := newCredentialPlugin(config, env, rotated)
	if err != nil {
		return err
	}
	if settings.HasTokenAuth() || settings.HasBasicAuth() || settings.HasCertAuth() {
		return nil
	}
	settings.Wrap(func(next http.RoundTripper) http.RoundTripper { return &pluginTransport{next: next, plugin: plugin} })
	settings.TLS.GetCertHolder = &transport.GetCertHolder{GetCert: plugin.certificate}
	return nil
}

func newCredentialPlugin(config *rest.Config, env environment, rotated func()) (*credentialPlugin, error) {
	plugin := &credentialPlugin{config: config.ExecProvider, env: env, rotated: rotated}
	for _, known := range []schema.GroupVersion{
		clientauthenticationv1.SchemeGroupVersion, clientauthenticationv1beta1.SchemeGroupVersion,
	} {
		if known.String() == config.ExecProvider.APIVersion {
			plugin.version = known
		}
	}
	if plugin.version.Empty() {
		return nil, fmt.Errorf("exec plugin: invalid apiVersion %q", config.ExecProvider.APIVersion)
	}
	if config.ExecProvider.InteractiveMode == clientcmdapi.AlwaysExecInteractiveMode {
		return nil, fmt.Errorf("exec plugin %s wants a terminal (interactiveMode: Always), and there is none", config.ExecProvider.Command)
	}
	scheme := runtime.NewScheme()
	clientauthenticationinstall.Install(scheme)
	plugin.codecs = serializer.NewCodecFactory(scheme)
	if config.ExecProvider.ProvideClusterInfo {
		cluster, err := rest.ConfigToExecCluster(config)
		if err != nil {
			return nil, err
		}
		plugin.cluster = cluster
	}
	return plugin, nil
}

// credentials gives what is known, or runs the plugin; stale are credentials that the API server no longer takes.
func (p *credentialPlugin) credentials(ctx context.Context, stale *pluginCredentials) (*pluginCredentials, error) {
	p.mu.Lock()
	known := p.known
	p.mu.Unlock()
	if known != nil && known != stale && (known.expires.IsZero() || time.Now().Before(known.expires)) {
		return known, nil
	}
	return p.flights.do(ctx, "credential plugin", false, p.run)
}

// certificate is called within a TLS handshake, after the request has already made the credentials known.
func (p *credentialPlugin) certificate() (*tls.Certificate, error) {
	found, err := p.credentials(context.Background(), nil)
	if err != nil {
		return nil, err
	}
	return found.cert, nil
}

// run runs the plugin once. It ends when nobody waits for it any more.
func (p *credentialPlugin) run(ctx context.Context) (*pluginCredentials, error) {
	request, err := runtime.Encode(p.codecs.LegacyCodec(p.version), &clientauthentication.ExecCredential{
		Spec: clientauthentication.ExecCredentialSpec{Cluster: p.cluster},
	})
	if err != nil {
		return nil, fmt.Errorf("exec plugin: encoding ExecCredential: %w", err)
	}
	path, found := p.env.find(filepath.Clean(p.config.Command))
	if !found {
		return nil, p.missing()
	}
	environment := p.env.list()
	for _, variable := range p.config.Env {
		environment = append(environment, variable.Name+"="+variable.Value)
	}
	environment = append(environment, "KUBERNETES_EXEC_INFO="+string(request))
	output, err := child.Run(ctx, child.Program{
		Path: path, Arguments: p.config.Args, Environment: environment, Leaves: true,
	})
	var failure *child.Failure
	switch {
	case errors.As(err, &failure):
		return nil, p.failed(failure.Status, failure.Complaint)
	case err != nil && ctx.Err() != nil:
		return nil, ctx.Err()
	case err != nil:
		return nil, p.failed(err, "")
	}
	read, err := p.read(output)
	if err != nil {
		return nil, fmt.Errorf("exec plugin %s: %w", p.config.Command, err)
	}
	p.remember(read)
	return read, nil
}

func (p *credentialPlugin) remember(read *pluginCredentials) {
	p.mu.Lock()
	old := p.known
	p.known = read
	p.mu.Unlock()
	if old != nil && !sameCertificate(old.cert, read.cert) {
		p.rotated()
	}
}

func sameCertificate(one, other *tls.Certificate) bool {
	if one == nil || other == nil {
		return one == other
	}
	return slices.EqualFunc(one.Certificate, other.Certificate, bytes.Equal)
}

// read reads what the plugin printed.
func (p *credentialPlugin) read(text []byte) (*pluginCredentials, error) {
	answer := &clientauthentication.ExecCredential{}
	_, kind, err := p.codecs.UniversalDecoder(p.version).Decode(text, nil, answer)
	if err != nil {
		return nil, errors.New("what it printed is no ExecCredential") // the error would quote it, secrets and all
	}
	if kind.GroupVersion() != p.version {
		return nil, fmt.Errorf("configured for API version %s, it returned %s", p.version, kind.GroupVersion())
	}
	status := answer.Status
	switch {
	case status == nil:
		return nil, errors.New("it returned no status")
	case status.Token == "" && status.ClientCertificateData == "" && status.ClientKeyData == "":
		return nil, errors.New("it returned neither a token nor a certificate with its key")
	case (status.ClientCertificateData == "") != (status.ClientKeyData == ""):
		return nil, errors.New("it returned only one of certificate and key")
	}
	read := &pluginCredentials{token: status.Token, expires: expiry(status.ExpirationTimestamp)}
	if status.ClientKeyData == "" {
		return read, nil
	}
	pair, err := tls.X509KeyPair([]byte(status.ClientCertificateData), []byte(status.ClientKeyData))
	if err != nil {
		return nil, fmt.Errorf("its client certificate and key: %w", err)
	}
	if pair.Leaf, err = x509.ParseCertificate(pair.Certificate[0]); err != nil {
		return nil, fmt.Errorf("its client certificate: %w", err)
	}
	read.cert = &pair
	return read, nil
}

func expiry(stamp *metav1.Time) time.Time {
	if stamp == nil {
		return time.Time{}
	}
	return stamp.Time
}

func (p *credentialPlugin) missing() error {
	text := fmt.Sprintf("exec plugin: %s is not on the PATH that the Configuration was made with", p.config.Command)
	if p.config.InstallHint != "" {
		text += "; " + p.config.InstallHint
	}
	return errors.New(text)
}

// stderrLimit is how much of a plugin's complaint goes into an error.
const stderrLimit = 2048

func (p *credentialPlugin) failed(err error, said string) error {
	return fmt.Errorf("exec plugin %s: %w%s", p.config.Command, err, complaint(said))
}

// pluginTransport puts the plugin's token on requests.
type pluginTransport struct {
	next   http.RoundTripper
	plugin *credentialPlugin
}

// WrappedRoundTripper implements utilnet.RoundTripperWrapper.
func (t *pluginTransport) WrappedRoundTripper() http.RoundTripper { return t.next }

// RoundTrip implements http.RoundTripper.
func (t *pluginTransport) RoundTrip(request *http.Request) (*http.Response, error) {
	if request.Header.Get("Authorization") != "" {
		return t.next.RoundTrip(request)
	}
	known, err := t.plugin.credentials(request.Context(), nil)
	if err != nil {
		return nil, fmt.Errorf("getting credentials: %w", err)
	}
	if known.token != "" {
		request = request.Clone(request.Context())
		request.Header.Set("Authorization", "Bearer "+known.token)
	}
	response, err := t.next.RoundTrip(request)
	if err == nil && response.StatusCode == http.StatusUnauthorized {
		// As client-go: this request has failed, the next has new credentials.
		_, _ = t.plugin.credentials(request.Context(), known)
	}
	return response, err
}
