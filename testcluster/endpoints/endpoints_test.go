package endpoints

import (
	"crypto/tls"
	"net/http"
	"testing"

	"github.com/helm-sdkpy/helm-sdkpy/testcluster/certificates"
)

func TestFlavours(t *testing.T) {
	t.Parallel()
	authority, err := certificates.NewAuthority(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	pair, err := authority.Client("client", "client")
	if err != nil {
		t.Fatal(err)
	}
	identity, err := tls.X509KeyPair(pair.Certificate, pair.Key)
	if err != nil {
		t.Fatal(err)
	}
	credentials := NewCredentials()
	open := http.HandlerFunc(func(response http.ResponseWriter, _ *http.Request) { _, _ = response.Write([]byte("in")) })
	served, err := Serve(t.Context(), authority, "thing", open, credentials.Guard(open))
	if err != nil {
		t.Fatal(err)
	}

	const refused = 0
	for name, test := range map[string]struct {
		url              string
		trust, identify  bool
		username, secret string
		status           int
	}{
		"plain":                      {url: "http://" + served.Plain, status: 200},
		"TLS":                        {url: "https://" + served.TLS, trust: true, status: 200},
		"TLS without trust":          {url: "https://" + served.TLS, status: refused},
		"auth":                       {"http://" + served.Auth, false, false, credentials.Username, credentials.Password, 200},
		"auth without credentials":   {url: "http://" + served.Auth, status: 401},
		"auth with a wrong password": {"http://" + served.Auth, false, false, credentials.Username, "wrong", 401},
		"auth with a wrong user":     {"http://" + served.Auth, false, false, "wrong", credentials.Password, 401},
		"TLS and auth":               {"https://" + served.TLSAuth, true, false, credentials.Username, credentials.Password, 200},
		"TLS and no credentials":     {url: "https://" + served.TLSAuth, trust: true, status: 401},
		"mutual TLS":                 {url: "https://" + served.MTLS, trust: true, identify: true, status: 200},
		"mutual TLS, nobody":         {url: "https://" + served.MTLS, trust: true, status: refused},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config := &tls.Config{MinVersion: tls.VersionTLS12}
			if test.trust {
				config.RootCAs = authority.Pool()
			}
			if test.identify {
				config.Certificates = []tls.Certificate{identity}
			}
			transport := &http.Transport{TLSClientConfig: config}
			defer transport.CloseIdleConnections()
			request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, test.url, nil)
			if err != nil {
				t.Fatal(err)
			}
			if test.username != "" {
				request.SetBasicAuth(test.username, test.secret)
			}
			response, err := (&http.Client{Transport: transport}).Do(request)
			if err != nil {
				if test.status != refused {
					t.Fatal(err)
				}
				return
			}
			defer response.Body.Close()
			if response.StatusCode != test.status {
				t.Errorf("status is %d, want %d", response.StatusCode, test.status)
			}
		})
	}
}
