package node

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/helm-sdkpy/helm-sdkpy/testcluster/certificates"
)

// logAnnotation holds what a pod's containers have written; without it they have written their own name.
const logAnnotation = "testcluster/log"

// startKubelet serves the one request of the kubelet's API that Helm causes: the logs of a container.
func startKubelet(ctx context.Context, client kubernetes.Interface, authority *certificates.Authority) (int, error) {
	pair, err := authority.Server("kubelet", "127.0.0.1", Name)
	if err != nil {
		return 0, err
	}
	certificate, err := tls.X509KeyPair(pair.Certificate, pair.Key)
	if err != nil {
		return 0, fmt.Errorf("certificate of the kubelet: %w", err)
	}
	listener, err := listen()
	if err != nil {
		return 0, fmt.Errorf("listen for the kubelet: %w", err)
	}
	routes := http.NewServeMux()
	routes.Handle("GET /containerLogs/{namespace}/{pod}/{container}", logs{client})
	server := &http.Server{
		Handler: routes,
		TLSConfig: &tls.Config{
			Certificates: []tls.Certificate{certificate},
			ClientAuth:   tls.RequireAndVerifyClientCert,
			ClientCAs:    authority.Pool(),
			MinVersion:   tls.VersionTLS12,
		},
		ReadHeaderTimeout: 10 * time.Second,
	}
	go func() { _ = server.ServeTLS(listener, "", "") }()
	context.AfterFunc(ctx, func() { _ = server.Close() })
	return listener.Addr().(*net.TCPAddr).Port, nil
}

// logs answers with what a container would have written.
type logs struct {
	client kubernetes.Interface
}

func (l logs) ServeHTTP(response http.ResponseWriter, request *http.Request) {
	namespace, name, container := request.PathValue("namespace"), request.PathValue("pod"), request.PathValue("container")
	pod, err := l.client.CoreV1().Pods(namespace).Get(request.Context(), name, metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err):
		http.Error(response, err.Error(), http.StatusNotFound)
	case err != nil:
		http.Error(response, err.Error(), http.StatusInternalServerError)
	default:
		response.Header().Set("Content-Type", "text/plain")
		_, _ = io.WriteString(response, excerpt(written(pod, container), request.URL.Query()))
	}
}

func written(pod *corev1.Pod, container string) string {
	text, ok := pod.Annotations[logAnnotation]
	if !ok {
		text = fmt.Sprintf("%s of %s/%s", container, pod.Namespace, pod.Name)
	}
	if text != "" && !strings.HasSuffix(text, "\n") {
		text += "\n"
	}
	return text
}

// excerpt is the part of a log that tailLines and limitBytes ask for.
func excerpt(text string, query url.Values) string {
	if lines, err := strconv.Atoi(query.Get("tailLines")); err == nil && lines >= 0 {
		all := strings.SplitAfter(strings.TrimSuffix(text, "\n"), "\n")
		text = strings.Join(all[max(0, len(all)-lines):], "")
		if lines > 0 && text != "" {
			text += "\n"
		}
	}
	if limit, err := strconv.Atoi(query.Get("limitBytes")); err == nil && limit >= 0 {
		text = text[:min(limit, len(text))]
	}
	return text
}
