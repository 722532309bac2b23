package session

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strings"
	"sync"
	"time"
)

const (
	// versionLifetime is how long the server's version is taken as read, whoever asks.
	versionLifetime = time.Minute
	// discoveryLifetime is how long discovery is taken as read by those who do not ask for the newest.
	discoveryLifetime = 30 * time.Second
	// cacheLimit bounds what one session keeps; aggregated discovery is some 100 KB, with many CRDs some MB.
	cacheLimit = 16 << 20
)

// cache keeps the answers about what the API server serves: Helm asks anew in every action and for every waiter.
//
// A request with "Cache-Control: no-cache" gets an answer that is not older than itself, which costs a 304 where the server
// sent an ETag. Whoever waits for the same answer waits for one request.
type cache struct {
	next http.RoundTripper
	root string // the path of the server's address
	now  func() time.Time

	mu         sync.Mutex
	answers    map[string]*answer
	size       int
	generation uint64

	flights flights[*answer]
}

// answer is a whole response; it is never changed once it is made.
type answer struct {
	status     int
	header     http.Header
	body       []byte
	asked      time.Time
	generation uint64
}

func newCache(next http.RoundTripper, root string) *cache {
	return &cache{next: next, root: strings.TrimSuffix(root, "/"), now: time.Now, answers: map[string]*answer{}}
}

// invalidate makes every answer but the version too old: what the API server serves has changed.
func (c *cache) invalidate() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.generation++
}

// RoundTrip implements http.RoundTripper.
func (c *cache) RoundTrip(request *http.Request) (*http.Response, error) {
	kind := c.kind(request)
	if kind == neverKept {
		return c.next.RoundTrip(request)
	}
	key := request.URL.RequestURI() + "\n" + request.Header.Get("Accept")
	fresh := kind != keptVersion && request.Header.Get("Cache-Control") == "no-cache"
	kept, generation := c.kept(key, kind)
	if kept != nil && !fresh {
		return kept.response(request), nil
	}
	flight := fmt.Sprintf("%d %s", generation, key)
	got, err := c.flights.do(request.Context(), flight, fresh, func(ctx context.Context) (*answer, error) {
		return c.fetch(request.Clone(ctx), key, kind, generation)
	})
	if err != nil {
		return nil, err
	}
	return got.response(request), nil
}

type keeping int

const (
	neverKept     keeping = iota
	keptVersion           // for a minute, whatever happens
	keptDiscovery         // until it is too old, or invalidated
	sharedOnly            // only by those who ask at the same time: large, and kept in another form by validators
)

// kind says whether and how the answer to a request is kept.
func (c *cache) kind(request *http.Request) keeping {
	own := request.Header.Get("Authorization") != "" || request.Header.Get("Impersonate-User") != ""
	if request.Method != http.MethodGet || request.Header.Get("Range") != "" || own {
		return neverKept
	}
	path, below := strings.CutPrefix(request.URL.Path, c.root)
	if !below {
		return neverKept
	}
	parts := strings.Split(strings.Trim(path, "/"), "/")
	switch {
	case path == "/version":
		return keptVersion
	case parts[0] == "api" && len(parts) <= 2, parts[0] == "apis" && len(parts) <= 3, path == "/openapi/v3":
		return keptDiscovery
	case parts[0] == "openapi":
		return sharedOnly
	default:
		return neverKept
	}
}

// kept gives the answer that is still good, and the generation that a new one would belong to.
func (c *cache) kept(key string, kind keeping) (*answer, uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	found := c.answers[key]
	if found == nil || !c.good(found, kind) {
		return nil, c.generation
	}
	return found, c.generation
}

func (c *cache) good(found *answer, kind keeping) bool {
	age := c.now().Sub(found.asked)
	if kind == keptVersion {
		return age < versionLifetime
	}
	return age < discoveryLifetime && found.generation == c.generation
}

// fetch asks the server, with the ETag of what is kept.
func (c *cache) fetch(request *http.Request, key string, kind keeping, generation uint64) (*answer, error) {
	c.mu.Lock()
	old := c.answers[key]
	c.mu.Unlock()
	request.Header.Del("Cache-Control")
	if old != nil && old.header.Get("Etag") != "" {
		request.Header.Set("If-None-Match", old.header.Get("Etag"))
	}
	asked := c.now()
	response, err := c.next.RoundTrip(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", request.URL.Path, err)
	}
	got := &answer{response.StatusCode, response.Header, body, asked, generation}
	if response.StatusCode == http.StatusNotModified && old != nil {
		got = &answer{old.status, old.header, old.body, asked, generation}
	}
	if got.status == http.StatusOK && kind != sharedOnly {
		c.keep(key, got)
	}
	return got, nil
}

// keep stores the answer, unless what it answers was invalidated meanwhile or a newer one is there.
func (c *cache) keep(key string, got *answer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	old := c.answers[key]
	if got.generation != c.generation || len(got.body) > cacheLimit || old != nil && old.asked.After(got.asked) {
		return
	}
	c.drop(key)
	for c.size+len(got.body) > cacheLimit {
		c.drop(c.oldest())
	}
	c.answers[key] = got
	c.size += len(got.body)
}

func (c *cache) drop(key string) {
	if old := c.answers[key]; old != nil {
		c.size -= len(old.body)
		delete(c.answers, key)
	}
}

func (c *cache) oldest() (key string) {
	for candidate, found := range c.answers {
		if key == "" || found.asked.Before(c.answers[key].asked) {
			key = candidate
		}
	}
	return key
}

func (a *answer) response(request *http.Request) *http.Response {
	return &http.Response{
		Status:        fmt.Sprintf("%d %s", a.status, http.StatusText(a.status)),
		StatusCode:    a.status,
		Proto:         "HTTP/1.1",
		ProtoMajor:    1,
		ProtoMinor:    1,
		Header:        maps.Clone(a.header),
		Body:          io.NopCloser(bytes.NewReader(a.body)),
		ContentLength: int64(len(a.body)),
		Request:       request,
	}
}
