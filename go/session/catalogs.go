package session

import (
	"container/list"
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"sync"
	"syscall"

	"github.com/helm-sdkpy/helm-sdkpy/go/catalog"
)

// catalogBytes bounds what is kept of indexes of repositories; one of 20,000 entries takes about 4 MB.
const catalogBytes = 64 << 20

// Catalogs keeps what searches need of repositories' indexes as long as their files stay as they are; what was not used
// for longest goes first.
type Catalogs struct {
	flights flights[*catalog.Catalog]

	mu    sync.Mutex
	limit int
	size  int
	order *list.List // of *keptCatalog, the last used first
	kept  map[catalogKey]*list.Element
}

type catalogKey struct{ repository, path string }

type keptCatalog struct {
	key     catalogKey
	state   fileState
	catalog *catalog.Catalog
}

// fileState tells one content of a file from another: helm writes an index under another name and moves it there.
type fileState struct {
	device, inode    uint64
	size             int64
	modified, status syscall.Timespec
}

func newCatalogs(limit int) *Catalogs {
	return &Catalogs{limit: limit, order: list.New(), kept: map[catalogKey]*list.Element{}}
}

// Catalogs are what is kept of indexes of repositories, for all Configurations.
func (c *Configuration) Catalogs() *Catalogs { return c.pool.catalogs }

// Read gives the catalog of the repository whose index is in the file; those who ask at the same time wait for one reading.
// The wait ends with the context, the reading does not.
func (c *Catalogs) Read(ctx context.Context, repository, path string, log *slog.Logger) (*catalog.Catalog, error) {
	key := catalogKey{repository, path}
	state, err := stateOf(path)
	if err != nil {
		return nil, err
	}
	if known := c.get(key, state); known != nil {
		return known, nil
	}
	return c.flights.do(ctx, repository+"\x00"+path, false, func(context.Context) (*catalog.Catalog, error) {
		// Before the reading: where the file changes meanwhile, the next one reads again.
		state, err := stateOf(path)
		if err != nil {
			return nil, err
		}
		if known := c.get(key, state); known != nil {
			return known, nil
		}
		index, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		made, err := catalog.Read(repository, index, path, log)
		if err == nil {
			c.put(key, state, made)
		}
		return made, err
	})
}

// Keep takes the catalog of an index that was read before its file came to be.
func (c *Catalogs) Keep(repository, path string, written fs.FileInfo, made *catalog.Catalog) {
	// The file may be another one by now; that it was moved changed its status time and nothing else.
	state, err := stateOf(path)
	if own, known := stateFrom(written); err == nil && known && own.sameContent(state) {
		c.put(catalogKey{repository, path}, state, made)
	}
}

func (c *Catalogs) get(key catalogKey, state fileState) *catalog.Catalog {
	c.mu.Lock()
	defer c.mu.Unlock()
	found := c.kept[key]
	if found == nil {
		return nil
	}
	known := found.Value.(*keptCatalog)
	if known.state != state {
		c.remove(found)
		return nil
	}
	c.order.MoveToFront(found)
	return known.catalog
}

func (c *Catalogs) put(key catalogKey, state fileState, made *catalog.Catalog) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if found := c.kept[key]; found != nil {
		c.remove(found)
	}
	c.kept[key] = c.order.PushFront(&keptCatalog{key, state, made})
	c.size += made.Size()
	for c.size > c.limit {
		c.remove(c.order.Back())
	}
}

// remove takes one out; the lock is held.
func (c *Catalogs) remove(element *list.Element) {
	gone := c.order.Remove(element).(*keptCatalog)
	c.size -= gone.catalog.Size()
	delete(c.kept, gone.key)
}

func (s fileState) sameContent(other fileState) bool {
	s.status = other.status
	return s == other
}

func stateOf(path string) (fileState, error) {
	info, err := os.Stat(path)
	if err != nil {
		return fileState{}, err
	}
	state, known := stateFrom(info)
	if !known {
		return state, errors.New(path + ": the system does not say which file it is")
	}
	return state, nil
}

func stateFrom(info fs.FileInfo) (fileState, bool) {
	system, known := info.Sys().(*syscall.Stat_t)
	if !known {
		return fileState{}, false
	}
	return fileState{
		device: uint64(system.Dev), inode: system.Ino, size: system.Size, modified: system.Mtim, status: system.Ctim,
	}, true
}
