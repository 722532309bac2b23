package network

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/helm-sdkpy/helm-sdkpy/testcluster/certificates"
)

// start runs a proxy and gives a client whose every connection goes through it.
func start(t *testing.T, trusted *certificates.Authority) (*Proxy, *http.Client) {
	t.Helper()
	t.Setenv("SSL_CERT_FILE", "")
	directory, err := os.MkdirTemp("/tmp", "network")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(directory) })
	authority, err := certificates.NewAuthority(filepath.Join(directory, "certificates"))
	if err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join(directory, "egress.sock")
	proxy, err := Listen(t.Context(), socket, authority)
	if err != nil {
		t.Fatal(err)
	}
	if trusted == nil {
		trusted = authority
	}
	transport := &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: trusted.Pool(), MinVersion: tls.VersionTLS12},
		DialContext: func(_ context.Context, _, address string) (net.Conn, error) {
			return dial(socket, strings.Replace(address, "hook.web.svc", "10.96.0.9", 1))
		},
	}
	t.Cleanup(transport.CloseIdleConnections)
	return proxy, &http.Client{Transport: transport}
}

func dial(socket, address string) (net.Conn, error) {
	connection, err := net.Dial("unix", socket)
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(connection, "CONNECT %s HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", address)
	response, err := http.ReadResponse(bufio.NewReader(connection), nil)
	if err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("CONNECT: %s", response.Status)
	}
	return connection, nil
}

func TestLoopbackIsDialled(t *testing.T) {
	_, client := start(t, nil)
	kubelet := httptest.NewServer(http.HandlerFunc(func(response http.ResponseWriter, _ *http.Request) {
		_, _ = response.Write([]byte("logs"))
	}))
	defer kubelet.Close()
	response, err := client.Get(kubelet.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		t.Errorf("status is %s", response.Status)
	}
	kubelet.Close()
	if response, err := client.Get(kubelet.URL); err == nil {
		response.Body.Close()
		t.Error("a closed port answers")
	}
}

func TestReviewsAreAnswered(t *testing.T) {
	_, client := start(t, nil)
	for name, test := range map[string]struct {
		review string
		status int
		want   string
	}{
		"admission": {
			`{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{"uid":"7"}}`, http.StatusOK,
			`{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","response":{"allowed":true,"uid":"7"}}`,
		},
		"conversion": {
			`{"apiVersion":"apiextensions.k8s.io/v1","kind":"ConversionReview","request":{"uid":"8","desiredAPIVersion":"x/v2","objects":[{"apiVersion":"x/v1","kind":"X"}]}}`,
			http.StatusOK,
			`{"apiVersion":"apiextensions.k8s.io/v1","kind":"ConversionReview","response":{"convertedObjects":[{"apiVersion":"x/v2","kind":"X"}],"result":{"status":"Success"},"uid":"8"}}`,
		},
		"something else": {`{"kind":"Other"}`, http.StatusBadRequest, ""},
		"nothing":        {``, http.StatusServiceUnavailable, ""},
	} {
		response, err := client.Post("https://hook.web.svc:443/check", "application/json", strings.NewReader(test.review))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if response.StatusCode != test.status {
			t.Errorf("%s: status is %s", name, response.Status)
		}
		if test.want != "" {
			var got map[string]any
			if err := json.NewDecoder(response.Body).Decode(&got); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			if text, _ := json.Marshal(got); string(text) != test.want {
				t.Errorf("%s: %s, want %s", name, text, test.want)
			}
		}
		response.Body.Close()
	}
}

// TestChartsOwnCertificate has a webhook whose chart made the certificate and the caBundle itself.
func TestChartsOwnCertificate(t *testing.T) {
	charts, err := certificates.NewAuthority(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	pair, err := charts.Server("hook", "hook.web.svc")
	if err != nil {
		t.Fatal(err)
	}
	encode := base64.StdEncoding.EncodeToString
	api := httptest.NewServer(http.HandlerFunc(func(response http.ResponseWriter, request *http.Request) {
		if request.URL.Path != "/api/v1/namespaces/web/secrets" {
			http.NotFound(response, request)
			return
		}
		response.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(response, `{"apiVersion":"v1","kind":"SecretList","items":[{"data":{"password":"eA=="}},{"data":{"tls.crt":%q,"tls.key":%q}}]}`,
			encode(pair.Certificate), encode(pair.Key))
	}))
	defer api.Close()
	proxy, client := start(t, charts)
	if _, err := client.Post("https://hook.web.svc:443/", "application/json", strings.NewReader(`{}`)); err == nil {
		t.Fatal("trusted before the Secret was looked at")
	}
	kube, err := kubernetes.NewForConfig(&rest.Config{Host: api.URL})
	if err != nil {
		t.Fatal(err)
	}
	proxy.Look(kube)
	response, err := client.Post("https://hook.web.svc:443/", "application/json", strings.NewReader(`{"kind":"AdmissionReview","request":{}}`))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		t.Errorf("status is %s", response.Status)
	}
}
