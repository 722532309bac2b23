package actions

import (
	"context"
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	chartv2 "helm.sh/helm/v4/pkg/chart/v2"
)

func TestOneAtATimeHasADirectory(t *testing.T) {
	t.Parallel()
	directory := t.TempDir()
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(directory, link); err != nil {
		t.Fatal(err)
	}
	waiting := queues{taken: map[string]chan struct{}{}}
	var inside, most atomic.Int32
	var all sync.WaitGroup
	for i := range 40 {
		all.Go(func() {
			release, err := waiting.take(context.Background(), []string{directory, link, directory + "/."}[i%3])
			if err != nil {
				t.Error(err)
				return
			}
			if now := inside.Add(1); now > most.Load() {
				most.Store(now)
			}
			time.Sleep(time.Millisecond)
			inside.Add(-1)
			release()
		})
	}
	all.Wait()
	if most.Load() != 1 {
		t.Errorf("%d at once", most.Load())
	}
	if len(waiting.taken) != 0 {
		t.Errorf("%v is still taken", waiting.taken)
	}
}

func TestWaitingForADirectoryEnds(t *testing.T) {
	t.Parallel()
	waiting := queues{taken: map[string]chan struct{}{}}
	release, err := waiting.take(context.Background(), "one")
	if err != nil {
		t.Fatal(err)
	}
	defer release()
	other, err := waiting.take(context.Background(), "another")
	if err != nil {
		t.Fatal(err)
	}
	other()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	if _, err := waiting.take(ctx, "one"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}

func TestReadDependencies(t *testing.T) {
	t.Parallel()
	required := []*chartv2.Dependency{{Name: "a", Version: "~1", Repository: "@x"}, {Name: "b b", Version: ">0 <2"}}
	text := "NAME\tVERSION\tREPOSITORY\tSTATUS       \na   \t~1     \t@x        \tmissing      \n" +
		"b b \t>0 <2  \t          \twrong version\n\nWARNING: one\nWARNING: \"two\"\n"
	found, err := readDependencies(required, text)
	if err != nil {
		t.Fatal(err)
	}
	want := []DependencyStatus{{"a", "~1", "@x", "missing"}, {"b b", ">0 <2", "", "wrong version"}}
	for i, each := range want {
		if found.Dependencies[i] != each {
			t.Errorf("line %d is %+v, want %+v", i, found.Dependencies[i], each)
		}
	}
	if len(found.Warnings) != 2 || found.Warnings[1] != "WARNING: \"two\"" {
		t.Errorf("warnings are %q", found.Warnings)
	}
	if _, err := readDependencies(required, "NAME\n"); err == nil {
		t.Error("a table with too few lines is no error")
	}
}

func TestArchiveName(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{
		"https://example.org/charts/web-1.2.3.tgz?x=y": "web-1.2.3.tgz",
		"oci://example.org/charts/web:1.2.3_build.1":   "web-1.2.3_build.1.tgz",
	} {
		parsed, err := url.Parse(address)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := archiveName(parsed, nil); err != nil || got != want {
			t.Errorf("%s: %q, %v, want %q", address, got, err, want)
		}
	}
}

func TestParseDigest(t *testing.T) {
	t.Parallel()
	whole := "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
	for text, known := range map[string]bool{"": false, whole: true, "sha256:" + whole: true} {
		if digest, err := parseDigest(text); err != nil || (digest != nil) != known {
			t.Errorf("%q: %v, %v", text, digest, err)
		}
	}
	for _, text := range []string{"sha256:", "00", "x" + whole[1:], "sha512:" + whole + whole} {
		if digest, err := parseDigest(text); err == nil {
			t.Errorf("%q: %v", text, digest)
		}
	}
}
