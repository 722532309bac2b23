package registry

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/helm-sdkpy/helm-sdkpy/testcluster/certificates"
	"github.com/helm-sdkpy/helm-sdkpy/testcluster/endpoints"
	"github.com/helm-sdkpy/helm-sdkpy/testcluster/state"
)

func started(t *testing.T) (Addresses, endpoints.Credentials) {
	t.Helper()
	directory, err := state.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	authority, err := certificates.NewAuthority(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	credentials := endpoints.NewCredentials()
	addresses, err := Start(t.Context(), directory, authority, credentials)
	if err != nil {
		t.Fatal(err)
	}
	return addresses, credentials
}

func TestTokens(t *testing.T) {
	addresses, credentials := started(t)
	for name, test := range map[string]struct {
		user, password, scope string
		form                  url.Values
		status, registry      int // of the token server, and of the registry with that token
	}{
		"pull":             {credentials.Username, credentials.Password, "repository:web:pull", nil, 200, 404},
		"reader":           {Reader, credentials.Password, "repository:web:pull,push", nil, 200, 404},
		"nobody":           {"", "", "repository:web:pull", nil, 200, 401},
		"nobody, public":   {"", "", "repository:public/web:pull", nil, 200, 404},
		"wrong password":   {credentials.Username, "wrong", "", nil, 401, 0},
		"unknown":          {"other", credentials.Password, "", nil, 401, 0},
		"private":          {credentials.Username, credentials.Password, "repository:private/web:pull", nil, 403, 0},
		"OAuth2":           {"", "", "repository:web:pull", url.Values{"grant_type": {"password"}, "username": {credentials.Username}, "password": {credentials.Password}}, 200, 404},
		"OAuth2, wrong":    {"", "", "", url.Values{"grant_type": {"password"}, "username": {credentials.Username}, "password": {"wrong"}}, 401, 0},
		"a refresh token":  {"", "", "repository:web:pull", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {credentials.Password}}, 200, 404},
		"an unknown grant": {"", "", "", url.Values{"grant_type": {"other"}}, 401, 0},
	} {
		t.Run(name, func(t *testing.T) {
			address := "http://" + addresses.Token + tokenPath + "?" + url.Values{"scope": {test.scope}}.Encode()
			method := http.MethodGet
			if test.form != nil {
				method = http.MethodPost
			}
			request, err := http.NewRequestWithContext(t.Context(), method, address, strings.NewReader(test.form.Encode()))
			if err != nil {
				t.Fatal(err)
			}
			if test.form != nil {
				request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			}
			if test.user != "" {
				request.SetBasicAuth(test.user, test.password)
			}
			var given struct {
				Token string `json:"token"`
			}
			if status := do(t, request, &given); status != test.status {
				t.Fatalf("token server: %d, want %d", status, test.status)
			}
			if test.registry == 0 {
				return
			}
			_, name, _ := strings.Cut(strings.TrimSuffix(strings.TrimSuffix(test.scope, ":pull"), ":pull,push"), ":")
			request, err = http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+addresses.Token+"/v2/"+name+"/manifests/1", nil)
			if err != nil {
				t.Fatal(err)
			}
			request.Header.Set("Authorization", "Bearer "+given.Token)
			if status := do(t, request, nil); status != test.registry {
				t.Errorf("registry: %d, want %d", status, test.registry)
			}
		})
	}
}

func do(t *testing.T, request *http.Request, into any) int {
	t.Helper()
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if into != nil && response.StatusCode == http.StatusOK {
		if err := json.NewDecoder(response.Body).Decode(into); err != nil {
			t.Fatal(err)
		}
	}
	return response.StatusCode
}

func TestTheRegistrySendsItsClientsForTokens(t *testing.T) {
	addresses, _ := started(t)
	response, err := http.Get("http://" + addresses.Token + "/v2/") //nolint:noctx // a test's own server
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	challenge := response.Header.Get("WWW-Authenticate")
	if want := `Bearer realm="http://` + addresses.Token + tokenPath + `"`; !strings.HasPrefix(challenge, want) {
		t.Errorf("challenge is %s, want %s…", challenge, want)
	}
}

func TestRedirects(t *testing.T) {
	credentials := endpoints.NewCredentials()
	open := http.HandlerFunc(func(response http.ResponseWriter, _ *http.Request) { _, _ = response.Write([]byte("blob")) })
	handler, err := redirecting(t.Context(), open, credentials.Guard(open), credentials, "secret")
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(handler)
	defer server.Close()
	blob := server.URL + "/v2/web/blobs/sha256:" + strings.Repeat("0", 64)
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	get := func(address string, authorized bool) *http.Response {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
		if err != nil {
			t.Fatal(err)
		}
		if authorized {
			request.SetBasicAuth(credentials.Username, credentials.Password)
		}
		response, err := client.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		return response
	}
	if status := get(blob, false).StatusCode; status != http.StatusUnauthorized {
		t.Errorf("without credentials: %d", status)
	}
	redirect := get(blob, true)
	elsewhere := redirect.Header.Get("Location")
	if redirect.StatusCode != http.StatusTemporaryRedirect || strings.HasPrefix(elsewhere, server.URL) {
		t.Fatalf("%d to %s", redirect.StatusCode, elsewhere)
	}
	for _, test := range []struct {
		address    string
		authorized bool
		status     int
	}{
		{elsewhere, false, http.StatusOK},
		{elsewhere, true, http.StatusBadRequest},
		{elsewhere + "0", false, http.StatusForbidden},
		{server.URL + "/v2/web/manifests/1", true, http.StatusOK},
	} {
		if status := get(test.address, test.authorized).StatusCode; status != test.status {
			t.Errorf("%s: %d, want %d", test.address, status, test.status)
		}
	}
}
