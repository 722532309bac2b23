// Package repository serves a directory of charts as a classic chart repository, well or badly as asked.
package repository

import (
	"context"
	"net/http"
	"path"
	"time"

	"github.com/helm-sdkpy/helm-sdkpy/testcluster/certificates"
	"github.com/helm-sdkpy/helm-sdkpy/testcluster/endpoints"
)

// Addresses are the URLs of each flavour.
type Addresses struct {
	endpoints.Addresses
	Slow        string `json:"slow"`
	SlowIndex   string `json:"slow_index"`
	Broken      string `json:"broken"`
	BrokenIndex string `json:"broken_index"`
}

const indexName = "index.yaml"

// Start serves the charts in directory until the context ends.
func Start(
	ctx context.Context, directory string, authority *certificates.Authority, credentials endpoints.Credentials,
) (Addresses, error) {
	handler := routes(directory)
	served, err := endpoints.Serve(ctx, authority, "repository", handler, credentials.Guard(handler))
	if err != nil {
		return Addresses{}, err
	}
	plain := "http://" + served.Plain
	return Addresses{
		Addresses: endpoints.Addresses{
			Plain:   plain,
			TLS:     "https://" + served.TLS,
			Auth:    "http://" + served.Auth,
			TLSAuth: "https://" + served.TLSAuth,
			MTLS:    "https://" + served.MTLS,
		},
		Slow:        plain + "/slow",
		SlowIndex:   plain + "/slow-index",
		Broken:      plain + "/broken",
		BrokenIndex: plain + "/broken-index",
	}, nil
}

// routes puts the good behaviour at the root and each bad one under a prefix.
func routes(directory string) http.Handler {
	files := http.FileServer(http.Dir(directory))
	charts := http.HandlerFunc(func(response http.ResponseWriter, request *http.Request) {
		if path.Base(request.URL.Path) == indexName {
			serveIndex(response, request, directory)
			return
		}
		files.ServeHTTP(response, request)
	})
	mux := http.NewServeMux()
	mux.Handle("/", charts)
	for prefix, handler := range map[string]http.Handler{
		"/slow":         spoil(charts, isArchive, trickle),
		"/slow-index":   spoil(charts, isIndex, trickle),
		"/broken":       spoil(charts, isArchive, breakOff),
		"/broken-index": spoil(charts, isIndex, breakOff),
	} {
		mux.Handle(prefix+"/", http.StripPrefix(prefix, handler))
	}
	return mux
}

func isIndex(request *http.Request) bool   { return path.Base(request.URL.Path) == indexName }
func isArchive(request *http.Request) bool { return !isIndex(request) }

// spoil has send deliver the answers to those requests that bad picks.
func spoil(next http.Handler, bad func(*http.Request) bool, send func(context.Context, http.ResponseWriter, []byte)) http.Handler {
	return http.HandlerFunc(func(response http.ResponseWriter, request *http.Request) {
		if !bad(request) {
			next.ServeHTTP(response, request)
			return
		}
		whole := &buffer{header: response.Header(), status: http.StatusOK}
		next.ServeHTTP(whole, request)
		response.WriteHeader(whole.status)
		send(request.Context(), response, whole.body)
	})
}

// trickle sends a kibibyte a second, in ten pieces.
func trickle(ctx context.Context, response http.ResponseWriter, body []byte) {
	const piece = 1024 / 10
	ticks := time.NewTicker(100 * time.Millisecond)
	defer ticks.Stop()
	for len(body) > 0 {
		size := min(piece, len(body))
		if _, err := response.Write(body[:size]); err != nil {
			return
		}
		if flusher, ok := response.(http.Flusher); ok {
			flusher.Flush()
		}
		body = body[size:]
		select {
		case <-ticks.C:
		case <-ctx.Done():
			return
		}
	}
}

// breakOff sends half of what its Content-Length promised and drops the connection.
func breakOff(_ context.Context, response http.ResponseWriter, body []byte) {
	_, _ = response.Write(body[:len(body)/2])
	if flusher, ok := response.(http.Flusher); ok {
		flusher.Flush()
	}
	panic(http.ErrAbortHandler)
}

// buffer keeps an answer instead of sending it.
type buffer struct {
	header http.Header
	status int
	body   []byte
}

func (b *buffer) Header() http.Header    { return b.header }
func (b *buffer) WriteHeader(status int) { b.status = status }
func (b *buffer) Write(part []byte) (int, error) {
	b.body = append(b.body, part...)
	return len(part), nil
}
