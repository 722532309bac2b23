package watch

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/helm-sdkpy/helm-sdkpy/go/bridge"
)

const maps1 = "/api/v1/namespaces/web/configmaps"

// exchange sends requests through a transport, as client-go does: bodies are read to their end.
type exchange struct {
	t         *testing.T
	api       *api
	transport *Transport
}

func (e exchange) do(method, path, contentType, body string) *http.Response {
	e.t.Helper()
	response, err := e.try(method, path, contentType, body)
	if err != nil {
		e.t.Fatal(err)
	}
	return response
}

func (e exchange) try(method, path, contentType, body string) (*http.Response, error) {
	e.t.Helper()
	request, err := http.NewRequestWithContext(context.Background(), method, e.api.URL+path, bytes.NewReader([]byte(body)))
	if err != nil {
		e.t.Fatal(err)
	}
	request.Header.Set("Content-Type", contentType)
	client := &http.Client{Transport: e.transport.Wrap(e.api.Client().Transport)}
	response, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	if _, err := io.ReadAll(response.Body); err != nil {
		e.t.Fatal(err)
	}
	return response, response.Body.Close()
}

func newExchange(t *testing.T) (exchange, *events) {
	t.Helper()
	op, heard, _ := listened(t)
	server := newAPI(t)
	transport := NewTransport(op, Options{Release: "shop", Namespace: "web"})
	transport.record.learn(infos(t, server.config(nil), configMap("known", nil, nil)))
	return exchange{t, server, transport}, heard
}

func TestTransportTellsWhatWasDone(t *testing.T) {
	t.Parallel()
	const (
		apply  = "application/apply-patch+yaml"
		strat  = "application/strategic-merge-patch+json"
		hand   = "application/json-patch+json"
		plain  = "application/json"
		object = `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a","namespace":"web"},"data":{"x":"1"}}`
		other  = `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a","namespace":"web"},"data":{"x":"2"}}`
		one    = maps1 + "/a"
	)
	type request struct{ method, path, contentType, body string }
	created, configured := "ConfigMap web/a created", "ConfigMap web/a configured"
	unchanged, deleted := "ConfigMap web/a unchanged", "ConfigMap web/a deleted"
	post := request{"POST", maps1, plain, object}
	get := request{"GET", one, "", ""}
	for name, test := range map[string]struct {
		requests []request
		want     []string
	}{
		"posted":                     {[]request{post}, []string{created}},
		"posted twice":               {[]request{post, post}, []string{created}},
		"applied anew":               {[]request{{"PATCH", one, apply, object}}, []string{created}},
		"looked for and applied":     {[]request{get, {"PATCH", one, apply, object}}, []string{created}},
		"applied the same":           {[]request{post, get, {"PATCH", one, apply, object}}, []string{created, unchanged}},
		"applied another":            {[]request{post, get, {"PATCH", one, apply, other}}, []string{configured, created}},
		"applied unread":             {[]request{post, {"PATCH", one, apply, object}}, []string{configured, created}},
		"patched":                    {[]request{post, get, {"PATCH", one, strat, `{"data":{"x":"2"}}`}}, []string{configured, created}},
		"patched with what is there": {[]request{post, get, {"PATCH", one, strat, `{"data":{"x":"1"}}`}}, []string{created, unchanged}},
		"replaced":                   {[]request{post, get, {"PUT", one, plain, other}}, []string{configured, created}},
		"fields handed over":         {[]request{post, get, {"PATCH", one, hand, `[]`}}, []string{created}},
		"handed over and applied":    {[]request{post, get, {"PATCH", one, hand, `[]`}, {"PATCH", one, apply, object}}, []string{created, unchanged}},
		"deleted":                    {[]request{post, {"DELETE", one, plain, ""}}, []string{created, deleted}},
		"deleted when gone":          {[]request{{"DELETE", one, plain, ""}}, nil},
		"only read":                  {[]request{post, get, get}, []string{created}},
		"tried only":                 {[]request{{"POST", maps1 + "?dryRun=All", plain, object}, {"PATCH", one + "?dryRun=All", apply, other}}, nil},
		"a status":                   {[]request{post, {"PATCH", one + "/status", strat, `{"metadata":{"name":"a"}}`}}, []string{created}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e, heard := newExchange(t)
			for _, r := range test.requests {
				e.do(r.method, r.path, r.contentType, r.body)
			}
			if got := heard.actions(); !slices.Equal(got, test.want) {
				t.Errorf("%q, want %q", got, test.want)
			}
			for _, event := range heard.all() {
				if event.Release != "shop" || event.Namespace != "web" || event.Resource.APIVersion != "v1" {
					t.Errorf("an event without its stamps: %+v", event)
				}
			}
		})
	}
}

// A controller writes to what Helm is about to apply: that is no change of the chart's.
func TestWhatIsAChange(t *testing.T) {
	t.Parallel()
	const (
		before = `{"metadata":{"name":"a","resourceVersion":"1","generation":1,"labels":{"x":"y"},"managedFields":[]},
			"spec":{"replicas":3,"list":[1]},"status":{"replicas":1}}`
		sent = `{"metadata":{"name":"a","labels":{"x":"y"}},"spec":{"list":[1]}}`
	)
	for _, test := range []struct {
		name, sent, after string
		want              bool
	}{
		{"the same version", sent, `{"metadata":{"resourceVersion":"1"}}`, false},
		{"status, annotations, replicas of others", sent, `{"metadata":{"name":"a","resourceVersion":"2","generation":2,"labels":{"x":"y"},
			"annotations":{"deployment.kubernetes.io/revision":"1"}},"spec":{"replicas":7,"list":[1]},"status":{}}`, false},
		{"a label that was sent", sent, `{"metadata":{"name":"a","resourceVersion":"2","generation":1,"labels":{"x":"z"}},"spec":{"replicas":3,"list":[1]}}`, true},
		{"a list that was sent", sent, `{"metadata":{"name":"a","resourceVersion":"2","generation":1,"labels":{"x":"y"}},"spec":{"replicas":3,"list":[2]}}`, true},
		{"a field is gone", sent, `{"metadata":{"name":"a","resourceVersion":"2","generation":1,"labels":{"x":"y"}},"spec":{"list":[1]}}`, true},
		{"removed by a patch", `{"spec":{"replicas":null,"$retainKeys":["list"]}}`, `{"metadata":{"name":"a","resourceVersion":"2","generation":1,"labels":{"x":"y"}},"spec":{"list":[1]}}`, true},
		{"replaced, with its version", `{"metadata":{"name":"a","labels":{"x":"y"},"resourceVersion":"1"},"spec":{"replicas":3,"list":[1]}}`,
			`{"metadata":{"name":"a","resourceVersion":"2","generation":1,"labels":{"x":"y"}},"spec":{"replicas":3,"list":[1]}}`, false},
		{"unreadable", sent, `broken`, true},
		{"unknown what was sent", ``, `{"metadata":{"resourceVersion":"2"}}`, true},
	} {
		if got := changed([]byte(test.sent), []byte(before), []byte(test.after)); got != test.want {
			t.Errorf("%s: %t", test.name, got)
		}
	}
}

func TestTransportKeepsFailures(t *testing.T) {
	t.Parallel()
	e, _ := newExchange(t)
	broken := true
	e.api.answer = func(w http.ResponseWriter, r *http.Request) bool {
		if broken && r.Header.Get("Upgrade") == "" {
			refuse(w, http.StatusInternalServerError, "InternalError", "etcd is on fire")
		}
		return broken
	}
	e.do("GET", maps1+"/a", "", "")
	e.do("GET", maps1, "", "")      // a list is its reader's affair
	e.do("GET", "/version", "", "") // no object
	e.do("DELETE", maps1+"/b", "", "")
	failures := e.transport.record.errors()
	if len(failures) != 2 {
		t.Fatalf("%v", failures)
	}
	if got, want := failures[0].Error(), "get ConfigMap web/a: etcd is on fire"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if !apierrors.IsInternalError(failures[0]) {
		t.Errorf("not an API error: %#v", failures[0])
	}
	var failure *Failure
	if !errors.As(failures[1], &failure) || failure.Verb != "delete" || failure.Resource.Name != "b" {
		t.Errorf("%#v", failures[1])
	}

	// Tried again, and gone: both answers are good ones.
	broken = false
	e.do("GET", maps1+"/a", "", "")
	e.do("DELETE", maps1+"/b", "", "")
	if left := e.transport.record.errors(); len(left) != 0 {
		t.Errorf("still there: %v", left)
	}

	// What breaks off is a failure too, but not while waiting.
	e.api.answer = func(http.ResponseWriter, *http.Request) bool { panic(http.ErrAbortHandler) }
	resume := e.transport.record.pause()
	if _, err := e.try("GET", maps1+"/a", "", ""); err == nil {
		t.Fatal("no error")
	}
	if left := e.transport.record.errors(); len(left) != 0 {
		t.Errorf("kept while waiting: %v", left)
	}
	resume()
	if _, err := e.try("GET", maps1+"/a", "", ""); err == nil {
		t.Fatal("no error")
	}
	if left := e.transport.record.errors(); len(left) != 1 || !errors.Is(left[0], io.EOF) {
		t.Errorf("%v", left)
	}
}

func TestTransportPassesWarningsOn(t *testing.T) {
	t.Parallel()
	e, heard := newExchange(t)
	e.api.answer = func(w http.ResponseWriter, _ *http.Request) bool {
		w.Header().Add("Warning", `299 - "policy/v1beta1 is deprecated, use \"policy/v1\""`)
		w.Header().Add("Warning", `199 - "not ours"`)
		return false
	}
	e.do("POST", maps1, "application/json", `{"metadata":{"name":"a","namespace":"web"}}`)
	e.do("GET", maps1+"/a", "", "")
	e.do("GET", "/version", "", "")
	want := []brief{{bridge.TypeWarning, "ConfigMap web", "", `policy/v1beta1 is deprecated, use "policy/v1"`}}
	got := heard.brief(bridge.TypeWarning)
	if len(got) != 1 || got[0].Message != want[0].Message {
		t.Errorf("%+v", got)
	}
}

func TestTransportLogsWarningsWhereNobodyListens(t *testing.T) {
	t.Parallel()
	server := newAPI(t)
	server.answer = func(w http.ResponseWriter, _ *http.Request) bool {
		w.Header().Add("Warning", `299 - "careful"`)
		return false
	}
	text := unheard(t, "warning", func(op *bridge.Operation) {
		exchange{t, server, NewTransport(op, Options{})}.do("GET", maps1+"/a", "", "")
	})
	if !strings.Contains(text, `"type":"log"`) || !strings.Contains(text, `"level":"warning"`) || !strings.Contains(text, "careful") {
		t.Errorf("%s", text)
	}
}

// Nothing is made for nobody.
func TestTransportLeavesBodiesAloneWhereNobodyListens(t *testing.T) {
	t.Parallel()
	server := newAPI(t)
	transport := NewTransport(bridge.NewOperation(context.Background()), Options{})
	wrapped := transport.Wrap(server.Client().Transport)
	for method, path := range map[string]string{"POST": maps1, "PUT": maps1 + "/b", "GET": maps1 + "/b"} {
		body := `{"metadata":{"name":"` + strings.ToLower(method) + `"}}`
		request, _ := http.NewRequestWithContext(context.Background(), method, server.URL+path, strings.NewReader(body))
		response, err := wrapped.RoundTrip(request)
		if err != nil {
			t.Fatal(err)
		}
		if _, captured := response.Body.(*capturedBody); captured {
			t.Errorf("%s: the body is looked at", method)
		}
		_ = response.Body.Close()
	}
}
