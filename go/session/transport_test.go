package session

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

func clientset(t *testing.T, connection *Connection) *kubernetes.Clientset {
	t.Helper()
	clients, err := connection.Factory().KubernetesClientSet()
	if err != nil {
		t.Fatal(err)
	}
	return clients
}

func TestCancelEndsARequestThatKnowsNoContext(t *testing.T) {
	t.Parallel()
	entered, gone := make(chan struct{}), make(chan struct{})
	server := newAPI(t, func(_ http.ResponseWriter, r *http.Request) {
		close(entered)
		<-r.Context().Done()
		close(gone)
	})
	op, cancel := operation(t)
	connection := connect(t, open(t, NewPool(), Options{Kubeconfig: server.kubeconfig()}), op, ConnectOptions{})
	go func() {
		<-entered
		cancel()
	}()
	within(t, time.Second, "the cancelled request", func() {
		_, err := clientset(t, connection).CoreV1().Pods("default").List(context.Background(), metav1.ListOptions{})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("err = %v", err)
		}
		<-gone
	})
	if _, err := clientset(t, connection).CoreV1().Pods("default").Get(context.Background(), "p", metav1.GetOptions{}); !errors.Is(err, context.Canceled) {
		t.Errorf("a request after the cancel: %v", err)
	}
	if count := server.count(""); count != 1 {
		t.Errorf("the server was asked %d times", count)
	}
}

func TestARequestsOwnContextStillEndsIt(t *testing.T) {
	t.Parallel()
	server := newAPI(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	op, _ := operation(t)
	connection := connect(t, open(t, NewPool(), Options{Kubeconfig: server.kubeconfig()}), op, ConnectOptions{})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := clientset(t, connection).CoreV1().Pods("default").List(ctx, metav1.ListOptions{})
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("err = %v", err)
	}
}

// A watch goes on after its request has returned, and ends with the operation.
func TestAWatchLivesAsLongAsTheOperation(t *testing.T) {
	t.Parallel()
	server := newAPI(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		for {
			_, err := io.WriteString(w, `{"type":"ADDED","object":{"kind":"Pod","apiVersion":"v1","metadata":{"name":"p"}}}`+"\n")
			w.(http.Flusher).Flush()
			if err != nil || r.Context().Err() != nil {
				return
			}
			time.Sleep(20 * time.Millisecond)
		}
	})
	op, cancel := operation(t)
	connection := connect(t, open(t, NewPool(), Options{Kubeconfig: server.kubeconfig()}), op, ConnectOptions{})
	watcher, err := clientset(t, connection).CoreV1().Pods("default").Watch(context.Background(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer watcher.Stop()
	for range 5 {
		event, alive := <-watcher.ResultChan()
		if pod, ok := event.Object.(*corev1.Pod); !alive || !ok || pod.Name != "p" {
			t.Fatalf("event = %v, %v", event, alive)
		}
	}
	cancel()
	within(t, time.Second, "the watch's end", func() {
		for range watcher.ResultChan() {
		}
	})
}

func TestLogsAreCutByTheCancelOnly(t *testing.T) {
	t.Parallel()
	server := newAPI(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "line\n")
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	})
	op, cancel := operation(t)
	connection := connect(t, open(t, NewPool(), Options{Kubeconfig: server.kubeconfig()}), op, ConnectOptions{})
	stream, err := clientset(t, connection).CoreV1().Pods("default").GetLogs("p", &corev1.PodLogOptions{}).Stream(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close()
	reader := bufio.NewReader(stream)
	if line, err := reader.ReadString('\n'); line != "line\n" || err != nil {
		t.Errorf("line = %q, %v", line, err)
	}
	cancel()
	within(t, time.Second, "the log's end", func() {
		if _, err := reader.ReadString('\n'); err == nil {
			t.Error("the log went on")
		}
	})
}

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	var refusals atomic.Int64
	refusals.Store(2)
	server := newAPI(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if !strings.Contains(string(body), "ConfigMap") {
			t.Errorf("body = %q", body)
		}
		if refusals.Add(-1) >= 0 {
			w.Header().Set("Retry-After", "0")
			w.WriteHeader(http.StatusTooManyRequests)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"c"}}`)
	})
	op, _ := operation(t)
	connection := connect(t, open(t, NewPool(), Options{Kubeconfig: server.kubeconfig()}), op, ConnectOptions{})
	object := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "c"}}
	made, err := clientset(t, connection).CoreV1().ConfigMaps("default").Create(context.Background(), object, metav1.CreateOptions{})
	if err != nil || made.Name != "c" {
		t.Errorf("Create = %v, %v", made, err)
	}
	if count := server.count(""); count != 3 {
		t.Errorf("the server was asked %d times", count)
	}
}

func TestCancelDuringRetryAfter(t *testing.T) {
	t.Parallel()
	for _, status := range []int{http.StatusTooManyRequests, http.StatusServiceUnavailable} {
		server := newAPI(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "60")
			w.WriteHeader(status)
		})
		op, cancel := operation(t)
		connection := connect(t, open(t, NewPool(), Options{Kubeconfig: server.kubeconfig()}), op, ConnectOptions{})
		go func() {
			for server.count("") == 0 {
				time.Sleep(time.Millisecond)
			}
			cancel()
		}()
		within(t, time.Second, "the cancelled sleep", func() {
			_, err := clientset(t, connection).CoreV1().Pods("default").Get(context.Background(), "p", metav1.GetOptions{})
			if !errors.Is(err, context.Canceled) {
				t.Errorf("err = %v", err)
			}
		})
	}
}

func TestRetryAfterIsNotForEver(t *testing.T) {
	t.Parallel()
	server := newAPI(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "0")
		w.WriteHeader(http.StatusServiceUnavailable)
	})
	op, _ := operation(t)
	connection := connect(t, open(t, NewPool(), Options{Kubeconfig: server.kubeconfig()}), op, ConnectOptions{})
	_, err := clientset(t, connection).CoreV1().Pods("default").Get(context.Background(), "p", metav1.GetOptions{})
	if err == nil {
		t.Error("no error")
	}
	if count := server.count(""); count != patienceLimit+1 {
		t.Errorf("the server was asked %d times; client-go began all over", count)
	}
}

// Every layer of the operation is there: the caller's wrapper sees each request, Helm's retry is below it.
func TestLayers(t *testing.T) {
	t.Parallel()
	var failed atomic.Bool
	server := newAPI(t, func(w http.ResponseWriter, r *http.Request) {
		if !failed.Swap(true) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusInternalServerError)
			_, _ = io.WriteString(w, `{"message":"etcdserver: leader changed","code":500}`)
			return
		}
		if !strings.HasPrefix(r.Header.Get("User-Agent"), "Helm/") {
			t.Errorf("User-Agent = %q", r.Header.Get("User-Agent"))
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{}`)
	})
	op, _ := operation(t)
	var seen atomic.Int64
	connection := connect(t, open(t, NewPool(), Options{Kubeconfig: server.kubeconfig()}), op, ConnectOptions{
		Wrap: func(next http.RoundTripper) http.RoundTripper {
			return roundTripperFunc(func(r *http.Request) (*http.Response, error) {
				seen.Add(1)
				return next.RoundTrip(r)
			})
		},
	})
	if _, err := clientset(t, connection).CoreV1().Pods("default").Get(context.Background(), "p", metav1.GetOptions{}); err != nil {
		t.Error(err)
	}
	if seen.Load() != 1 || server.count("") != 2 {
		t.Errorf("the wrapper saw %d requests, the server %d", seen.Load(), server.count(""))
	}
}

func TestAPanicInAWrapperIsAnError(t *testing.T) {
	t.Parallel()
	server := newAPI(t, func(http.ResponseWriter, *http.Request) {})
	op, _ := operation(t)
	connection := connect(t, open(t, NewPool(), Options{Kubeconfig: server.kubeconfig()}), op, ConnectOptions{
		Wrap: func(http.RoundTripper) http.RoundTripper {
			return roundTripperFunc(func(*http.Request) (*http.Response, error) { panic("boom") })
		},
	})
	_, err := clientset(t, connection).CoreV1().Pods("default").Get(context.Background(), "p", metav1.GetOptions{})
	if err == nil || !strings.Contains(err.Error(), "boom") {
		t.Errorf("err = %v", err)
	}
}

func TestRateLimit(t *testing.T) {
	t.Parallel()
	server := newAPI(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{}`)
	})
	qps, burst := float32(0.01), 2
	configuration := open(t, NewPool(), Options{Kubeconfig: server.kubeconfig(), QPS: &qps, BurstLimit: &burst})
	get := func(connection *Connection) error {
		_, err := clientset(t, connection).CoreV1().Pods("default").Get(context.Background(), "p", metav1.GetOptions{})
		return err
	}
	first, _ := operation(t)
	second, cancel := operation(t)
	if err := errors.Join(get(connect(t, configuration, first, ConnectOptions{})), get(connect(t, configuration, second, ConnectOptions{}))); err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(50*time.Millisecond, cancel)
	within(t, time.Second, "the cancelled wait for the rate", func() {
		// The burst is shared: it is used up, whoever comes.
		if err := get(connect(t, configuration, second, ConnectOptions{})); err == nil {
			t.Error("the rate was not limited")
		}
	})
	if count := server.count(""); count != 2 {
		t.Errorf("the server was asked %d times", count)
	}
}

type roundTripperFunc func(*http.Request) (*http.Response, error)

func (f roundTripperFunc) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
