package actions

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/helm-sdkpy/helm-sdkpy/go/bridge"
	"github.com/helm-sdkpy/helm-sdkpy/go/internal/testcluster"
	"github.com/helm-sdkpy/helm-sdkpy/go/session"
)

// archiveOf packs a chart of nothing but its definition.
func archiveOf(t *testing.T, name, version string) []byte {
	t.Helper()
	var packed bytes.Buffer
	zipped := gzip.NewWriter(&packed)
	archive := tar.NewWriter(zipped)
	text := fmt.Appendf(nil, "apiVersion: v2\nname: %s\nversion: %s\n", name, version)
	must(t, archive.WriteHeader(&tar.Header{Name: name + "/Chart.yaml", Mode: 0o644, Size: int64(len(text))}))
	_, err := archive.Write(text)
	must(t, err)
	must(t, archive.Close())
	must(t, zipped.Close())
	return packed.Bytes()
}

// Sixty pushes, pulls, logins and logouts at once on one Configuration, for the race detector; some are cancelled. The
// registries ask for a password, give out tokens, and send for blobs elsewhere.
func TestRegistriesAtOnce(t *testing.T) {
	t.Parallel()
	cluster := testcluster.Shared(t).Description
	addresses, _ := cluster["registry"].(map[string]any)
	user, password := cluster["username"].(string), cluster["password"].(string)
	directory := t.TempDir()
	file := filepath.Join(directory, "registry", "config.json")
	given := map[string]session.Credential{}
	var hosts []string
	for _, flavour := range []string{"auth", "token", "redirect"} {
		host := addresses[flavour].(string)
		hosts = append(hosts, host)
		given[host] = session.Credential{Username: user, Password: password}
	}
	config, err := session.NewPool().Open(session.Options{
		PlainHTTP: true, RegistryAuth: given, RegistryConfig: file, Environment: map[string]string{"HOME": directory},
	})
	must(t, err)
	defer func() { must(t, config.Close()) }()
	name := "at-once-" + strings.ToLower(rand.Text()[:8])

	round := func(op *bridge.Operation, i int) error {
		host, version := hosts[i%len(hosts)], fmt.Sprintf("0.1.%d", i)
		pushed, err := Push(op, config, PushRequest{
			ChartArchive: archiveOf(t, name, version), Remote: "oci://" + host + "/charts",
		})
		if err != nil {
			return err
		}
		pulled, err := Pull(op, config, PullRequest{
			ChartRef: []string{"oci://" + pushed.Ref}, Destination: directory, Untar: i%2 == 0, UntarDir: fmt.Sprint(i),
		})
		if err == nil && (pulled[0].Digest != pushed.Chart || *pulled[0].ManifestDigest != pushed.Digest) {
			return fmt.Errorf("pushed %v, pulled %v", pushed, pulled[0])
		}
		return err
	}
	login := func(op *bridge.Operation, host string) error {
		_, err := RegistryLogin(op, config, RegistryLoginRequest{Hostname: host, Username: user, Password: password, PlainHTTP: true})
		return err
	}
	plain := addresses["plain"].(string)
	var group sync.WaitGroup
	for i := range 30 {
		group.Go(func() {
			if err := round(quiet(t), i); err != nil {
				t.Errorf("push and pull %d: %v", i, err)
			}
		})
		group.Go(func() {
			if err := login(quiet(t), hosts[i%len(hosts)]); err != nil {
				t.Errorf("login %d: %v", i, err)
			}
			if i%3 != 0 {
				return
			}
			if err := login(quiet(t), plain); err != nil {
				t.Errorf("login %d: %v", i, err)
			}
			if _, err := RegistryLogout(quiet(t), config, RegistryLogoutRequest{Hostname: plain}); err != nil {
				t.Errorf("logout %d: %v", i, err)
			}
		})
		group.Go(func() {
			ctx, cancel := context.WithCancel(context.Background())
			cancel()
			if err := round(bridge.NewOperation(ctx), 100+i); err == nil {
				t.Errorf("round %d was cancelled, and went well", i)
			}
		})
	}
	group.Wait()

	text, err := os.ReadFile(file)
	must(t, err)
	var kept struct {
		Auths map[string]any `json:"auths"`
	}
	must(t, json.Unmarshal(text, &kept))
	if _, there := kept.Auths[plain]; there || len(kept.Auths) != len(hosts) {
		t.Errorf("logged in to %d registries, want %d: %v", len(kept.Auths), len(hosts), there)
	}
	left, err := filepath.Glob(filepath.Join(directory, "*", ".pull-*"))
	must(t, err)
	if hidden, err := filepath.Glob(filepath.Join(directory, ".pull-*")); err != nil || len(left)+len(hidden) > 0 {
		t.Errorf("left: %v %v, %v", left, hidden, err)
	}
	archives, err := filepath.Glob(filepath.Join(directory, name+"-*.tgz"))
	must(t, err)
	if len(archives) != 15 {
		t.Errorf("%d archives, want 15", len(archives))
	}
}

func TestRegistryErrorsSayWhatToDo(t *testing.T) {
	t.Parallel()
	for text, test := range map[string]struct{ code, advice string }{
		"remote error: tls: certificate required":           {codeCertificate, "cert_file"},
		"http: server gave HTTP response to HTTPS client":   {codeRegistry, "plain_http=True"},
		"chart reference digest mismatch: a is not b":       {codeDigestMismatch, ""},
		"dial tcp 127.0.0.1:1: connect: connection refused": {codeRegistry, ""},
	} {
		err := registryError(fmt.Errorf("%s", text), nil)
		known, ok := err.(*bridge.Error)
		if !ok || known.Code != test.code || !strings.Contains(known.Message, text) || !strings.Contains(known.Message, test.advice) {
			t.Errorf("%s: %#v", text, err)
		}
	}
}
