package actions

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gofrs/flock"

	"github.com/helm-sdkpy/helm-sdkpy/go/bridge"
	"github.com/helm-sdkpy/helm-sdkpy/go/session"
)

// shelf is a list of repositories of a test's own, and a repository to put on it.
type shelf struct {
	t      *testing.T
	config *session.Configuration
	list   string
	cache  string
	url    string
}

const shelfIndex = `apiVersion: v1
entries:
  web:
  - {apiVersion: v2, name: web, version: 1.0.0, description: a shop, urls: [web-1.0.0.tgz]}
  - {apiVersion: v2, name: web, version: 0.9.0, urls: [web-0.9.0.tgz]}
`

func newShelf(t *testing.T) *shelf {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/gone") {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		fmt.Fprint(w, shelfIndex)
	}))
	t.Cleanup(server.Close)
	directory := t.TempDir()
	s := &shelf{
		t: t, url: server.URL, list: filepath.Join(directory, "repositories.yaml"), cache: filepath.Join(directory, "cache"),
	}
	config, err := session.NewPool().Open(session.Options{
		RepositoryConfig: s.list, RepositoryCache: s.cache, Environment: map[string]string{"HOME": directory},
	})
	must(t, err)
	t.Cleanup(func() { must(t, config.Close()) })
	s.config = config
	return s
}

func (s *shelf) add(name, url string) error {
	_, err := RepoAdd(quiet(s.t), s.config, RepoAddRequest{Name: name, URL: url})
	return err
}

func (s *shelf) names() []string {
	s.t.Helper()
	listed, err := RepoList(quiet(s.t), s.config, RepoListRequest{})
	must(s.t, err)
	var names []string
	for _, one := range listed {
		names = append(names, one.Name)
	}
	return names
}

// Two hundred operations on one list at once: each does what it says, and nothing is lost.
func TestOperationsOnRepositoriesAtOnce(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	charts := filepath.Join(t.TempDir(), "charts")
	must(t, os.Mkdir(charts, 0o755))
	must(t, s.add("kept", s.url))
	for i := range 20 {
		must(t, s.add(fmt.Sprintf("old-%d", i), s.url))
	}
	var group sync.WaitGroup
	do := func(what string, operation func() error) {
		group.Go(func() {
			if err := operation(); err != nil {
				t.Errorf("%s: %v", what, err)
			}
		})
	}
	for i := range 20 {
		do("add", func() error { return s.add(fmt.Sprintf("new-%d", i), s.url) })
		do("add again", func() error { return s.add("kept", s.url) })
		do("replace", func() error {
			_, err := RepoAdd(quiet(t), s.config, RepoAddRequest{Name: "kept", URL: s.url, ForceUpdate: true})
			return err
		})
		do("add what is none", func() error {
			if err := s.add(fmt.Sprintf("bad-%d", i), s.url+"/gone"); codeOf(err) != codeRepository {
				return fmt.Errorf("added: %w", err)
			}
			return nil
		})
		do("remove", func() error {
			_, err := RepoRemove(quiet(t), s.config, RepoRemoveRequest{Name: []string{fmt.Sprintf("old-%d", i)}})
			return err
		})
		do("update", func() error {
			updated, err := RepoUpdate(quiet(t), s.config, RepoUpdateRequest{Name: []string{"kept"}})
			if err == nil && len(updated) != 1 {
				return fmt.Errorf("updated %v", updated)
			}
			return err
		})
		do("list", func() error {
			_, err := RepoList(quiet(t), s.config, RepoListRequest{})
			return err
		})
		do("search", func() error {
			found, err := SearchRepo(quiet(t), s.config, SearchRepoRequest{Keyword: "kept/web", Versions: true})
			if err == nil && len(found) != 2 {
				return fmt.Errorf("found %v", found)
			}
			return err
		})
		do("cancelled add", func() error {
			ctx, cancel := context.WithTimeout(context.Background(), time.Duration(i)*time.Millisecond)
			defer cancel()
			// Early enough it is cancelled, else it is done.
			_, err := RepoAdd(bridge.NewOperation(ctx), s.config, RepoAddRequest{Name: fmt.Sprintf("maybe-%d", i), URL: s.url})
			if err != nil && ctx.Err() == nil {
				return err
			}
			return nil
		})
		do("index", func() error {
			_, err := RepoIndex(quiet(t), s.config, RepoIndexRequest{Directory: charts})
			return err
		})
	}
	group.Wait()
	there := map[string]bool{}
	for _, name := range s.names() {
		there[name] = true
		_, err := os.Stat(filepath.Join(s.cache, name+"-index.yaml"))
		must(t, err)
	}
	for i := range 20 {
		if !there[fmt.Sprintf("new-%d", i)] || there[fmt.Sprintf("old-%d", i)] || there[fmt.Sprintf("bad-%d", i)] {
			t.Errorf("the list has %v", there)
			break
		}
	}
	left, err := filepath.Glob(filepath.Join(filepath.Dir(s.list), ".*"))
	must(t, err)
	more, err := filepath.Glob(filepath.Join(s.cache, ".*"))
	must(t, err)
	if len(left)+len(more) > 0 {
		t.Errorf("left behind: %v %v", left, more)
	}
}

// What is to be cancelled waits for the lock that another process holds.
func TestCancelEndsTheWaitForTheList(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	lock := flock.New(lockOf(s.list))
	must(t, lock.Lock())
	defer func() { must(t, lock.Unlock()) }()
	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	began := time.Now()
	_, err := RepoAdd(bridge.NewOperation(ctx), s.config, RepoAddRequest{Name: "web", URL: s.url})
	if !errors.Is(err, context.DeadlineExceeded) || time.Since(began) > soon {
		t.Errorf("after %v: %v", time.Since(began), err)
	}
	if _, err := os.Stat(s.list); err == nil {
		t.Error("the list was written")
	}
}

func TestLockOf(t *testing.T) {
	t.Parallel()
	// As in helm: pkg/cmd/repo_add_test.go.
	for path, want := range map[string]string{
		"/a.b/repositories.yaml": "/a.b/repositories.lock", "/a/repositories": "/a/repositories.lock", ".yaml": ".yaml.lock",
	} {
		if got := lockOf(path); got != want {
			t.Errorf("%s: %s; want %s", path, got, want)
		}
	}
}

func TestWithoutSecrets(t *testing.T) {
	t.Parallel()
	for address, secret := range map[string]string{
		"https://me:hunter2@charts.example/x": "hunter2", "https://hunter2@charts.example": "hunter2",
		"http://me:p%40hunter2@h": "hunter2", "https://me:a@b:hunter2@h/path@x": "hunter2",
	} {
		entry := RepoAddRequest{Name: "x", URL: address}.entry()
		if text := withoutSecrets("Get "+address+"/index.yaml: refused", entry); strings.Contains(text, secret) || !strings.Contains(text, "…@") {
			t.Errorf("%s: %s", address, text)
		}
	}
	entry := RepoAddRequest{URL: "https://charts.example/a@b"}.entry()
	if text := withoutSecrets(entry.URL, entry); text != entry.URL {
		t.Errorf("%s", text)
	}
}
