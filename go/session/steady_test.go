package session

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
)

// Each manner in which one answer can be spoilt: a read is made again, a write never is.
func TestSteady(t *testing.T) {
	t.Parallel()
	const whole = `{"kind": "ConfigMap"}`
	for name, spoil := range map[string]func(w http.ResponseWriter){
		"conflict": func(w http.ResponseWriter) { w.WriteHeader(http.StatusConflict) },
		"error":    func(w http.ResponseWriter) { w.WriteHeader(http.StatusInternalServerError) },
		"cut":      func(http.ResponseWriter) { panic(http.ErrAbortHandler) },
		"html": func(w http.ResponseWriter) {
			w.Header().Set("Content-Type", "text/html")
			_, _ = io.WriteString(w, "<html>")
		},
		"garbage": func(w http.ResponseWriter) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, `{"ki`)
		},
		"too short": func(w http.ResponseWriter) {
			w.Header().Set("Content-Length", "100")
			_, _ = io.WriteString(w, `{"ki`)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var asked atomic.Int32
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
				first := asked.Add(1) == 1
				if first {
					spoil(w)
					return
				}
				w.Header().Set("Content-Type", "application/json")
				_, _ = io.WriteString(w, whole)
			}))
			t.Cleanup(server.Close)
			client := &http.Client{Transport: &steady{&http.Transport{DisableKeepAlives: true}}}
			t.Cleanup(client.CloseIdleConnections)
			response, err := client.Get(server.URL)
			if err != nil {
				t.Fatal(err)
			}
			defer response.Body.Close()
			if body, err := io.ReadAll(response.Body); err != nil || string(body) != whole || asked.Load() != 2 {
				t.Errorf("got %q after %d requests: %v", body, asked.Load(), err)
			}

			asked.Store(0)
			request, err := http.NewRequestWithContext(context.Background(), http.MethodPatch, server.URL, strings.NewReader("{}"))
			if err != nil {
				t.Fatal(err)
			}
			if written, err := client.Do(request); err == nil {
				_ = written.Body.Close()
				if name == "html" {
					t.Error("a page of HTML was taken for an answer")
				}
			}
			if asked.Load() != 1 {
				t.Errorf("a write was sent %d times", asked.Load())
			}
		})
	}
}
