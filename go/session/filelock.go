package session

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/gofrs/flock"
)

// lockPoll is how often a lock that another process holds is tried for.
const lockPoll = 20 * time.Millisecond

// fileLocks lets the operations of this process wait in turn: the lock of a file itself knows no order.
type fileLocks struct {
	mu    sync.Mutex
	turns map[string]*turn
}

type turn struct {
	taken chan struct{}
	users int
}

// LockFile takes the lock that other processes take too, helm among them, and makes the directory that it is in. Waiting
// ends with the context, or after so long.
func (c *Configuration) LockFile(ctx context.Context, path string, wait time.Duration) (unlock func(), err error) {
	waiting, cancel := context.WithTimeoutCause(ctx, wait, fmt.Errorf("%s has been locked by another process for %v", path, wait))
	defer cancel()
	leave, err := c.pool.fileLocks.enter(waiting, path)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		leave()
		return nil, err
	}
	lock := flock.New(path)
	if locked, err := lock.TryLockContext(waiting, lockPoll); !locked || err != nil {
		_ = lock.Close() // it was not locked
		leave()
		if gone := context.Cause(waiting); gone != nil {
			err = gone
		}
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	return sync.OnceFunc(func() {
		_ = lock.Unlock() // closing the file lets go of it in any case
		leave()
	}), nil
}

func (l *fileLocks) enter(ctx context.Context, path string) (leave func(), err error) {
	l.mu.Lock()
	if l.turns == nil {
		l.turns = map[string]*turn{}
	}
	mine := l.turns[path]
	if mine == nil {
		mine = &turn{taken: make(chan struct{}, 1)}
		l.turns[path] = mine
	}
	mine.users++
	l.mu.Unlock()
	gone := func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		if mine.users--; mine.users == 0 {
			delete(l.turns, path)
		}
	}
	select {
	case mine.taken <- struct{}{}:
		return func() { <-mine.taken; gone() }, nil
	case <-ctx.Done():
		gone()
		return nil, context.Cause(ctx)
	}
}
