package session

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"sync"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"
	"helm.sh/helm/v4/pkg/release"
	"helm.sh/helm/v4/pkg/storage/driver"

	"github.com/helm-sdkpy/helm-sdkpy/go/bridge"
)

// sqlDrivers are a session's databases: each driver of Helm's opens a pool of connections, and none is ever closed by it.
type sqlDrivers struct {
	mu      sync.Mutex
	opened  map[sqlKey]*driver.SQL
	closed  bool
	flights flights[*driver.SQL]
}

type sqlKey struct{ connection, namespace string }

// open gives the driver of a database and namespace. Connecting takes no context, so who is cancelled stops waiting for it.
func (s *sqlDrivers) open(ctx context.Context, connection, namespace string) (*driver.SQL, error) {
	key := sqlKey{connection, namespace}
	s.mu.Lock()
	known := s.opened[key]
	s.mu.Unlock()
	if known != nil {
		return known, nil
	}
	opened, err := s.flights.do(ctx, fmt.Sprintf("%q %q", connection, namespace), false,
		func(context.Context) (*driver.SQL, error) {
			made, err := driver.NewSQL(connection, namespace)
			if err != nil {
				return nil, err
			}
			return made, s.keep(key, made)
		})
	if err != nil && ctx.Err() == nil {
		return nil, databaseFailed(err)
	}
	return opened, err
}

// CodeStorage is the code of a database that keeps releases and can not be used.
const CodeStorage = "storage"

// readable refuses a connection string before anybody connects: it holds a password, and what lib/pq says of one that it
// can not read quotes parts of it.
func readable(connection string) error {
	if _, err := pq.NewConfig(connection); err != nil {
		return invalid("sql_connection", "sql_connection can not be read (what is wrong with it is not repeated here, since it "+
			"may hold a password): give postgresql://USER:PASSWORD@HOST:PORT/DATABASE or host=… user=… password=… dbname=…")
	}
	return nil
}

// databaseFailed tells what went wrong with the database from what is wrong with a release. Network and server say nothing
// of the password.
func databaseFailed(err error) error {
	var known *bridge.Error
	sentinels := []error{
		driver.ErrReleaseNotFound, driver.ErrReleaseExists, driver.ErrInvalidKey, driver.ErrNoDeployedReleases,
		context.Canceled, context.DeadlineExceeded,
	}
	if err == nil || errors.As(err, &known) || slices.ContainsFunc(sentinels, func(one error) bool { return errors.Is(err, one) }) {
		return err
	}
	return bridge.Errorf(CodeStorage, "the database of sql_connection can not be used: %w (check sql_connection, and whether "+
		"the database runs)", err)
}

// keep remembers a driver, unless the session was closed while it connected.
func (s *sqlDrivers) keep(key sqlKey, made *driver.SQL) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return errors.Join(errors.New("the session is closed"), closeDatabase(made))
	}
	if s.opened == nil {
		s.opened = map[sqlKey]*driver.SQL{}
	}
	s.opened[key] = made
	return nil
}

// close closes the databases. The driver keeps its own to itself (pkg/storage/driver/sql.go).
func (s *sqlDrivers) close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	var failed error
	for key, opened := range s.opened {
		delete(s.opened, key)
		failed = errors.Join(failed, closeDatabase(opened))
	}
	return failed
}

func closeDatabase(opened *driver.SQL) error {
	field := databaseField(opened)
	if !field.IsValid() {
		return nil
	}
	return (*sqlx.DB)(field.UnsafePointer()).Close()
}

func databaseField(opened *driver.SQL) reflect.Value {
	field := reflect.ValueOf(opened).Elem().FieldByName("db")
	if !field.IsValid() || field.Type() != reflect.TypeFor[*sqlx.DB]() {
		return reflect.Value{}
	}
	return field
}

func (c *Connection) sqlRecords() (driver.Driver, logSetter, error) {
	if err := readable(c.configuration.options.SQLConnection); err != nil {
		return nil, nil, err
	}
	opened, err := c.session.sql.open(c.ctx, c.configuration.options.SQLConnection, c.recordNamespace())
	if err != nil {
		return nil, nil, err
	}
	return &sqlRecords{SQL: opened, connection: c}, noLogs, nil
}

// sqlRecords is Helm's SQL driver, which takes no context, for one operation: who is cancelled stops waiting.
type sqlRecords struct {
	*driver.SQL
	connection *Connection
}

// patiently runs a call of the driver until it ends or ctx does.
func patiently[T any](ctx context.Context, what string, call func() (T, error)) (T, error) {
	type outcome struct {
		value T
		err   error
	}
	done := make(chan outcome, 1)
	go func() {
		var got outcome
		got.err = bridge.Guard(what, func() (err error) {
			got.value, err = call()
			return err
		})
		done <- got
	}()
	select {
	case got := <-done:
		return got.value, databaseFailed(got.err)
	case <-ctx.Done():
		var none T
		return none, fmt.Errorf("%s: %w", what, ctx.Err())
	}
}

// Get implements driver.Queryor. Helm's driver takes every error for a record that is not there (helm:
// pkg/storage/driver/sql.go, Get), a database that is gone too: then upgrade(install=True) would install.
func (s *sqlRecords) Get(key string) (release.Releaser, error) {
	ctx := s.connection.pending()
	return patiently(ctx, "reading "+key, func() (release.Releaser, error) {
		found, err := s.SQL.Get(key)
		if errors.Is(err, driver.ErrReleaseNotFound) {
			err = cmp.Or(s.alive(ctx), err)
		}
		return found, err
	})
}

// alive asks whether the database answers.
func (s *sqlRecords) alive(ctx context.Context) error {
	field := databaseField(s.SQL)
	if !field.IsValid() {
		return nil
	}
	return databaseFailed((*sqlx.DB)(field.UnsafePointer()).PingContext(ctx))
}

// List implements driver.Queryor.
func (s *sqlRecords) List(filter func(release.Releaser) bool) ([]release.Releaser, error) {
	return patiently(s.connection.pending(), "listing records", func() ([]release.Releaser, error) { return s.SQL.List(filter) })
}

// Query implements driver.Queryor.
func (s *sqlRecords) Query(labels map[string]string) ([]release.Releaser, error) {
	return patiently(s.connection.pending(), "looking for records",
		func() ([]release.Releaser, error) { return s.SQL.Query(labels) })
}

// Create implements driver.Creator.
func (s *sqlRecords) Create(key string, record release.Releaser) error {
	_, err := patiently(s.connection.late, "writing "+key, func() (any, error) { return nil, s.SQL.Create(key, record) })
	return err
}

// Update implements driver.Updator.
func (s *sqlRecords) Update(key string, record release.Releaser) error {
	_, err := patiently(s.connection.late, "writing "+key, func() (any, error) { return nil, s.SQL.Update(key, record) })
	return err
}

// Delete implements driver.Deletor. Helm's driver leaves its transaction, and with it a connection, open for ever where
// the record is not there (helm: pkg/storage/driver/sql.go, Delete).
func (s *sqlRecords) Delete(key string) (release.Releaser, error) {
	if _, err := s.Get(key); err != nil {
		return nil, err
	}
	return patiently(s.connection.late, "deleting "+key, func() (release.Releaser, error) { return s.SQL.Delete(key) })
}
