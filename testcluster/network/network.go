// Package network is all that the API server can reach beside etcd: the kubelet, and one stand-in for every admission or
// conversion webhook whose pods only seem to run.
package network

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"sync"
	"time"

	"k8s.io/client-go/kubernetes"
	"k8s.io/klog/v2"

	"github.com/helm-sdkpy/helm-sdkpy/testcluster/certificates"
)

// Proxy takes the API server's CONNECT requests. Loopback addresses, which are the kubelet's, are dialled; every other
// address is a Service's or a Pod's, where nothing real listens, and is answered by the stand-in.
type Proxy struct {
	listener net.Listener
	standIn  *queue
	server   *http.Server

	mu     sync.Mutex
	client kubernetes.Interface
}

// Listen starts a proxy on a socket.
func Listen(ctx context.Context, socket string, authority *certificates.Authority) (*Proxy, error) {
	// The API server trusts the machine's authorities where a webhook's caBundle is empty, as it is until a Job or a
	// controller in one of the chart's pods fills it in. In this process there is only one authority to trust.
	if err := os.Setenv("SSL_CERT_FILE", authority.File); err != nil {
		return nil, fmt.Errorf("trust the test cluster's authority: %w", err)
	}
	listener, err := net.Listen("unix", socket)
	if err != nil {
		return nil, fmt.Errorf("listen for the API server's egress: %w", err)
	}
	proxy := &Proxy{listener: listener, standIn: newQueue(listener.Addr())}
	proxy.server = &http.Server{
		Handler:           http.HandlerFunc(answer),
		ReadHeaderTimeout: 10 * time.Second,
		TLSConfig: &tls.Config{
			MinVersion: tls.VersionTLS12,
			GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
				if certificate := proxy.ownCertificate(hello.Context(), hello.ServerName); certificate != nil {
					return certificate, nil
				}
				return authority.ServerFor(hello.ServerName)
			},
		},
	}
	go func() { _ = proxy.server.ServeTLS(proxy.standIn, "", "") }()
	go proxy.accept(ctx)
	context.AfterFunc(ctx, func() {
		_ = listener.Close()
		_ = proxy.server.Close()
	})
	return proxy, nil
}

// Look gives the proxy a client by which it finds the certificates of webhooks that brought their own.
func (p *Proxy) Look(client kubernetes.Interface) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.client = client
}

func (p *Proxy) accept(ctx context.Context) {
	for {
		connection, err := p.listener.Accept()
		if err != nil {
			return
		}
		go func() {
			if err := p.connect(ctx, connection); err != nil {
				klog.V(2).InfoS("egress", "err", err)
				_ = connection.Close()
			}
		}()
	}
}

// connect answers one CONNECT and hands the connection on.
func (p *Proxy) connect(ctx context.Context, connection net.Conn) error {
	request, err := http.ReadRequest(bufio.NewReader(connection))
	if err != nil {
		return fmt.Errorf("read request: %w", err)
	}
	if request.Method != http.MethodConnect {
		return fmt.Errorf("%s is not CONNECT", request.Method)
	}
	address := request.RequestURI
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("address %q: %w", address, err)
	}
	if ip := net.ParseIP(host); ip != nil && ip.IsLoopback() {
		return tunnel(ctx, connection, address)
	}
	if _, err := io.WriteString(connection, "HTTP/1.1 200 Connection established\r\n\r\n"); err != nil {
		return err
	}
	return p.standIn.add(connection)
}

func tunnel(ctx context.Context, connection net.Conn, address string) error {
	var dialer net.Dialer
	target, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		_, _ = io.WriteString(connection, "HTTP/1.1 502 Bad Gateway\r\n\r\n")
		return err
	}
	if _, err := io.WriteString(connection, "HTTP/1.1 200 Connection established\r\n\r\n"); err != nil {
		_ = target.Close()
		return err
	}
	var done sync.WaitGroup
	copying := func(to, from net.Conn) {
		_, _ = io.Copy(to, from)
		_ = to.Close()
		_ = from.Close()
	}
	done.Go(func() { copying(target, connection) })
	done.Go(func() { copying(connection, target) })
	done.Wait()
	return nil
}

// answer is the stand-in: it admits everything unchanged, and converts by writing the version asked for, as the API
// server itself does for a kind without a conversion webhook.
func answer(response http.ResponseWriter, request *http.Request) {
	var review map[string]any
	if err := json.NewDecoder(request.Body).Decode(&review); err != nil {
		http.Error(response, "no container runs in the test cluster: only webhooks are answered", http.StatusServiceUnavailable)
		return
	}
	asked, _ := review["request"].(map[string]any)
	reply := map[string]any{"uid": asked["uid"]}
	switch review["kind"] {
	case "AdmissionReview":
		reply["allowed"] = true
	case "ConversionReview":
		reply["convertedObjects"] = converted(asked)
		reply["result"] = map[string]any{"status": "Success"}
	default:
		http.Error(response, fmt.Sprintf("the test cluster does not know a review of kind %v", review["kind"]), http.StatusBadRequest)
		return
	}
	response.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(response).Encode(map[string]any{
		"apiVersion": review["apiVersion"], "kind": review["kind"], "response": reply,
	})
}

func converted(asked map[string]any) []any {
	objects, _ := asked["objects"].([]any)
	for _, object := range objects {
		if object, ok := object.(map[string]any); ok {
			object["apiVersion"] = asked["desiredAPIVersion"]
		}
	}
	return objects
}

// queue is a listener whose connections come from elsewhere.
type queue struct {
	address     net.Addr
	connections chan net.Conn
	closed      chan struct{}
	close       sync.Once
}

func newQueue(address net.Addr) *queue {
	return &queue{address: address, connections: make(chan net.Conn), closed: make(chan struct{})}
}

func (q *queue) add(connection net.Conn) error {
	select {
	case q.connections <- connection:
		return nil
	case <-q.closed:
		return net.ErrClosed
	}
}

func (q *queue) Accept() (net.Conn, error) {
	select {
	case connection := <-q.connections:
		return connection, nil
	case <-q.closed:
		return nil, net.ErrClosed
	}
}

func (q *queue) Close() error {
	q.close.Do(func() { close(q.closed) })
	return nil
}

func (q *queue) Addr() net.Addr { return q.address }
