package session

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"helm.sh/helm/v4/pkg/release"
	"helm.sh/helm/v4/pkg/storage"
	"helm.sh/helm/v4/pkg/storage/driver"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	corev1 "k8s.io/client-go/kubernetes/typed/core/v1"

	"github.com/helm-sdkpy/helm-sdkpy/go/bridge"
)

// CodeAbandoned is the code of a write that an abandoned operation was refused.
const CodeAbandoned = "abandoned"

// recordGrace is how long, after it was cancelled, an operation may still write its release record.
const recordGrace = 10 * time.Second

// writes is what an operation has written to its storage, whatever connection it used.
type writes struct{ begun atomic.Bool }

// Written says whether the operation wrote, or may have written, a release record.
func (c *Connection) Written() bool { return c.writes.begun.Load() }

// storage makes the driver that the Configuration names, bound to the operation.
func (c *Connection) storage() (*storage.Storage, error) {
	records, logs, err := c.records()
	if err != nil {
		return nil, err
	}
	logs(c.op.Handler())
	made := storage.Init(&guarded{Driver: records, connection: c})
	made.SetLogger(c.op.Handler())
	return made, nil
}

// recordNamespace is where the records are; empty is every namespace, as helm has it.
func (c *Connection) recordNamespace() string {
	if c.all {
		return ""
	}
	return c.namespace
}

func (c *Connection) records() (driver.Driver, logSetter, error) {
	switch c.configuration.options.Storage {
	case storageMemory:
		return &memoryRecords{shared: &c.session.memory, namespace: c.recordNamespace()}, noLogs, nil
	case storageSQL:
		return c.sqlRecords()
	}
	client, err := c.recordClient()
	if err != nil {
		return nil, nil, err
	}
	if c.configuration.options.Storage == storageConfigMap {
		objects := client.ConfigMaps(c.recordNamespace())
		records := driver.NewConfigMaps(objects)
		return &objectRecords{records, objects.Delete}, records.SetLogger, nil
	}
	objects := client.Secrets(c.recordNamespace())
	records := driver.NewSecrets(objects)
	return &objectRecords{records, objects.Delete}, records.SetLogger, nil
}

// objectRecords deletes a record without reading it before. Helm's drivers read it to give it back, which nobody asks for
// (helm: pkg/action/uninstall.go, purgeReleases; pkg/storage/storage.go, deleteReleaseVersion).
type objectRecords struct {
	driver.Driver
	remove func(ctx context.Context, name string, options metav1.DeleteOptions) error
}

// Delete implements driver.Deletor; the record that it gives is nil.
func (o *objectRecords) Delete(key string) (release.Releaser, error) {
	err := o.remove(context.Background(), key, metav1.DeleteOptions{})
	if apierrors.IsNotFound(err) {
		return nil, driver.ErrReleaseNotFound
	}
	return nil, err
}

// recordClient speaks protobuf: a list of records is a quarter faster to read.
func (c *Connection) recordClient() (*corev1.CoreV1Client, error) {
	if c.session.err != nil {
		return nil, c.session.err
	}
	next := &carrier{next: &patience{c.session.wire.cache}, pick: c.recordContext, used: &c.session.wire.used, mark: c.op.Traceparent()}
	config := c.session.config(next, c.pending)
	config.ContentType = runtime.ContentTypeProtobuf
	config.AcceptContentTypes = runtime.ContentTypeProtobuf + "," + runtime.ContentTypeJSON
	return corev1.NewForConfigAndClient(config, &http.Client{Transport: next})
}

// recordContext is what a request for records lives by. A read ends with the operation as long as it has written nothing, so
// that a server that hangs can not hold up a cancelled list; a write, once it was sent, is waited for: whether the record is
// there must be known.
func (c *Connection) recordContext(request *http.Request) context.Context {
	if request.Method == http.MethodGet {
		return c.pending()
	}
	return c.late
}

// pending ends with the operation, or later where it has written.
func (c *Connection) pending() context.Context {
	if c.writes.begun.Load() {
		return c.late
	}
	return c.ctx
}

// lateContext ends some time after the other.
func lateContext(ctx context.Context, grace time.Duration) context.Context {
	late, cancel := context.WithCancel(context.WithoutCancel(ctx))
	context.AfterFunc(ctx, func() { time.AfterFunc(grace, cancel) })
	return late
}

// guarded is a storage driver as one operation may use it.
type guarded struct {
	driver.Driver
	connection *Connection
}

// Create implements driver.Creator.
func (g *guarded) Create(key string, record release.Releaser) error {
	return g.write("create", key, func() error { return g.Driver.Create(key, record) })
}

// Update implements driver.Updator.
func (g *guarded) Update(key string, record release.Releaser) error {
	return g.write("update", key, func() error { return g.Driver.Update(key, record) })
}

// Delete implements driver.Deletor.
func (g *guarded) Delete(key string) (deleted release.Releaser, err error) {
	err = g.write("delete", key, func() (err error) {
		deleted, err = g.Driver.Delete(key)
		return err
	})
	return deleted, err
}

// Get implements driver.Queryor.
func (g *guarded) Get(key string) (found release.Releaser, err error) {
	defer bridge.Recover("reading release record "+key, &err)
	if err := g.connection.pending().Err(); err != nil {
		return nil, err
	}
	return g.Driver.Get(key)
}

// List implements driver.Queryor.
func (g *guarded) List(filter func(release.Releaser) bool) (found []release.Releaser, err error) {
	defer bridge.Recover("listing release records", &err)
	if err := g.connection.pending().Err(); err != nil {
		return nil, err
	}
	return g.Driver.List(filter)
}

// Query implements driver.Queryor.
func (g *guarded) Query(labels map[string]string) (found []release.Releaser, err error) {
	defer bridge.Recover("looking for release records", &err)
	if err := g.connection.pending().Err(); err != nil {
		return nil, err
	}
	return g.Driver.Query(labels)
}

// write writes, unless the operation was abandoned, or was cancelled before it had written anything.
func (g *guarded) write(what, key string, do func() error) (err error) {
	defer bridge.Recover(what+" release record "+key, &err)
	defer g.connection.op.Hold()()
	if g.connection.op.Abandoned() {
		return bridge.Errorf(CodeAbandoned,
			"will not %s release record %s: the operation was cancelled and given up, what it does now is too late", what, key)
	}
	if err := g.connection.pending().Err(); err != nil {
		return fmt.Errorf("%s release record %s: %w", what, key, err)
	}
	err = do()
	if !refused(err) {
		g.connection.writes.begun.Store(true)
	}
	return err
}

// refused says whether a write surely changed nothing.
func refused(err error) bool {
	var status apierrors.APIStatus
	for _, known := range []error{driver.ErrReleaseExists, driver.ErrReleaseNotFound, driver.ErrInvalidKey} {
		if errors.Is(err, known) {
			return true
		}
	}
	return errors.As(err, &status)
}

type logSetter func(slog.Handler)

func noLogs(slog.Handler) {}
