package session

import (
	"context"
	"encoding/pem"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"helm.sh/helm/v4/pkg/getter"
	"helm.sh/helm/v4/pkg/registry"

	"github.com/helm-sdkpy/helm-sdkpy/go/bridge"
)

func download(t *testing.T, configuration *Configuration, op *bridge.Operation, address string, options ...getter.Option) (string, error) {
	t.Helper()
	scheme, _, _ := strings.Cut(address, ":")
	made, err := configuration.Providers(op).ByScheme(scheme)
	if err != nil {
		t.Fatal(err)
	}
	text, err := made.Get(address, options...)
	if err != nil {
		return "", err
	}
	return text.String(), nil
}

func TestDownload(t *testing.T) {
	t.Parallel()
	server := newAPI(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/missing" {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		user, password, _ := r.BasicAuth()
		_, _ = io.WriteString(w, r.URL.Path+" "+user+":"+password+" "+r.Header.Get("User-Agent"))
	})
	other := newAPI(t, func(w http.ResponseWriter, r *http.Request) {
		user, _, _ := r.BasicAuth()
		_, _ = io.WriteString(w, "other "+user)
	})
	configuration := open(t, NewPool(), Options{})
	op, _ := operation(t)
	login := []getter.Option{getter.WithBasicAuth("me", "pw"), getter.WithURL(server.URL)}
	got, err := download(t, configuration, op, server.URL+"/index.yaml", login...)
	if err != nil || !strings.HasPrefix(got, "/index.yaml me:pw Helm/") {
		t.Errorf("%q, %v", got, err)
	}
	if got, err := download(t, configuration, op, other.URL, login...); err != nil || got != "other " {
		t.Errorf("credentials went to another host: %q, %v", got, err)
	}
	all := append(login, getter.WithPassCredentialsAll(true), getter.WithUserAgent("mine"))
	if got, err := download(t, configuration, op, other.URL, all...); err != nil || got != "other me" {
		t.Errorf("pass_credentials_all: %q, %v", got, err)
	}
	if _, err := download(t, configuration, op, server.URL+"/missing"); err == nil || !strings.Contains(err.Error(), "404") {
		t.Errorf("err = %v", err)
	}
	if _, err := configuration.Providers(op).ByScheme("ftp"); err == nil {
		t.Error("ftp is provided")
	}
	extra, err := configuration.Providers(op, getter.WithUserAgent("extra")).ByScheme("http")
	if err != nil {
		t.Fatal(err)
	}
	if text, err := extra.Get(server.URL); err != nil || !strings.HasSuffix(text.String(), " extra") {
		t.Errorf("%v, %v", text, err)
	}
}

func TestCancelEndsADownload(t *testing.T) {
	t.Parallel()
	half, gone := make(chan struct{}), make(chan struct{})
	server := newAPI(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "1000")
		_, _ = io.WriteString(w, "half of it")
		w.(http.Flusher).Flush()
		close(half)
		<-r.Context().Done()
		close(gone)
	})
	configuration := open(t, NewPool(), Options{})
	op, cancel := operation(t)
	go func() {
		<-half
		cancel()
	}()
	within(t, time.Second, "the cancelled download", func() {
		if _, err := download(t, configuration, op, server.URL+"/chart.tgz"); !errors.Is(err, context.Canceled) {
			t.Errorf("err = %v", err)
		}
		<-gone
	})
}

func TestDownloadsTimeout(t *testing.T) {
	t.Parallel()
	server := newAPI(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	op, _ := operation(t)
	within(t, 2*time.Second, "the timeout", func() {
		_, err := download(t, open(t, NewPool(), Options{}), op, server.URL, getter.WithTimeout(50*time.Millisecond))
		if err == nil || errors.Is(err, context.Canceled) {
			t.Errorf("err = %v", err)
		}
	})
}

func tlsServer(t *testing.T, handler http.HandlerFunc) (server *httptest.Server, authority string) {
	t.Helper()
	server = httptest.NewUnstartedServer(handler)
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // it refuses, and is refused, on purpose
	server.StartTLS()
	t.Cleanup(server.Close)
	authority = filepath.Join(t.TempDir(), "ca.crt")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	if err := os.WriteFile(authority, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return server, authority
}

func TestDownloadOverTLS(t *testing.T) {
	t.Parallel()
	server, authority := tlsServer(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "text") })
	op, _ := operation(t)
	configuration := open(t, NewPool(), Options{})
	insecure := open(t, NewPool(), Options{InsecureSkipTLSVerify: true})
	for name, test := range map[string]struct {
		configuration *Configuration
		option        getter.Option
		fails         string
	}{
		"nothing":          {configuration, getter.WithURL(""), "certificate"},
		"insecure":         {configuration, getter.WithInsecureSkipVerifyTLS(true), ""},
		"authority":        {configuration, getter.WithTLSClientConfig("", "", authority), ""},
		"no such file":     {configuration, getter.WithTLSClientConfig("", "", "/nowhere"), "/nowhere"},
		"not both files":   {configuration, getter.WithTLSClientConfig(authority, "", authority), "key file"},
		"by configuration": {insecure, getter.WithURL(""), ""},
	} {
		text, err := download(t, test.configuration, op, server.URL, test.option)
		if test.fails == "" && (err != nil || text != "text") || test.fails != "" && (err == nil || !strings.Contains(err.Error(), test.fails)) {
			t.Errorf("%s: %q, %v", name, text, err)
		}
	}
}

func TestDownloadsGoThroughTheProxy(t *testing.T) {
	t.Parallel()
	proxy := newAPI(t, func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, "by proxy: "+r.URL.String()) })
	op, _ := operation(t)
	configuration := open(t, NewPool(), Options{Environment: map[string]string{"HTTP_PROXY": proxy.URL}})
	if got, err := download(t, configuration, op, "http://charts.example/index.yaml"); err != nil || got != "by proxy: http://charts.example/index.yaml" {
		t.Errorf("%q, %v", got, err)
	}
}

// Helm's getter options are functions on a struct that it does not export; this breaks when Helm renames its fields.
func TestGetterOptionsAreRead(t *testing.T) {
	t.Parallel()
	read, err := readGetterOptions([]getter.Option{
		getter.WithTLSClientConfig("c", "k", "a"), getter.WithInsecureSkipVerifyTLS(true), getter.WithPlainHTTP(true),
	})
	want := getterOptions{tls: tlsFiles{insecure: true, cert: "c", key: "k", caFile: "a"}, plainHTTP: true}
	if err != nil || read != want {
		t.Errorf("%+v, %v; want %+v", read, err, want)
	}
	read, err = readGetterOptions([]getter.Option{getter.WithTransport(&http.Transport{})})
	if err != nil || !read.foreign || read.registry {
		t.Errorf("%+v, %v", read, err)
	}
}

// registryServer wants a login and has one manifest that nobody can pull.
func registryServer(t *testing.T) *api {
	t.Helper()
	return newAPI(t, func(w http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		if user == "" {
			w.Header().Set("WWW-Authenticate", `Basic realm="registry"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		w.WriteHeader(http.StatusForbidden)
		_, _ = io.WriteString(w, `{"errors":[{"code":"DENIED","message":"`+user+":"+password+`"}]}`)
	})
}

func TestRegistryCredentials(t *testing.T) {
	t.Parallel()
	server := registryServer(t)
	host := strings.TrimPrefix(server.URL, "http://")
	file := func(user string) string {
		directory := t.TempDir()
		text := `{"auths": {"` + host + `": {"auth": "` + base64Of([]byte(user+":pw")) + `"}}}`
		if err := os.WriteFile(filepath.Join(directory, "config.json"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return directory
	}
	docker := map[string]string{"DOCKER_CONFIG": file("docker"), "HOME": "/nowhere"}
	given := map[string]Credential{"oci://" + host + "/charts": {Username: "given", Password: "pw"}}
	for name, test := range map[string]struct {
		options Options
		action  RegistryOptions
		want    string
	}{
		"docker":        {Options{Environment: docker, RegistryConfig: "/nowhere/config.json"}, RegistryOptions{}, "docker:pw"},
		"helm":          {Options{Environment: docker, RegistryConfig: file("helm") + "/config.json"}, RegistryOptions{}, "helm:pw"},
		"registry_auth": {Options{Environment: docker, RegistryConfig: file("helm") + "/config.json", RegistryAuth: given}, RegistryOptions{}, "given:pw"},
		"action":        {Options{Environment: docker, RegistryAuth: given}, RegistryOptions{Username: "action", Password: "pw"}, "action:pw"},
	} {
		test.options.PlainHTTP = true
		op, _ := operation(t)
		client, err := open(t, NewPool(), test.options).Registry(op, test.action)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := client.Pull(host + "/charts/shop:1.0.0"); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v; want %s", name, err, test.want)
		}
	}
}

func TestCancelEndsAPull(t *testing.T) {
	t.Parallel()
	entered := make(chan struct{}, 10)
	server := newAPI(t, func(_ http.ResponseWriter, r *http.Request) {
		entered <- struct{}{}
		<-r.Context().Done()
	})
	configuration := open(t, NewPool(), Options{PlainHTTP: true})
	op, cancel := operation(t)
	go func() {
		<-entered
		cancel()
	}()
	within(t, time.Second, "the cancelled pull", func() {
		_, err := download(t, configuration, op, strings.Replace(server.URL, "http", "oci", 1)+"/charts/shop:1.0.0")
		if !errors.Is(err, context.Canceled) {
			t.Errorf("err = %v", err)
		}
	})
}

func TestCancelEndsTheWaitBetweenARegistrysRetries(t *testing.T) {
	t.Parallel()
	server := newAPI(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "60")
		w.WriteHeader(http.StatusTooManyRequests)
	})
	op, cancel := operation(t)
	client, err := open(t, NewPool(), Options{}).Registry(op, RegistryOptions{PlainHTTP: true})
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		for server.count("") == 0 {
			time.Sleep(time.Millisecond)
		}
		cancel()
	}()
	within(t, time.Second, "the cancelled pull", func() {
		if _, err := client.Tags(strings.TrimPrefix(server.URL, "http://") + "/charts/shop"); !errors.Is(err, context.Canceled) {
			t.Errorf("err = %v", err)
		}
	})
}

// Helm's login options change the client's transport in place, and panic where it is none that they know.
func TestLogin(t *testing.T) {
	t.Parallel()
	server := newAPI(t, func(w http.ResponseWriter, r *http.Request) {
		if user, password, _ := r.BasicAuth(); user != "me" || password != "pw" {
			w.Header().Set("WWW-Authenticate", `Basic realm="registry"`)
			w.WriteHeader(http.StatusUnauthorized)
		}
	})
	host := strings.TrimPrefix(server.URL, "http://")
	file := filepath.Join(t.TempDir(), "registry", "config.json")
	configuration := open(t, NewPool(), Options{RegistryConfig: file, Environment: map[string]string{"HOME": "/nowhere"}})
	op, _ := operation(t)
	client, err := configuration.Registry(op, RegistryOptions{PlainHTTP: true})
	if err != nil {
		t.Fatal(err)
	}
	err = client.Login(host, registry.LoginOptBasicAuth("me", "pw"), registry.LoginOptInsecure(true), registry.LoginOptPlainText(true))
	if err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(file); err != nil || !strings.Contains(string(text), host) {
		t.Errorf("%s, %v", text, err)
	}
	if err := client.Logout(host); err != nil {
		t.Error(err)
	}
	if text, err := os.ReadFile(file); err != nil || strings.Contains(string(text), host) {
		t.Errorf("after the logout: %s, %v", text, err)
	}
}

func TestABrokenRegistryConfig(t *testing.T) {
	t.Parallel()
	op, _ := operation(t)
	_, err := open(t, NewPool(), Options{RegistryConfig: write(t, "{")}).Registry(op, RegistryOptions{})
	if !isConfiguration(err) {
		t.Errorf("err = %v", err)
	}
}
