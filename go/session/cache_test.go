package session

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// cachedServer serves discovery of a version that the test sets, with ETags.
type cachedServer struct {
	*api
	version atomic.Int64
	cache   *cache
	clock   atomic.Int64
}

func newCachedServer(t *testing.T, answer http.HandlerFunc) *cachedServer {
	t.Helper()
	s := &cachedServer{}
	if answer == nil {
		answer = func(w http.ResponseWriter, r *http.Request) {
			etag := fmt.Sprintf(`"%d"`, s.version.Load())
			w.Header().Set("Etag", etag)
			if r.Header.Get("If-None-Match") == etag {
				w.WriteHeader(http.StatusNotModified)
				return
			}
			_, _ = fmt.Fprintf(w, "%s v%d", r.URL.Path, s.version.Load())
		}
	}
	s.api = newAPI(t, answer)
	next := &http.Transport{}
	t.Cleanup(next.CloseIdleConnections)
	s.cache = newCache(next, "")
	s.cache.now = func() time.Time { return time.Unix(1000, s.clock.Load()) }
	return s
}

func (s *cachedServer) get(ctx context.Context, path string, header ...string) (string, int, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL+path, http.NoBody)
	if err != nil {
		return "", 0, err
	}
	for i := 0; i < len(header); i += 2 {
		request.Header.Set(header[i], header[i+1])
	}
	response, err := s.cache.RoundTrip(request)
	if err != nil {
		return "", 0, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	return string(text), response.StatusCode, err
}

func (s *cachedServer) want(t *testing.T, asked int, text, path string, header ...string) {
	t.Helper()
	got, status, err := s.get(t.Context(), path, header...)
	if err != nil || got != text || status != http.StatusOK {
		t.Errorf("GET %s = %q, %d, %v; want %q", path, got, status, err, text)
	}
	if count := s.count(""); count != asked {
		t.Errorf("after GET %s %v the server was asked %d times; want %d", path, header, count, asked)
	}
}

func TestCacheKeepsDiscovery(t *testing.T) {
	t.Parallel()
	s := newCachedServer(t, nil)
	s.want(t, 1, "/apis v0", "/apis")
	s.want(t, 1, "/apis v0", "/apis")
	s.want(t, 2, "/apis v0", "/apis", "Accept", "application/x")
	s.want(t, 3, "/apis v0", "/apis?a=b")
	s.want(t, 4, "/apis/apps/v1 v0", "/apis/apps/v1")
	s.want(t, 4, "/apis/apps/v1 v0", "/apis/apps/v1")

	s.version.Store(1)
	s.want(t, 4, "/apis v0", "/apis")
	s.want(t, 5, "/apis v1", "/apis", "Cache-Control", "no-cache")
	if got := s.last(t).Header.Get("If-None-Match"); got != `"0"` {
		t.Errorf("If-None-Match = %q; want the old ETag", got)
	}
	if got := s.last(t).Header.Get("Cache-Control"); got != "" {
		t.Errorf("Cache-Control %q went to the server", got)
	}
	s.want(t, 5, "/apis v1", "/apis")
	s.want(t, 6, "/apis v1", "/apis", "Cache-Control", "no-cache") // a 304

	s.clock.Add(int64(discoveryLifetime))
	s.want(t, 7, "/apis v1", "/apis")
}

func TestCacheInvalidate(t *testing.T) {
	t.Parallel()
	s := newCachedServer(t, nil)
	s.want(t, 1, "/apis v0", "/apis")
	s.want(t, 2, "/version v0", "/version")
	s.version.Store(1)
	s.cache.invalidate()
	s.want(t, 3, "/apis v1", "/apis")
	s.want(t, 3, "/version v0", "/version")
	s.want(t, 3, "/version v0", "/version", "Cache-Control", "no-cache")
	s.clock.Add(int64(versionLifetime))
	s.want(t, 4, "/version v1", "/version")
}

func TestCacheLeavesTheRestAlone(t *testing.T) {
	t.Parallel()
	s := newCachedServer(t, nil)
	for i, path := range []string{
		"/api/v1/pods", "/apis/apps/v1/deployments", "/openapi/v2", "/openapi/v3/api/v1?hash=1", "/healthz", "/apiserver", "/",
	} {
		s.want(t, 2*i+1, strings.Split(path, "?")[0]+" v0", path)
		s.want(t, 2*i+2, strings.Split(path, "?")[0]+" v0", path)
	}
	asked := s.count("")
	s.want(t, asked+1, "/apis v0", "/apis", "Impersonate-User", "somebody")
	s.want(t, asked+2, "/apis v0", "/apis", "Impersonate-User", "somebody")
}

func TestCacheBelowAPath(t *testing.T) {
	t.Parallel()
	s := newCachedServer(t, nil)
	s.cache.root = "/k8s/clusters/c"
	s.want(t, 1, "/k8s/clusters/c/apis v0", "/k8s/clusters/c/apis")
	s.want(t, 1, "/k8s/clusters/c/apis v0", "/k8s/clusters/c/apis")
	s.want(t, 2, "/apis v0", "/apis")
	s.want(t, 3, "/apis v0", "/apis")
}

func TestCacheKeepsNoErrors(t *testing.T) {
	t.Parallel()
	var failing atomic.Bool
	s := newCachedServer(t, func(w http.ResponseWriter, _ *http.Request) {
		if failing.Load() {
			w.WriteHeader(http.StatusForbidden)
		}
		_, _ = w.Write([]byte("text"))
	})
	failing.Store(true)
	for range 2 {
		if text, status, err := s.get(t.Context(), "/apis"); text != "text" || status != http.StatusForbidden || err != nil {
			t.Errorf("GET = %q, %d, %v", text, status, err)
		}
	}
	failing.Store(false)
	s.want(t, 3, "text", "/apis")
	s.want(t, 3, "text", "/apis")
}

func TestCacheIsBounded(t *testing.T) {
	t.Parallel()
	s := newCachedServer(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, cacheLimit/3)) })
	for i := range 5 {
		s.clock.Add(1)
		if _, _, err := s.get(t.Context(), fmt.Sprintf("/apis/g/v%d", i)); err != nil {
			t.Fatal(err)
		}
	}
	if s.cache.size > cacheLimit || len(s.cache.answers) != 3 {
		t.Errorf("%d answers of %d bytes are kept", len(s.cache.answers), s.cache.size)
	}
	if kept, _ := s.cache.kept("/apis/g/v4\n", keptDiscovery); kept == nil {
		t.Error("the newest answer is gone")
	}
}

func TestCacheSharesRequests(t *testing.T) {
	t.Parallel()
	entered, gate := make(chan struct{}, 100), make(chan struct{})
	s := newCachedServer(t, func(w http.ResponseWriter, _ *http.Request) {
		entered <- struct{}{}
		<-gate
		_, _ = w.Write([]byte("text"))
	})
	ctx, cancel := context.WithCancel(t.Context())
	leader := make(chan error, 1)
	go func() {
		_, _, err := s.get(ctx, "/apis")
		leader <- err
	}()
	<-entered
	var group sync.WaitGroup
	for range 64 {
		group.Go(func() {
			if text, _, err := s.get(t.Context(), "/apis"); text != "text" || err != nil {
				t.Errorf("a follower got %q, %v", text, err)
			}
		})
	}
	eventually(t, "64 followers", func() bool {
		s.cache.flights.mu.Lock()
		defer s.cache.flights.mu.Unlock()
		for _, running := range s.cache.flights.running {
			return running.waiters == 65
		}
		return false
	})
	cancel()
	within(t, time.Second, "the cancelled leader", func() {
		if err := <-leader; !errors.Is(err, context.Canceled) {
			t.Errorf("the leader got %v", err)
		}
	})
	close(gate)
	group.Wait()
	if count := s.count(""); count != 1 {
		t.Errorf("the server was asked %d times", count)
	}
}

func TestCacheEndsWhatNobodyWaitsFor(t *testing.T) {
	t.Parallel()
	entered, gone := make(chan struct{}, 1), make(chan struct{})
	var once sync.Once
	s := newCachedServer(t, func(w http.ResponseWriter, r *http.Request) {
		first := false
		once.Do(func() { first = true })
		if first {
			entered <- struct{}{}
			<-r.Context().Done()
			close(gone)
			return
		}
		_, _ = w.Write([]byte("text"))
	})
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-entered
		cancel()
	}()
	if _, _, err := s.get(ctx, "/apis"); !errors.Is(err, context.Canceled) {
		t.Errorf("err = %v", err)
	}
	within(t, time.Second, "the request's end", func() { <-gone })
	s.want(t, 2, "text", "/apis")
}

// What is asked for with no-cache is never answered by a request that was sent before.
func TestCacheNeverAnswersWithThePast(t *testing.T) {
	t.Parallel()
	entered, gate := make(chan struct{}, 100), make(chan struct{})
	var world atomic.Int64
	s := newCachedServer(t, func(w http.ResponseWriter, _ *http.Request) {
		seen := world.Load()
		entered <- struct{}{}
		<-gate
		_, _ = fmt.Fprintf(w, "v%d", seen)
	})
	var group sync.WaitGroup
	ask := func(want string) {
		group.Go(func() {
			if text, _, err := s.get(t.Context(), "/apis", "Cache-Control", "no-cache"); text != want || err != nil {
				t.Errorf("got %q, %v; want %q", text, err, want)
			}
		})
	}
	ask("v0")
	<-entered
	world.Store(1)
	for range 64 {
		ask("v1")
	}
	eventually(t, "64 waiting", func() bool {
		s.cache.flights.mu.Lock()
		defer s.cache.flights.mu.Unlock()
		for _, waiting := range s.cache.flights.waiting {
			return waiting.waiters == 64
		}
		return false
	})
	close(gate)
	group.Wait()
	if count := s.count(""); count != 2 {
		t.Errorf("the server was asked %d times", count)
	}
}

func TestCacheDropsWhatWasInvalidatedOnItsWay(t *testing.T) {
	t.Parallel()
	entered, gate := make(chan struct{}, 100), make(chan struct{})
	var world atomic.Int64
	s := newCachedServer(t, func(w http.ResponseWriter, _ *http.Request) {
		seen := world.Load()
		if seen == 0 {
			entered <- struct{}{}
			<-gate
		}
		_, _ = fmt.Fprintf(w, "v%d", seen)
	})
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _, _ = s.get(t.Context(), "/apis")
	}()
	<-entered
	world.Store(1)
	s.cache.invalidate()
	s.want(t, 2, "v1", "/apis") // and does not wait for the old one
	close(gate)
	<-done
	s.want(t, 2, "v1", "/apis")
}

func TestFlightsSurvivePanics(t *testing.T) {
	t.Parallel()
	var shared flights[int]
	_, err := shared.do(t.Context(), "k", false, func(context.Context) (int, error) { panic("boom") })
	if err == nil || !strings.Contains(err.Error(), "boom") {
		t.Errorf("err = %v", err)
	}
	if got, err := shared.do(t.Context(), "k", false, func(context.Context) (int, error) { return 7, nil }); got != 7 || err != nil {
		t.Errorf("after a panic: %d, %v", got, err)
	}
}
