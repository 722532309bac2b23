package session

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	_ "k8s.io/client-go/plugin/pkg/client/auth" // the auth providers that a kubeconfig can name
	"k8s.io/client-go/rest"
	"k8s.io/client-go/transport"
	"k8s.io/client-go/util/connrotation"

	"github.com/helm-sdkpy/helm-sdkpy/go/bridge"
)

// wire is what a session's requests go over: connections, credentials, Helm's retries, and the cache.
type wire struct {
	address   *url.URL
	userAgent string
	dialer    *connrotation.Dialer
	cache     *cache
	used      usage
}

// newWire makes the connections of one cluster and identity; none is opened yet.
func newWire(config *rest.Config, env environment) (*wire, error) {
	config = helmDefaults(rest.CopyConfig(config))
	address, _, err := rest.DefaultServerUrlFor(config)
	if err != nil {
		return nil, fmt.Errorf("the API server's address: %w", err)
	}
	if config.Proxy == nil {
		config.Proxy = env.proxy()
	}
	exec := config.ExecProvider
	config.ExecProvider = nil
	settings, err := config.TransportConfig()
	if err != nil {
		return nil, err
	}
	// A dialer of our own also keeps client-go's process-wide cache of transports (transport/cache.go) from sharing this
	// one, so that it can be closed.
	dialer := connrotation.NewDialer((&net.Dialer{Timeout: 30 * time.Second, KeepAlive: 30 * time.Second}).DialContext)
	settings.DialHolder = &transport.DialHolder{Dial: dialer.DialContext}
	if exec != nil {
		config.ExecProvider = exec
		if err := useCredentialPlugin(settings, config, env, dialer.CloseAll); err != nil {
			return nil, err
		}
	}
	base, err := transport.New(settings)
	if err != nil {
		return nil, err
	}
	return &wire{
		address: address, userAgent: config.UserAgent, dialer: dialer, cache: newCache(&steady{base}, address.Path),
	}, nil
}

// usage counts the requests under way, so that connections can be closed when the last has ended.
type usage struct {
	mu      sync.Mutex
	count   int
	closing func() // nil: still in use
}

func (u *usage) enter() (leave func()) {
	if u == nil {
		return func() {}
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.count++
	return func() {
		u.mu.Lock()
		defer u.mu.Unlock()
		u.count--
		if u.count == 0 && u.closing != nil {
			u.closing()
		}
	}
}

// close calls closing when no request is under way, and again after each time that there was one.
func (u *usage) close(closing func()) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.closing = closing
	if u.count == 0 {
		closing()
	}
}

// close closes the connections, as soon as nobody uses them.
func (w *wire) close() { w.used.close(w.dialer.CloseAll) }

// carrier gives every request the operation's context: nothing in Helm's pkg/kube takes one.
type carrier struct {
	next http.RoundTripper
	pick func(*http.Request) context.Context // what this request lives by
	used *usage                              // counts requests; nil: nobody counts
	mark string                              // the header traceparent; empty: none
}

// RoundTrip implements http.RoundTripper. The two contexts stay merged until the response's body is closed, or watches and
// logs would be cut short.
func (c *carrier) RoundTrip(request *http.Request) (response *http.Response, err error) {
	defer bridge.Recover("request", &err)
	operation := c.pick(request)
	if err := operation.Err(); err != nil {
		if request.Body != nil {
			_ = request.Body.Close()
		}
		return nil, err
	}
	leave := c.used.enter()
	ctx, unmerge := merge(request.Context(), operation)
	release := sync.OnceFunc(func() {
		unmerge()
		leave()
	})
	defer func() {
		if response == nil {
			release()
		}
	}()
	carried := request.WithContext(ctx)
	if c.mark != "" {
		carried.Header = request.Header.Clone()
		carried.Header.Set("Traceparent", c.mark)
	}
	answer, err := c.next.RoundTrip(carried)
	if err != nil {
		if gone := operation.Err(); gone != nil {
			return nil, gone
		}
		return nil, err
	}
	answer.Body = &carriedBody{ReadCloser: answer.Body, release: release}
	return answer, nil
}

// CloseIdleConnections does nothing: the connections are the session's.
func (c *carrier) CloseIdleConnections() {}

// merge gives a context that ends with either of the two.
func merge(request, operation context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancel(request)
	stop := context.AfterFunc(operation, cancel)
	return ctx, func() {
		stop()
		cancel()
	}
}

type carriedBody struct {
	io.ReadCloser
	release func()
}

func (b *carriedBody) Close() error {
	defer b.release()
	return b.ReadCloser.Close()
}

// patience waits as long as the server asks (Retry-After) and tries again.
//
// client-go would do the same, but sleeps where no context of ours reaches it (rest/with_retry.go).
type patience struct{ next http.RoundTripper }

// patienceLimit is client-go's maxRetries.
const patienceLimit = 10

// RoundTrip implements http.RoundTripper.
func (p *patience) RoundTrip(request *http.Request) (*http.Response, error) {
	for attempt := 0; ; attempt++ {
		response, err := p.next.RoundTrip(request)
		if err != nil {
			return nil, err
		}
		delay, asked := retryAfter(response)
		if !asked {
			return response, nil
		}
		again, possible := rewind(request)
		if !possible || attempt == patienceLimit {
			// Without the header client-go does not begin all over.
			response.Header.Del("Retry-After")
			return response, nil
		}
		_, _ = io.Copy(io.Discard, io.LimitReader(response.Body, 64<<10))
		_ = response.Body.Close()
		timer := time.NewTimer(delay)
		select {
		case <-timer.C:
		case <-request.Context().Done():
			timer.Stop()
			return nil, request.Context().Err()
		}
		request = again
	}
}

func retryAfter(response *http.Response) (time.Duration, bool) {
	if response.StatusCode != http.StatusTooManyRequests && response.StatusCode < http.StatusInternalServerError {
		return 0, false
	}
	seconds, err := strconv.Atoi(response.Header.Get("Retry-After"))
	if err != nil || seconds < 0 {
		return 0, false
	}
	return time.Duration(seconds) * time.Second, true
}

// rewind makes the request anew; a body that can not be read twice makes that impossible.
func rewind(request *http.Request) (*http.Request, bool) {
	again := request.Clone(request.Context())
	if request.Body == nil || request.Body == http.NoBody {
		return again, true
	}
	if request.GetBody == nil {
		return nil, false
	}
	body, err := request.GetBody()
	if err != nil {
		return nil, false
	}
	again.Body = body
	return again, true
}

// insist asks for an answer about discovery that is not older than the request.
type insist struct {
	next http.RoundTripper
	when func() bool
}

// RoundTrip implements http.RoundTripper.
func (i *insist) RoundTrip(request *http.Request) (*http.Response, error) {
	if i.when() {
		request = request.Clone(request.Context())
		request.Header.Set("Cache-Control", "no-cache")
	}
	return i.next.RoundTrip(request)
}

// restConfig is a config whose requests go over next; credentials, TLS and proxy are already below it.
func (w *wire) restConfig(next http.RoundTripper) *rest.Config {
	return &rest.Config{
		Host:      strings.TrimSuffix(w.address.String(), "/"),
		Transport: next,
		UserAgent: w.userAgent,
		QPS:       -1,
		// The API server's warnings are events (go/watch reads them off the responses); client-go would log them too.
		WarningHandler: rest.NoWarnings{},
	}
}
