package session

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"helm.sh/helm/v4/pkg/release"
	"helm.sh/helm/v4/pkg/release/common"
	releasev1 "helm.sh/helm/v4/pkg/release/v1"
	"helm.sh/helm/v4/pkg/storage"
	"helm.sh/helm/v4/pkg/storage/driver"

	"github.com/helm-sdkpy/helm-sdkpy/go/bridge"
)

func record(name, namespace string, version int) *releasev1.Release {
	return &releasev1.Release{
		Name: name, Namespace: namespace, Version: version, Labels: map[string]string{"mine": "yes"},
		Info: &releasev1.Info{Status: common.StatusDeployed},
	}
}

func store(t *testing.T, connection *Connection) *storage.Storage {
	t.Helper()
	made, err := connection.Storage()
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func TestMemoryBelongsToTheSession(t *testing.T) {
	t.Parallel()
	pool := NewPool()
	options := Options{Storage: "memory", Kubeconfig: &Kubeconfig{Text: twoClusters}}
	one, two := open(t, pool, options), open(t, pool, options)
	op, _ := operation(t)
	written := record("shop", "web", 1)
	if err := store(t, connect(t, one, op, ConnectOptions{})).Create(written); err != nil {
		t.Fatal(err)
	}
	written.Info.Status = common.StatusFailed // the writer goes on with its own
	if err := store(t, connect(t, one, op, ConnectOptions{Namespace: "other"})).Create(record("shop", "other", 1)); err != nil {
		t.Fatal(err)
	}
	reader := store(t, connect(t, two, op, ConnectOptions{}))
	got, err := reader.Get("shop", 1)
	if err != nil {
		t.Fatal(err)
	}
	if read := got.(*releasev1.Release); read.Namespace != "web" || read.Info.Status != common.StatusDeployed || read.Labels["mine"] != "yes" {
		t.Errorf("read %+v", read)
	}
	got.(*releasev1.Release).Info.Status = common.StatusFailed // and so does a reader
	deployed, err := reader.Deployed("shop")
	if err != nil || deployed == nil {
		t.Errorf("Deployed = %v, %v", deployed, err)
	}
	all, err := store(t, connect(t, two, op, ConnectOptions{AllNamespaces: true})).ListReleases()
	if err != nil || len(all) != 2 {
		t.Errorf("in all namespaces: %d, %v", len(all), err)
	}
	if _, err := store(t, connect(t, two, op, ConnectOptions{Namespace: "third"})).Get("shop", 1); !errors.Is(err, driver.ErrReleaseNotFound) {
		t.Errorf("in a third namespace: %v", err)
	}
	if _, err := reader.Delete("shop", 1); err != nil {
		t.Error(err)
	}
	other := open(t, pool, Options{Storage: "memory", Kubeconfig: options.Kubeconfig, Kubecontext: "two"})
	if all, err := store(t, connect(t, other, op, ConnectOptions{AllNamespaces: true})).ListReleases(); err != nil || len(all) != 0 {
		t.Errorf("another cluster's records: %d, %v", len(all), err)
	}
}

func TestMemoryUnderConcurrency(t *testing.T) {
	t.Parallel()
	configuration := open(t, NewPool(), Options{Storage: "memory"})
	var group sync.WaitGroup
	for i := range 32 {
		namespace := string(rune('a' + i%4))
		name := "r" + string(rune('a'+i))
		group.Go(func() {
			op := bridge.NewOperation(t.Context())
			connection, err := configuration.Connect(op, ConnectOptions{Namespace: namespace})
			if err != nil {
				t.Error(err)
				return
			}
			records, err := connection.Storage()
			if err != nil {
				t.Error(err)
				return
			}
			own := record(name, namespace, 1)
			for range 10 {
				own.Info.Description = name
				err = errors.Join(err, records.Create(own))
				own.Info.Description = ""
				_, list := records.List(func(release.Releaser) bool { return true })
				read, get := records.Get(name, 1)
				if get == nil {
					read.(*releasev1.Release).Info.Description = "changed"
				}
				_, remove := records.Delete(name, 1)
				err = errors.Join(err, list, get, remove)
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
}

// recordServer is an API server with release records that answers when the test lets it.
type recordServer struct {
	*api
	gate    chan struct{} // nil: answers at once
	entered chan string
	refuse  atomic.Bool
}

func newRecordServer(t *testing.T, gate chan struct{}) *recordServer {
	s := &recordServer{gate: gate, entered: make(chan string, 100)}
	s.api = newAPI(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		s.entered <- r.Method
		if gate != nil {
			select {
			case <-gate:
			case <-r.Context().Done():
				return
			}
		}
		w.Header().Set("Content-Type", "application/json")
		if s.refuse.Load() {
			w.WriteHeader(http.StatusForbidden)
			_, _ = io.WriteString(w, `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"Forbidden","code":403}`)
			return
		}
		kind := "SecretList"
		if r.Method != http.MethodGet {
			kind = "Secret"
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"kind": kind, "apiVersion": "v1", "metadata": map[string]any{}})
	})
	return s
}

func (s *recordServer) storage(t *testing.T, op *bridge.Operation) *storage.Storage {
	t.Helper()
	return store(t, connect(t, open(t, NewPool(), Options{Kubeconfig: s.kubeconfig()}), op, ConnectOptions{}))
}

func TestStorageSpeaksProtobuf(t *testing.T) {
	t.Parallel()
	s := newRecordServer(t, nil)
	op, _ := operation(t)
	if _, err := s.storage(t, op).ListReleases(); err != nil {
		t.Error(err)
	}
	if accept := s.last(t).Header.Get("Accept"); !strings.HasPrefix(accept, "application/vnd.kubernetes.protobuf") {
		t.Errorf("Accept: %s", accept)
	}
}

func TestACancelEndsReadingBeforeAnythingWasWritten(t *testing.T) {
	t.Parallel()
	s := newRecordServer(t, make(chan struct{}))
	op, cancel := operation(t)
	records := s.storage(t, op)
	go func() {
		<-s.entered
		cancel()
	}()
	within(t, time.Second, "the cancelled list", func() {
		if _, err := records.ListReleases(); !errors.Is(err, context.Canceled) {
			t.Errorf("err = %v", err)
		}
	})
	if err := records.Create(record("shop", "web", 1)); !errors.Is(err, context.Canceled) {
		t.Errorf("the first write after a cancel: %v", err)
	}
	if count := s.count(""); count != 1 {
		t.Errorf("the server was asked %d times", count)
	}
}

func TestStorageGoesOnAfterItsFirstWrite(t *testing.T) {
	t.Parallel()
	s := newRecordServer(t, nil)
	op, cancel := operation(t)
	records := s.storage(t, op)
	if err := records.Create(record("shop", "web", 1)); err != nil {
		t.Fatal(err)
	}
	cancel()
	_, list := records.ListReleases()
	if err := errors.Join(records.Update(record("shop", "web", 1)), list); err != nil {
		t.Errorf("after the cancel: %v", err)
	}
}

// Whether a write that was sent has arrived must be known: it is waited for.
func TestAWriteUnderWayIsNotCut(t *testing.T) {
	t.Parallel()
	gate := make(chan struct{})
	s := newRecordServer(t, gate)
	op, cancel := operation(t)
	records := s.storage(t, op)
	failed := make(chan error, 1)
	go func() { failed <- records.Create(record("shop", "web", 1)) }()
	<-s.entered
	cancel()
	time.Sleep(50 * time.Millisecond)
	close(gate)
	within(t, time.Second, "the write", func() {
		if err := <-failed; err != nil {
			t.Error(err)
		}
	})
	if err := records.Update(record("shop", "web", 1)); err != nil {
		t.Error("the record's next write:", err)
	}
}

func TestARefusedWriteIsNoWrite(t *testing.T) {
	t.Parallel()
	s := newRecordServer(t, nil)
	s.refuse.Store(true)
	op, cancel := operation(t)
	connection := connect(t, open(t, NewPool(), Options{Kubeconfig: s.kubeconfig()}), op, ConnectOptions{})
	records := store(t, connection)
	if err := records.Create(record("shop", "web", 1)); err == nil || connection.Written() {
		t.Errorf("err = %v, written = %v", err, connection.Written())
	}
	cancel()
	if _, err := records.ListReleases(); !errors.Is(err, context.Canceled) {
		t.Errorf("err = %v", err)
	}
}

func TestTheTimeAfterACancelIsBounded(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	late := lateContext(ctx, 50*time.Millisecond)
	cancel()
	if late.Err() != nil {
		t.Error("no time is left")
	}
	within(t, time.Second, "the grace", func() { <-late.Done() })
}

func TestADetachedConnectionHasItsOwnTime(t *testing.T) {
	t.Parallel()
	s := newRecordServer(t, nil)
	op, cancel := operation(t)
	connection := connect(t, open(t, NewPool(), Options{Kubeconfig: s.kubeconfig()}), op, ConnectOptions{})
	cancel()
	if _, err := connection.Getter().ToRESTConfig(); err != nil {
		t.Error(err)
	}
	detached, end := context.WithCancel(context.Background())
	defer end()
	if err := store(t, connection.Detached(detached)).Update(record("shop", "web", 1)); err != nil {
		t.Error(err)
	}
}

// abandonedOperation is one that was given up while it ran.
func abandonedOperation(t *testing.T) *bridge.Operation {
	t.Helper()
	runtime := bridge.NewRuntime()
	handles := bridge.NewHandles[int]()
	handle := handles.Add(1)
	got, stop := make(chan *bridge.Operation, 1), make(chan struct{})
	t.Cleanup(func() { close(stop) })
	bridge.Start(runtime, handles, handle, 1, []byte(`{"arguments": {}}`),
		func(op *bridge.Operation, _ int, _ struct{}) (struct{}, error) {
			got <- op
			<-stop
			return struct{}{}, nil
		})
	op := <-got
	runtime.Shutdown(0)
	if !op.Abandoned() {
		t.Fatal("the operation was not abandoned")
	}
	return op
}

func TestAnAbandonedOperationWritesNothing(t *testing.T) {
	t.Parallel()
	s := newRecordServer(t, nil)
	op := abandonedOperation(t)
	configuration := open(t, NewPool(), Options{Kubeconfig: s.kubeconfig()})
	connection := connect(t, configuration, op, ConnectOptions{Context: t.Context()}) // a clean-up's
	records := store(t, connection)
	_, remove := records.Delete("shop", 1)
	for _, err := range []error{records.Create(record("shop", "web", 1)), records.Update(record("shop", "web", 1)), remove} {
		if found, ok := errors.AsType[*bridge.Error](err); !ok || found.Code != CodeAbandoned {
			t.Errorf("err = %v", err)
		}
	}
	if count := s.count(""); count != 0 {
		t.Errorf("the server was asked %d times", count)
	}
}

func TestStorageKinds(t *testing.T) {
	t.Parallel()
	for kind, name := range map[string]string{
		"": "Secret", "secret": "Secret", "secrets": "Secret", "configmap": "ConfigMap", "configmaps": "ConfigMap", "memory": "Memory",
	} {
		op, _ := operation(t)
		configuration := open(t, NewPool(), Options{Kubeconfig: &Kubeconfig{Text: twoClusters}, Storage: kind})
		if got := store(t, connect(t, configuration, op, ConnectOptions{})).Name(); got != name {
			t.Errorf("%q: %s; want %s", kind, got, name)
		}
	}
}

func TestADatabaseThatIsNotThere(t *testing.T) {
	t.Parallel()
	op, _ := operation(t)
	configuration := open(t, NewPool(), Options{
		Storage: "sql", SQLConnection: "postgres://me:secret@127.0.0.1:1/helm?sslmode=disable", Kubeconfig: &Kubeconfig{Text: twoClusters},
	})
	_, err := connect(t, configuration, op, ConnectOptions{}).Storage()
	var failed *bridge.Error
	if !errors.As(err, &failed) || failed.Code != CodeStorage || strings.Contains(err.Error(), "secret") {
		t.Errorf("err = %v", err)
	}
}

func TestAConnectionThatCanNotBeRead(t *testing.T) {
	t.Parallel()
	for _, connection := range []string{
		"postgres://me:secret@127.0.0.1:port/helm", "postgres://me:sec/ret@127.0.0.1/helm", "password=my secret host=127.0.0.1",
		"secret", "mysql://me:secret@127.0.0.1/helm", "host=127.0.0.1 password='secret",
	} {
		op, _ := operation(t)
		configuration := open(t, NewPool(), Options{Storage: "sql", SQLConnection: connection, Kubeconfig: &Kubeconfig{Text: twoClusters}})
		_, err := connect(t, configuration, op, ConnectOptions{}).Storage()
		if !isConfiguration(err) || strings.Contains(err.Error(), "sec") {
			t.Errorf("%s: err = %v", connection, err)
		}
	}
}

func TestCancelWhileADatabaseHangs(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	accepted := make(chan net.Conn, 1)
	go func() {
		if connection, err := listener.Accept(); err == nil {
			accepted <- connection
		}
	}()
	op, cancel := operation(t)
	configuration := open(t, NewPool(), Options{
		Storage: "sql", SQLConnection: "postgres://" + listener.Addr().String() + "/helm?sslmode=disable", Kubeconfig: &Kubeconfig{Text: twoClusters},
	})
	connection := connect(t, configuration, op, ConnectOptions{})
	failed := make(chan error, 1)
	go func() {
		_, err := connection.Storage()
		failed <- err
	}()
	database := <-accepted
	cancel()
	within(t, time.Second, "the cancelled connecting", func() {
		if err := <-failed; !errors.Is(err, context.Canceled) {
			t.Errorf("err = %v", err)
		}
	})
	if err := errors.Join(database.Close(), listener.Close()); err != nil {
		t.Error(err)
	}
}

// The database is a field that Helm does not export; this breaks when Helm renames it.
func TestTheDriversDatabaseIsFound(t *testing.T) {
	t.Parallel()
	if found := databaseField(&driver.SQL{}); !found.IsValid() {
		t.Error("driver.SQL has no field db of type *sqlx.DB any more")
	}
}
