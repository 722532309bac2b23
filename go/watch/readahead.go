package watch

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strings"
	"sync"

	"helm.sh/helm/v4/pkg/kube"
	"k8s.io/cli-runtime/pkg/resource"
)

// aheadAtMost bounds the reads that are sent before they are asked for.
const aheadAtMost = 16

// readAhead makes up for Helm's checks before an install and an uninstall, which read the objects of the list that was
// built last one after the other, past the client's methods (helm: pkg/action/validate.go): with 200 objects 10 ms away
// that is two seconds of three. Once two neighbours were read, the next ones are sent for. The requests are the same
// ones, and so are their answers; any write, and any method of the client, ends it.
type readAhead struct {
	ctx context.Context

	mu    sync.Mutex
	busy  int // methods of the client that run: what they read is not Helm's check
	plan  []string
	index map[string]int
	last  int // the place in the plan of what was read before
	sent  map[int]*sentRead
	run   context.Context // of what is sent, until it is dropped
	stop  context.CancelFunc
}

// sentRead is a read that nobody has asked for yet.
type sentRead struct {
	done     chan struct{}
	response *http.Response
	body     []byte
	err      error
}

// expect takes the list that was built last.
func (a *readAhead) expect(resources kube.ResourceList) {
	plan := make([]string, 0, len(resources))
	index := make(map[string]int, len(resources))
	for _, info := range resources {
		if path := pathOf(info); path != "" {
			index[path] = len(plan)
			plan = append(plan, path)
		}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.drop()
	a.plan, a.index = plan, index
}

// pause ends reading ahead until resume.
func (a *readAhead) pause() (resume func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.drop()
	a.busy++
	return func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.busy--
	}
}

// drop forgets what was sent for and where the reading was.
func (a *readAhead) drop() {
	if a.stop != nil {
		a.stop()
	}
	a.stop, a.sent, a.last = nil, nil, -2
}

// roundTrip answers a request, if it was sent before, and sends for those that come next.
func (a *readAhead) roundTrip(request *http.Request, next http.RoundTripper) (*http.Response, error) {
	sent := a.look(request, next)
	if sent == nil {
		return next.RoundTrip(request)
	}
	select {
	case <-sent.done:
	case <-request.Context().Done():
		return nil, request.Context().Err()
	}
	if sent.err != nil {
		return nil, sent.err
	}
	response := *sent.response
	response.Request = request
	response.Body = io.NopCloser(bytes.NewReader(sent.body))
	return &response, nil
}

func (a *readAhead) look(request *http.Request, next http.RoundTripper) *sentRead {
	a.mu.Lock()
	defer a.mu.Unlock()
	if request.Method != http.MethodGet {
		a.drop()
		return nil
	}
	if a.busy > 0 || len(a.plan) < 3 || request.URL.RawQuery != "" {
		return nil
	}
	base, place := a.find(request.URL.Path)
	if place < 0 {
		return nil
	}
	inOrder := place == a.last+1
	a.last = place
	found := a.sent[place]
	delete(a.sent, place)
	if inOrder && a.ctx.Err() == nil {
		a.send(request, next, base, place)
	}
	return found
}

// find gives the place of a path in the plan, and what stands before the API's own part of it.
func (a *readAhead) find(path string) (base string, place int) {
	if place, there := a.index[path]; there {
		return "", place
	}
	for _, root := range []string{"/api/", "/apis/"} {
		if i := strings.Index(path, root); i > 0 {
			if place, there := a.index[path[i:]]; there {
				return path[:i], place
			}
		}
	}
	return "", -1
}

func (a *readAhead) send(request *http.Request, next http.RoundTripper, base string, place int) {
	if a.stop == nil {
		a.run, a.stop = context.WithCancel(a.ctx)
		a.sent = map[int]*sentRead{}
	}
	for ahead := place + 1; ahead < len(a.plan) && ahead <= place+aheadAtMost; ahead++ {
		if _, known := a.sent[ahead]; known {
			continue
		}
		early := request.Clone(a.run)
		early.URL.Path, early.URL.RawPath = base+a.plan[ahead], ""
		sent := &sentRead{done: make(chan struct{})}
		a.sent[ahead] = sent
		go sent.fetch(early, next)
	}
}

func (s *sentRead) fetch(request *http.Request, next http.RoundTripper) {
	defer close(s.done)
	if s.response, s.err = next.RoundTrip(request); s.err != nil {
		return
	}
	s.body, s.err = io.ReadAll(s.response.Body)
	_ = s.response.Body.Close()
}

// pathOf is where the API server has the object; empty where its name is not known yet.
func pathOf(info *resource.Info) string {
	if info.Name == "" {
		return ""
	}
	parts := []string{"", "apis", info.Mapping.Resource.Group, info.Mapping.Resource.Version}
	if info.Mapping.Resource.Group == "" {
		parts = []string{"", "api", info.Mapping.Resource.Version}
	}
	if namespace := namespaceOf(info); namespace != "" {
		parts = append(parts, "namespaces", namespace)
	}
	return strings.Join(append(parts, info.Mapping.Resource.Resource, info.Name), "/")
}
