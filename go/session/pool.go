package session

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"

	"helm.sh/helm/v4/pkg/cli"

	"github.com/helm-sdkpy/helm-sdkpy/go/bridge"
	"github.com/helm-sdkpy/helm-sdkpy/go/charts"
)

// Pool keeps one session for each cluster and identity as long as a Configuration uses it.
type Pool struct {
	mu       sync.Mutex
	sessions map[string]*Session
	loners   atomic.Uint64
	charts   *charts.Cache
	catalogs *Catalogs

	fileLocks fileLocks
}

// NewPool makes an empty pool.
func NewPool() *Pool {
	return &Pool{sessions: map[string]*Session{}, charts: charts.New(), catalogs: newCatalogs(catalogBytes)}
}

// Configuration is one Configuration of Python: a session and how it is used.
type Configuration struct {
	pool      *Pool
	options   Options
	namespace string
	session   *Session
	downloads *downloads
	closed    atomic.Bool
}

// Open reads the options, and joins the session of their cluster and identity or makes it. No request is sent.
func (p *Pool) Open(options Options) (configuration *Configuration, err error) {
	defer bridge.Recover("opening the configuration", &err)
	options, err = options.withEnvironment()
	if err != nil {
		return nil, err
	}
	found, err := options.resolve(serviceAccount)
	if err != nil {
		if options.Kubeconfig != nil {
			return nil, err
		}
		// Nobody asked for this kubeconfig: it is wrong only for what needs a cluster.
		found = target{namespace: options.fallback("default"), err: err}
	}
	joined := p.join(p.identity(found, options), found, options)
	if joined.err != nil && options.Kubeconfig != nil {
		err := joined.err
		_ = p.leave(joined) // nothing was connected yet
		return nil, err
	}
	return &Configuration{
		pool: p, options: options, namespace: found.namespace, session: joined, downloads: newDownloads(options.Environment),
	}, nil
}

func (p *Pool) join(key string, found target, options Options) *Session {
	p.mu.Lock()
	defer p.mu.Unlock()
	shared := p.sessions[key]
	if shared == nil {
		shared = newSession(key, found, options)
		p.sessions[key] = shared
	}
	shared.users++
	return shared
}

func (p *Pool) leave(left *Session) error {
	p.mu.Lock()
	left.users--
	last := left.users == 0
	if last {
		delete(p.sessions, left.key)
	}
	p.mu.Unlock()
	if last {
		return left.close()
	}
	return nil
}

// identity names the cluster and who we are there. Secrets are only in it as part of the hash.
func (p *Pool) identity(found target, options Options) string {
	config := found.config
	if config == nil {
		return "none " + strconv.FormatUint(p.loners.Add(1), 10)
	}
	qps, burst, limited := options.rate()
	token := config.BearerToken
	if config.BearerTokenFile != "" {
		token = "" // read anew from the file as it changes
	}
	parts := []any{
		config.Host, config.ServerName, config.Insecure, config.DisableCompression,
		config.CAFile, config.CAData, config.CertFile, config.CertData, config.KeyFile, config.KeyData,
		config.Username, config.Password, token, config.BearerTokenFile,
		config.Impersonate.UserName, config.Impersonate.UID, config.Impersonate.Groups, config.Impersonate.Extra,
		qps, burst, limited, proxyOf(found, options),
	}
	if exec := config.ExecProvider; exec != nil {
		// A credential plugin may read any variable.
		parts = append(parts, exec.Command, exec.Args, exec.Env, exec.APIVersion, exec.InteractiveMode,
			exec.ProvideClusterInfo, fmt.Sprint(exec.Config), environment(options.Environment).list())
	}
	if provider := config.AuthProvider; provider != nil {
		keys := slices.Sorted(maps.Keys(provider.Config))
		parts = append(parts, provider.Name)
		for _, key := range keys {
			parts = append(parts, key, provider.Config[key])
		}
	}
	text, err := json.Marshal(parts)
	if err != nil {
		panic(err) // text, numbers and bytes: there is always a form
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

func proxyOf(found target, options Options) string {
	pick := found.config.Proxy
	if pick == nil {
		pick = environment(options.Environment).proxy()
	}
	request, err := http.NewRequest(http.MethodGet, found.config.Host, http.NoBody)
	if err != nil {
		return ""
	}
	if address, err := pick(request); err == nil && address != nil {
		return address.String()
	}
	return ""
}

// Close leaves the session, which ends with its last Configuration. Closing twice is as closing once.
func (c *Configuration) Close() error {
	if c.closed.Swap(true) {
		return nil
	}
	c.downloads.close()
	return c.pool.leave(c.session)
}

// Namespace is the Configuration's own, or the kubeconfig's.
func (c *Configuration) Namespace() string { return c.namespace }

// Options are the options as they were completed from the environment.
func (c *Configuration) Options() Options { return c.options }

// Session is what the Configuration shares with others.
func (c *Configuration) Session() *Session { return c.session }

// Charts keeps parsed charts, for all Configurations: a file is the same for everybody.
func (c *Configuration) Charts() *charts.Cache { return c.pool.charts }

// Settings makes helm's settings of the options, new ones at every call: actions change them.
func (c *Configuration) Settings() *cli.EnvSettings { return c.options.settings(c.namespace) }
