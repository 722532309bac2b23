package session

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"
	"syscall"
	"time"

	"github.com/helm-sdkpy/helm-sdkpy/go/bridge"
)

// CodeUnreachable is the code of requests that no API server answered.
const CodeUnreachable = "cluster_unreachable"

// steady reads again what could not be read, and takes a page of HTML for what it is: the answer of somebody else in the API
// server's place, such as the login page of a proxy.
//
// One lost answer must not decide what becomes of a release. Helm takes an object of an older revision that it could not read
// for one that is gone, and leaves it (helm: pkg/kube/client.go, update); a wait that could not read once waits until its
// timeout; client-go takes a page of HTML for a deletion that was accepted.
type steady struct{ next http.RoundTripper }

// A read is tried this often, with a pause that grows: 0.25 s in all.
const (
	readAttempts = 3
	readPause    = 50 * time.Millisecond
)

// WrappedRoundTripper lets client-go reach what is below, to close idle connections.
func (s *steady) WrappedRoundTripper() http.RoundTripper { return s.next }

// RoundTrip implements http.RoundTripper.
func (s *steady) RoundTrip(request *http.Request) (*http.Response, error) {
	if !isRead(request) {
		response, err := s.next.RoundTrip(request)
		return genuine(request, response, err)
	}
	pause := readPause
	for attempt := 1; ; attempt++ {
		response, err := s.read(request)
		if attempt == readAttempts || !passing(request, response, err) {
			return response, err
		}
		if response != nil {
			_ = response.Body.Close()
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-request.Context().Done():
			timer.Stop()
			return nil, request.Context().Err()
		}
		pause *= 4
	}
}

// isRead says of a request whether it may be sent again and ends by itself, which watches and logs do not.
func isRead(request *http.Request) bool {
	query := request.URL.Query()
	return request.Method == http.MethodGet && (request.Body == nil || request.Body == http.NoBody) &&
		request.Header.Get("Upgrade") == "" && !query.Has("watch") && !strings.HasSuffix(request.URL.Path, "/log")
}

var errBrokenOff = errors.New("the answer is JSON that breaks off: unexpected EOF")

// read gives a response whose body is there as a whole.
func (s *steady) read(request *http.Request) (*http.Response, error) {
	response, err := s.next.RoundTrip(request)
	response, err = genuine(request, response, err)
	if err != nil || response.StatusCode >= http.StatusMultipleChoices {
		return response, err
	}
	defer response.Body.Close()
	var body bytes.Buffer
	if response.ContentLength > 0 {
		body.Grow(int(response.ContentLength) + bytes.MinRead)
	}
	if _, err := body.ReadFrom(response.Body); err != nil {
		return nil, err
	}
	if mediaType(response) == "application/json" && !bytes.HasSuffix(bytes.TrimSpace(body.Bytes()), []byte("}")) {
		return nil, errBrokenOff
	}
	response.Body = io.NopCloser(&body)
	return response, nil
}

// passing says whether another try may go well. A server that is not there at all is not waited for, nor is an aggregated API
// whose server is down: discovery would ask in vain in every operation.
func passing(request *http.Request, response *http.Response, err error) bool {
	if request.Context().Err() != nil {
		return false
	}
	if err != nil {
		var known *bridge.Error
		return errors.As(err, &known) || errors.Is(err, errBrokenOff) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
			errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
	}
	if response.StatusCode == http.StatusConflict {
		return true // no read conflicts with anything
	}
	if response.StatusCode < http.StatusInternalServerError || response.Header.Get("Retry-After") != "" {
		return false
	}
	return response.StatusCode != http.StatusServiceUnavailable || strings.Contains(request.URL.Path, "/namespaces/")
}

// genuine makes an error of a page of HTML.
func genuine(request *http.Request, response *http.Response, err error) (*http.Response, error) {
	if err != nil || response.StatusCode >= http.StatusMultipleChoices || mediaType(response) != "text/html" {
		return response, err
	}
	_ = response.Body.Close()
	return nil, bridge.Errorf(CodeUnreachable, "%s %s was answered with a page of HTML, which is no Kubernetes API server's:"+
		" a proxy or a login page may stand in its place", request.Method, request.URL.Path)
}

func mediaType(response *http.Response) string {
	kind, _, _ := mime.ParseMediaType(response.Header.Get("Content-Type"))
	return kind
}
