package session

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gofrs/flock"
	"github.com/helm-sdkpy/helm-sdkpy/go/catalog"
)

func indexWith(description string) string {
	return "apiVersion: v1\nentries:\n  web:\n  - {apiVersion: v2, name: web, version: 1.0.0, description: " + description + "}\n"
}

func readCatalog(t *testing.T, kept *Catalogs, path string) *catalog.Catalog {
	t.Helper()
	made, err := kept.Read(context.Background(), "local", path, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func TestACatalogIsKeptUntilItsFileChanges(t *testing.T) {
	t.Parallel()
	kept := newCatalogs(1 << 20)
	path := write(t, indexWith("one"))
	first := readCatalog(t, kept, path)
	if readCatalog(t, kept, path) != first {
		t.Error("an unchanged index was read again")
	}
	// As helm writes it: of the same size, and moved there.
	other := filepath.Join(t.TempDir(), "index")
	if err := os.WriteFile(other, []byte(indexWith("two")), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(other, path); err != nil {
		t.Fatal(err)
	}
	second := readCatalog(t, kept, path)
	if second == first {
		t.Error("a changed index was not read")
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if _, err := kept.Read(context.Background(), "local", path, slog.Default()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("err = %v", err)
	}
	if _, err := kept.Read(context.Background(), "local", write(t, "a: ["), slog.Default()); err == nil {
		t.Error("garbage was read")
	}
}

func TestCatalogsThatWereNotUsedGo(t *testing.T) {
	t.Parallel()
	size := readCatalog(t, newCatalogs(1<<20), write(t, indexWith("one"))).Size()
	kept := newCatalogs(3 * size)
	var paths []string
	for range 4 {
		paths = append(paths, write(t, indexWith("one")))
	}
	first := readCatalog(t, kept, paths[0])
	for _, path := range paths[1:] {
		readCatalog(t, kept, path)
		if readCatalog(t, kept, paths[0]) != first {
			t.Error("what was just used is gone")
		}
	}
	if kept.size != 3*size || len(kept.kept) != 3 || kept.order.Len() != 3 {
		t.Errorf("%d bytes in %d are kept; want %d", kept.size, len(kept.kept), 3*size)
	}
	small := newCatalogs(size - 1)
	readCatalog(t, small, paths[0])
	if small.size != 0 || len(small.kept) != 0 {
		t.Error("what is too large is kept")
	}
}

func TestThoseWhoAskAtOnceShareAReading(t *testing.T) {
	t.Parallel()
	kept := newCatalogs(1 << 20)
	path := write(t, indexWith(strings.Repeat("long ", 100000)))
	made := make([]*catalog.Catalog, 20)
	var group sync.WaitGroup
	for i := range made {
		group.Go(func() { made[i] = readCatalog(t, kept, path) })
	}
	group.Wait()
	for _, one := range made {
		if one != made[0] {
			t.Error("an index was read twice")
			break
		}
	}
}

func TestAFilesLock(t *testing.T) {
	t.Parallel()
	configuration := open(t, NewPool(), Options{})
	path := filepath.Join(t.TempDir(), "deeper", "list.lock")
	var mu sync.Mutex
	var group sync.WaitGroup
	for range 30 {
		group.Go(func() {
			unlock, err := configuration.LockFile(context.Background(), path, 10*time.Second)
			if err != nil {
				t.Error(err)
				return
			}
			if !mu.TryLock() {
				t.Error("two hold it")
			}
			mu.Unlock()
			unlock()
			unlock()
		})
	}
	group.Wait()
	other := flock.New(path)
	if err := other.Lock(); err != nil {
		t.Fatal(err)
	}
	_, err := configuration.LockFile(context.Background(), path, 50*time.Millisecond)
	if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("%s has been locked by another process for 50ms", path)) {
		t.Errorf("err = %v", err)
	}
	if err := other.Unlock(); err != nil {
		t.Fatal(err)
	}
	unlock, err := configuration.LockFile(context.Background(), path, 5*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	if len(configuration.pool.fileLocks.turns) != 1 {
		t.Error("turns that nobody waits for are kept")
	}
	unlock()
}
