package actions

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	ri "helm.sh/helm/v4/pkg/release"
	"helm.sh/helm/v4/pkg/release/common"
	release "helm.sh/helm/v4/pkg/release/v1"
	"helm.sh/helm/v4/pkg/storage/driver"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/helm-sdkpy/helm-sdkpy/go/bridge"
)

// maxDescription is the longest description that is recorded of a failure: a timeout's error lists every object that
// was not ready, 45 KB for 200 of them, and each record carries it for ever.
const maxDescription = 1024

// ledger is the storage driver of one operation. It knows what the operation wrote, so that settle can put right what
// Helm leaves, and it can refuse a write that would lose something.
type ledger struct {
	driver.Driver
	op   *bridge.Operation
	verb string

	mu      sync.Mutex
	written map[string]*release.Release // by key, as last written
	status  map[string]common.Status    // by key, as last written: what written has is changed before it is written
	newest  string                      // the key of the highest revision written
	created bool                        // whether this operation made that revision
	unsaved map[string]*release.Release // by key, what could not be written last
	deleted map[string]bool             // by key
	found   map[string]release.Info     // by key, as it stood before the operation changed it
	left    map[string]remnant          // by key, what was interrupted
	settled remnant                     // the highest revision that was found superseded or uninstalled
	current int                         // the highest revision that was found deployed
	pretend bool                        // stuck revisions are shown as failed
	refuse  func(status common.Status) error
	lost    func() bool            // whether other processes may work on the release by now
	read    func(*release.Release) // told of each revision that is found
}

func newLedger(op *bridge.Operation, verb string, storage driver.Driver) *ledger {
	return &ledger{
		Driver: storage, op: op, verb: verb,
		written: map[string]*release.Release{}, status: map[string]common.Status{}, unsaved: map[string]*release.Release{},
		lost: func() bool { return false }, deleted: map[string]bool{}, found: map[string]release.Info{}, left: map[string]remnant{},
	}
}

// Query remembers each record as it stood, before Helm changes the object that it is given.
func (l *ledger) Query(labels map[string]string) ([]ri.Releaser, error) {
	records, err := l.Driver.Query(labels)
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, record := range records {
		if rel, ok := record.(*release.Release); ok && rel.Info != nil {
			if l.read != nil {
				l.read(rel)
			}
			key := recordKey(rel.Name, rel.Version)
			if _, known := l.found[key]; !known {
				l.found[key] = *rel.Info
				l.see(key, rel)
			}
			if l.pretend && isStuck(rel.Info.Status) {
				rel.Info.Status = common.StatusFailed
			}
		}
	}
	return records, err
}

// see keeps what tells which revisions left something, as they were found.
func (l *ledger) see(key string, rel *release.Release) {
	switch {
	case isRemnant(rel):
		l.left[key] = remnant{rel.Version, rel.Manifest}
	case rel.Info.Status == common.StatusDeployed:
		l.current = max(l.current, rel.Version)
	case rel.Info.Status != common.StatusFailed && rel.Version > l.settled.revision:
		l.settled = remnant{rel.Version, rel.Manifest}
	}
}

// remnants are the revisions that were interrupted since one was deployed. What Helm took for superseded since is one of
// them: a rollback that fails does that to the revision before it, which leaves none deployed (helm:
// pkg/action/rollback.go, performRollback).
func (l *ledger) remnants() []remnant {
	l.mu.Lock()
	defer l.mu.Unlock()
	since := l.current
	if since == 0 {
		since = l.settled.revision
	}
	var left []remnant
	for _, one := range l.left {
		if one.revision > since {
			left = append(left, one)
		}
	}
	if len(left) > 0 && l.settled.revision > l.current {
		left = append(left, l.settled)
	}
	slices.SortFunc(left, func(a, b remnant) int { return cmp.Compare(a.revision, b.revision) })
	return left
}

// pretendFailed shows revisions that are stuck as failed, as they would be if this were no dry run.
func (l *ledger) pretendFailed() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.pretend = true
}

// Create writes a new revision.
func (l *ledger) Create(key string, record ri.Releaser) error {
	return l.write(key, record, true, l.Driver.Create)
}

// Update writes a revision again.
func (l *ledger) Update(key string, record ri.Releaser) error {
	return l.write(key, record, false, l.Driver.Update)
}

// Delete removes a revision, unless that would lose the only trace of objects that are still there.
func (l *ledger) Delete(key string) (ri.Releaser, error) {
	if l.refuse != nil {
		if err := l.refuse(common.StatusUninstalled); err != nil {
			return nil, err
		}
	}
	if l.lost() {
		return nil, errLeaseLost
	}
	var record ri.Releaser
	err := l.persist(func() (err error) {
		record, err = l.Driver.Delete(key)
		if errors.Is(err, driver.ErrReleaseNotFound) && record == nil {
			return nil // gone: an earlier try went through
		}
		return err
	}, func() bool { return false })
	if err == nil {
		l.mu.Lock()
		l.deleted[key] = true
		l.mu.Unlock()
	}
	return record, err
}

func (l *ledger) write(key string, record ri.Releaser, create bool, write func(string, ri.Releaser) error) error {
	rel, ok := record.(*release.Release)
	if !ok || rel.Info == nil {
		return write(key, record)
	}
	if l.refuse != nil {
		if err := l.refuse(rel.Info.Status); err != nil {
			return err
		}
	}
	if l.lost() && (create || !l.isUntouched(key)) {
		return errLeaseLost
	}
	// A test says nothing new of the release.
	if rel.Info.Status == common.StatusFailed && l.verb != "test" {
		rel.Info.Description = l.describe(rel.Info.Description)
	}
	failUnwaited(rel.Hooks)
	err := l.persist(func() error { return write(key, rel) }, func() bool { return create && l.isOurs(key, rel) })
	l.mu.Lock()
	defer l.mu.Unlock()
	copied, info := *rel, *rel.Info
	copied.Info = &info
	if err != nil {
		l.unsaved[key] = &copied
		return err
	}
	delete(l.unsaved, key)
	l.written[key], l.status[key] = &copied, info.Status
	if newest, known := l.written[l.newest]; !known || rel.Version >= newest.Version {
		l.newest = key
		l.created = l.created || create
	}
	return nil
}

// failUnwaited says of hooks that were made and not waited for that they failed. Helm leaves their phase unknown where it
// gets no waiter, as after a cancel between the two (helm: pkg/action/hooks.go, execHook).
func failUnwaited(hooks []*release.Hook) {
	for _, hook := range hooks {
		if hook.LastRun.Phase == release.HookPhaseUnknown {
			hook.LastRun.Phase, hook.LastRun.CompletedAt = release.HookPhaseFailed, time.Now()
		}
	}
}

// persist tries a write again that failed without the server refusing it: Helm only logs that a record could not be
// written, and the release would stay pending. There says whether a write whose answer was lost went through.
func (l *ledger) persist(write func() error, there func() bool) error {
	wait := writePause
	for attempt := 1; ; attempt++ {
		err := write()
		if err == nil || attempt > 1 && errors.Is(err, driver.ErrReleaseExists) && there() {
			return nil
		}
		if refused(err) || attempt == writeAttempts {
			return err
		}
		time.Sleep(wait)
		wait *= 4
	}
}

// A record's write is tried this often, with a pause that grows: 0.25 s in all.
const (
	writeAttempts = 3
	writePause    = 50 * time.Millisecond
)

// isOurs says whether the record of the key is the one that was to be written: another process's revision of the same
// number was made at another time.
func (l *ledger) isOurs(key string, rel *release.Release) bool {
	record, err := l.Driver.Get(key)
	found := asRelease(record)
	return err == nil && found != nil && found.Info.LastDeployed.Equal(rel.Info.LastDeployed)
}

// isUntouched says whether a record is as this operation last wrote it: nobody has taken the release over meanwhile.
func (l *ledger) isUntouched(key string) bool {
	l.mu.Lock()
	last, known := l.written[key]
	status := l.status[key]
	l.mu.Unlock()
	record, err := l.Driver.Get(key)
	found := asRelease(record)
	return known && err == nil && found != nil && found.Info.Status == status && found.Info.LastDeployed.Equal(last.Info.LastDeployed)
}

// overwrite writes a revision with a description that says all there is to say.
func (l *ledger) overwrite(rel *release.Release) error {
	key := recordKey(rel.Name, rel.Version)
	if l.lost() && !l.isUntouched(key) {
		return errLeaseLost
	}
	return l.Driver.Update(key, rel)
}

// save writes what could not be written before, the oldest first: Helm goes on after some of its writes failed.
func (l *ledger) save() error {
	l.mu.Lock()
	unsaved := slices.SortedFunc(maps.Values(l.unsaved), func(a, b *release.Release) int { return cmp.Compare(a.Version, b.Version) })
	l.mu.Unlock()
	var errs []error
	for _, rel := range unsaved {
		key := recordKey(rel.Name, rel.Version)
		if err := l.Update(key, rel); err != nil && !errors.Is(err, driver.ErrReleaseNotFound) {
			errs = append(errs, fmt.Errorf("record revision %d as %s: %w", rel.Version, rel.Info.Status, err))
		}
	}
	return errors.Join(errs...)
}

// refused says whether the server answered that it did not take the record; a connection that was cut says nothing.
func refused(err error) bool {
	var status apierrors.APIStatus
	if errors.Is(err, driver.ErrReleaseExists) {
		return true
	}
	return errors.As(err, &status) && status.Status().Code < http.StatusInternalServerError
}

// dispel finds out whether a revision was made after all although its creation failed, and takes it for written if so.
func (l *ledger) dispel() {
	l.mu.Lock()
	doubtful := maps.Clone(l.unsaved)
	l.mu.Unlock()
	for key, rel := range doubtful {
		if l.isOurs(key, rel) {
			l.mu.Lock()
			if newest, known := l.written[l.newest]; !known || rel.Version > newest.Version {
				l.written[key], l.newest, l.created = rel, key, true
			}
			l.mu.Unlock()
		}
	}
}

// describe makes a failure's description short, and says so when it was a cancel.
func (l *ledger) describe(description string) string {
	if l.op.Cancelled() {
		return capitalized(l.verb) + " " + stopped(l.op)
	}
	if strings.HasPrefix(description, wasInterrupted) {
		return description // it was described before
	}
	if len(description) <= maxDescription {
		return description
	}
	return fmt.Sprintf("%s… (%d characters more)", truncated(description, maxDescription), len(description)-maxDescription)
}

// stopped is how a description tells that an operation was cancelled.
func stopped(op *bridge.Operation) string {
	if reason := op.Stopped(); reason != "" {
		return "stopped: " + reason
	}
	return "cancelled"
}

// last is the newest revision as this operation last wrote it, or nil when it wrote none.
func (l *ledger) last() *release.Release {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.written[l.newest]
}

// recorded says whether this operation made a revision.
func (l *ledger) recorded() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.created
}

// isDeleted says whether the revision's record was removed.
func (l *ledger) isDeleted(rel *release.Release) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.deleted[recordKey(rel.Name, rel.Version)]
}

// before is what the revision was before this operation changed it.
func (l *ledger) before(rel *release.Release) (release.Info, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	info, ok := l.found[recordKey(rel.Name, rel.Version)]
	return info, ok
}

// recordKey is the name of the object that holds a revision (helm: pkg/storage/storage.go, makeKey).
func recordKey(name string, revision int) string {
	return fmt.Sprintf("sh.helm.release.v1.%s.v%d", name, revision)
}
