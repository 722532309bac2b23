package watch

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"strings"
	"sync"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	utilnet "k8s.io/apimachinery/pkg/util/net"

	"github.com/helm-sdkpy/helm-sdkpy/go/bridge"
)

// What resource events say in their action.
const (
	actionCreated    = "created"
	actionConfigured = "configured"
	actionUnchanged  = "unchanged"
	actionDeleted    = "deleted"
)

const verbGet = "get"

var verbs = map[string]string{
	http.MethodGet:    verbGet,
	http.MethodPost:   "create",
	http.MethodPut:    "update",
	http.MethodPatch:  "patch",
	http.MethodDelete: verbDelete,
}

// Transport sees the requests of one operation: which of them failed, what they did to which object, and what the API
// server warns of. Helm's results tell none of it: `Updated` lists every target, changed or not.
type Transport struct {
	ctx    context.Context
	op     *bridge.Operation
	record *record
	report *reporter
	ahead  *readAhead

	mu      sync.Mutex
	live    map[bridge.Resource][]byte // each object as it was last read, until it is written
	touched map[bridge.Resource]struct{}
	warned  map[string]struct{}
}

// NewTransport makes the transport of an operation; Wrap belongs in its rest.Config.
func NewTransport(op *bridge.Operation, options Options) *Transport {
	ctx := options.Context
	if ctx == nil {
		ctx = op.Context()
	}
	return &Transport{
		ctx:     ctx,
		op:      op,
		record:  newRecord(),
		report:  &reporter{op: op, release: options.Release, namespace: options.Namespace},
		ahead:   &readAhead{ctx: ctx, last: -2},
		live:    map[bridge.Resource][]byte{},
		touched: map[bridge.Resource]struct{}{},
		warned:  map[string]struct{}{},
	}
}

// Wrap is a transport.WrapperFunc of client-go.
func (t *Transport) Wrap(next http.RoundTripper) http.RoundTripper {
	return &roundTripper{transport: t, next: next}
}

type roundTripper struct {
	transport *Transport
	next      http.RoundTripper
}

// WrappedRoundTripper lets client-go reach what is below, to close idle connections.
func (r *roundTripper) WrappedRoundTripper() http.RoundTripper { return r.next }

// RoundTrip implements http.RoundTripper. That nothing is sent once the operation was cancelled is the connection's
// part: what cleans up after it goes through here too.
func (r *roundTripper) RoundTrip(request *http.Request) (*http.Response, error) {
	response, err := r.transport.ahead.roundTrip(request, r.next)
	if target, ok := parseTarget(request.URL.Path); ok {
		r.transport.observe(request, target, response, err)
	} else if err == nil {
		r.transport.warn(response.Header, nil)
	}
	return response, err
}

// observe sees to one request for an object, or for a list of them.
func (t *Transport) observe(request *http.Request, target target, response *http.Response, err error) {
	named := t.record.name(target.object, target.version)
	verb, known := verbs[request.Method]
	// What is created is not named by its path, and a list's failure is its reader's affair.
	single := known && target.name != "" && target.subresource == ""
	if err != nil {
		if single {
			t.record.failed(verb, named, err)
		}
		return
	}
	t.warn(response.Header, &named)
	switch {
	case single && response.StatusCode >= http.StatusBadRequest && response.StatusCode != http.StatusNotFound:
		failure := t.record.failed(verb, named, errors.New(response.Status))
		capture(response, func(body []byte) {
			if cause := statusError(body); cause != nil {
				t.record.explain(failure, cause)
			}
		})
		return
	case single:
		t.record.succeeded(verb, named)
	}
	if t.report.listening() && known && target.subresource == "" && response.StatusCode < http.StatusMultipleChoices && !strings.Contains(request.URL.RawQuery, "dryRun=") {
		t.classify(request, named, response)
	}
}

// classify makes the event of a request that went well.
func (t *Transport) classify(request *http.Request, named bridge.Resource, response *http.Response) {
	created := response.StatusCode == http.StatusCreated
	switch {
	case request.Method == http.MethodDelete:
		if named.Name != "" {
			t.did(named, actionDeleted)
		}
	case request.Method == http.MethodPost && created:
		capture(response, func(body []byte) {
			if name := nameIn(body); name != "" {
				named.Name = name
				t.did(named, actionCreated)
			}
		})
	case named.Name == "":
	case created:
		t.did(named, actionCreated)
	case request.Method == http.MethodGet:
		capture(response, func(body []byte) { t.saw(named, body) })
	case mediaType(request.Header) == string(types.JSONPatchType):
		// The one JSON patch that Helm sends hands the fields of client-side apply over to server-side apply
		// (helm: pkg/kube/client.go, upgradeClientSideFieldManager); the apply itself follows.
		capture(response, func(body []byte) { t.saw(named, body) })
	case request.Method == http.MethodPatch || request.Method == http.MethodPut:
		capture(response, func(body []byte) {
			t.mu.Lock()
			before := t.live[named]
			t.mu.Unlock()
			if before != nil && !changed(sentBy(request), before, body) {
				t.did(named, actionUnchanged)
			} else {
				t.did(named, actionConfigured)
			}
		})
	}
}

func (t *Transport) saw(named bridge.Resource, body []byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.live[named] = body
}

func (t *Transport) did(named bridge.Resource, action string) {
	t.mu.Lock()
	delete(t.live, named)
	t.touched[named] = struct{}{}
	t.mu.Unlock()
	t.report.action(named, action)
}

// untouched says whether there was no event of the object since the last call of forget.
func (t *Transport) untouched(named bridge.Resource) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	_, touched := t.touched[named]
	return !touched
}

func (t *Transport) forget() {
	t.mu.Lock()
	defer t.mu.Unlock()
	clear(t.touched)
}

// warn passes the API server's warnings on, each once: as events, or to the log where nobody listens, since the helm
// command prints them.
func (t *Transport) warn(header http.Header, named *bridge.Resource) {
	texts := header.Values("Warning")
	if len(texts) == 0 {
		return
	}
	warnings, _ := utilnet.ParseWarningHeaders(texts)
	for _, warning := range warnings {
		if warning.Code != 299 || warning.Text == "" {
			continue
		}
		if t.warnedOf(warning.Text) {
			continue
		}
		if t.report.listening() {
			t.report.emit(bridge.Event{Type: bridge.TypeWarning, Resource: named, Message: warning.Text})
		} else {
			slog.New(t.op.Handler()).Warn(warning.Text)
		}
	}
}

func (t *Transport) warnedOf(text string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	_, warned := t.warned[text]
	t.warned[text] = struct{}{}
	return warned
}

func mediaType(header http.Header) string {
	given, _, _ := mime.ParseMediaType(header.Get("Content-Type"))
	return given
}

func statusError(body []byte) error {
	var status metav1.Status
	if err := json.Unmarshal(body, &status); err != nil || status.Kind != "Status" {
		return nil
	}
	return &apierrors.StatusError{ErrStatus: status}
}

// capture has finish see the response's body once it was read to its end, without holding the reader up.
func capture(response *http.Response, finish func(body []byte)) {
	response.Body = &capturedBody{ReadCloser: response.Body, finish: finish}
}

type capturedBody struct {
	io.ReadCloser
	seen   bytes.Buffer
	finish func([]byte)
}

// Read implements io.Reader.
func (b *capturedBody) Read(into []byte) (int, error) {
	n, err := b.ReadCloser.Read(into)
	if b.finish != nil {
		b.seen.Write(into[:n])
		if errors.Is(err, io.EOF) {
			b.end()
		}
	}
	return n, err
}

// Close implements io.Closer. A reader that knows the length may close without having met the end.
func (b *capturedBody) Close() error {
	if b.finish != nil {
		b.end()
	}
	return b.ReadCloser.Close()
}

func (b *capturedBody) end() {
	finish := b.finish
	b.finish = nil
	finish(b.seen.Bytes())
}
