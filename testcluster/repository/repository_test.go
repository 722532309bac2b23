package repository

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sigs.k8s.io/yaml"
)

// archive packs a chart with a dependency, whose Chart.yaml comes first.
func archive(t *testing.T, name, version string) []byte {
	t.Helper()
	var packed bytes.Buffer
	compressed := gzip.NewWriter(&packed)
	files := tar.NewWriter(compressed)
	for _, file := range []struct{ path, content string }{
		{name + "/charts/inner/Chart.yaml", "name: inner\nversion: 9.9.9\n"},
		{name + "/Chart.yaml", "apiVersion: v2\nname: " + name + "\nversion: " + version + "\ndescription: a chart\n"},
		{name + "/templates/large.yaml", string(make([]byte, 4096))},
	} {
		if err := files.WriteHeader(&tar.Header{Name: file.path, Mode: 0o644, Size: int64(len(file.content))}); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(files, file.content); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(files.Close(), compressed.Close()); err != nil {
		t.Fatal(err)
	}
	return packed.Bytes()
}

func serve(t *testing.T, files map[string][]byte) string {
	t.Helper()
	directory := t.TempDir()
	for name, content := range files {
		file := filepath.Join(directory, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o700), os.WriteFile(file, content, 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	server := httptest.NewServer(routes(directory))
	t.Cleanup(server.Close)
	return server.URL
}

func get(t *testing.T, url string) ([]byte, error) {
	t.Helper()
	response, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s", url, response.Status)
	}
	return io.ReadAll(response.Body)
}

func TestIndexIsMadeOfTheArchives(t *testing.T) {
	t.Parallel()
	url := serve(t, map[string][]byte{
		"shop-1.9.0.tgz": archive(t, "shop", "1.9.0"), "shop-1.10.0.tgz": archive(t, "shop", "1.10.0"),
		"cart-0.1.0.tgz": archive(t, "cart", "0.1.0"), "README": nil,
	})
	content, err := get(t, url+"/index.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var index struct {
		APIVersion string
		Entries    map[string][]struct {
			Name, Version, Description, Digest string
			URLs                               []string
		}
	}
	if err := yaml.Unmarshal(content, &index); err != nil {
		t.Fatal(err)
	}
	if index.APIVersion != "v1" || len(index.Entries) != 2 || len(index.Entries["shop"]) != 2 {
		t.Fatalf("index is %+v", index)
	}
	newest := index.Entries["shop"][0]
	if newest.Version != "1.10.0" || newest.Description != "a chart" || len(newest.Digest) != 64 || newest.URLs[0] != "shop-1.10.0.tgz" {
		t.Errorf("newest is %+v", newest)
	}
}

func TestAnArchiveThatVanishesIsLeftOut(t *testing.T) {
	t.Parallel()
	directory := t.TempDir()
	if err := os.WriteFile(filepath.Join(directory, "shop-1.0.0.tgz"), archive(t, "shop", "1.0.0"), 0o600); err != nil {
		t.Fatal(err)
	}
	// The directory lists it, and reading it says that it is not there: as when it goes in between.
	if err := os.Symlink("gone.tgz", filepath.Join(directory, "cart-0.1.0.tgz")); err != nil {
		t.Fatal(err)
	}
	content, err := index(directory)
	if err != nil {
		t.Fatal(err)
	}
	if text := string(content); !strings.Contains(text, "shop-1.0.0.tgz") || strings.Contains(text, "cart") {
		t.Error(text)
	}
}

func TestIndexThatIsThereIsServed(t *testing.T) {
	t.Parallel()
	url := serve(t, map[string][]byte{"index.yaml": []byte("mine"), "shop-1.0.0.tgz": archive(t, "shop", "1.0.0")})
	if content, err := get(t, url+"/index.yaml"); err != nil || string(content) != "mine" {
		t.Errorf("got %q, %v", content, err)
	}
}

func TestDirectoryIsARepositoryOfItsOwn(t *testing.T) {
	t.Parallel()
	url := serve(t, map[string][]byte{
		"shop-1.0.0.tgz": archive(t, "shop", "1.0.0"), "mine/cart-0.1.0.tgz": archive(t, "cart", "0.1.0"),
	})
	content, err := get(t, url+"/mine/index.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if text := string(content); !strings.Contains(text, "cart-0.1.0.tgz") || strings.Contains(text, "shop") {
		t.Fatal(text)
	}
	response, err := http.Get(url + "/none/index.yaml")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusNotFound {
		t.Fatal(response.Status)
	}
}

func TestBreakingOff(t *testing.T) {
	t.Parallel()
	whole := archive(t, "shop", "1.0.0")
	url := serve(t, map[string][]byte{"shop-1.0.0.tgz": whole})
	for path, breaks := range map[string]bool{
		"/shop-1.0.0.tgz":              false,
		"/broken/index.yaml":           false,
		"/broken/shop-1.0.0.tgz":       true,
		"/broken-index/index.yaml":     true,
		"/broken-index/shop-1.0.0.tgz": false,
	} {
		content, err := get(t, url+path)
		if errors.Is(err, io.ErrUnexpectedEOF) != breaks {
			t.Errorf("%s: %d bytes, %v", path, len(content), err)
		}
		if breaks && len(content) == 0 {
			t.Errorf("%s: broke off before the first byte", path)
		}
	}
}

func TestTrickling(t *testing.T) {
	t.Parallel()
	whole := archive(t, "shop", "1.0.0")
	url := serve(t, map[string][]byte{"shop-1.0.0.tgz": whole})
	began := time.Now()
	content, err := get(t, url+"/slow/shop-1.0.0.tgz")
	if err != nil || !bytes.Equal(content, whole) {
		t.Errorf("got %d of %d bytes, %v", len(content), len(whole), err)
	}
	pieces := len(whole) / (1024 / 10)
	if took, least := time.Since(began), time.Duration(pieces)*90*time.Millisecond; took < least {
		t.Errorf("%d bytes took %v, want at least %v", len(whole), took, least)
	}
}
