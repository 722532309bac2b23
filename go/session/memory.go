package session

import (
	"encoding/json"
	"fmt"
	"maps"
	"sync"

	"helm.sh/helm/v4/pkg/release"
	releasev1 "helm.sh/helm/v4/pkg/release/v1"
	"helm.sh/helm/v4/pkg/storage/driver"
)

// sharedMemory is the memory storage of a session.
type sharedMemory struct {
	mu      sync.Mutex
	records *driver.Memory
}

func newSharedMemory() sharedMemory { return sharedMemory{records: driver.NewMemory()} }

// memoryRecords is a session's memory storage in one namespace.
//
// Helm's driver has one namespace at a time, which even its Create changes, and gives away the very records that it keeps,
// which actions go on changing: so each call sets the namespace, and records go in and out as copies.
type memoryRecords struct {
	shared    *sharedMemory
	namespace string
}

var _ driver.Driver = (*memoryRecords)(nil)

// Name implements driver.Driver.
func (m *memoryRecords) Name() string { return driver.MemoryDriverName }

func (m *memoryRecords) enter() (records *driver.Memory, leave func()) {
	m.shared.mu.Lock()
	m.shared.records.SetNamespace(m.namespace)
	return m.shared.records, m.shared.mu.Unlock
}

// Get implements driver.Queryor.
func (m *memoryRecords) Get(key string) (release.Releaser, error) {
	records, leave := m.enter()
	defer leave()
	found, err := records.Get(key)
	if err != nil {
		return nil, err
	}
	return duplicate(found)
}

// List implements driver.Queryor.
func (m *memoryRecords) List(filter func(release.Releaser) bool) ([]release.Releaser, error) {
	found, err := m.all(func(records *driver.Memory) ([]release.Releaser, error) {
		return records.List(func(release.Releaser) bool { return true })
	})
	if err != nil {
		return nil, err
	}
	var wanted []release.Releaser
	for _, record := range found {
		if filter(record) {
			wanted = append(wanted, record)
		}
	}
	return wanted, nil
}

// Query implements driver.Queryor.
func (m *memoryRecords) Query(labels map[string]string) ([]release.Releaser, error) {
	return m.all(func(records *driver.Memory) ([]release.Releaser, error) { return records.Query(labels) })
}

func (m *memoryRecords) all(look func(*driver.Memory) ([]release.Releaser, error)) ([]release.Releaser, error) {
	records, leave := m.enter()
	defer leave()
	found, err := look(records)
	if err != nil {
		return nil, err
	}
	copies := make([]release.Releaser, 0, len(found))
	for _, record := range found {
		own, err := duplicate(record)
		if err != nil {
			return nil, err
		}
		copies = append(copies, own)
	}
	return copies, nil
}

// Create implements driver.Creator.
func (m *memoryRecords) Create(key string, record release.Releaser) error {
	own, err := duplicate(record)
	if err != nil {
		return err
	}
	records, leave := m.enter()
	defer leave()
	return records.Create(key, own)
}

// Update implements driver.Updator.
func (m *memoryRecords) Update(key string, record release.Releaser) error {
	own, err := duplicate(record)
	if err != nil {
		return err
	}
	records, leave := m.enter()
	defer leave()
	return records.Update(key, own)
}

// Delete implements driver.Deletor.
func (m *memoryRecords) Delete(key string) (release.Releaser, error) {
	records, leave := m.enter()
	defer leave()
	return records.Delete(key)
}

// duplicate copies a record as the other drivers do by writing and reading it.
func duplicate(record release.Releaser) (*releasev1.Release, error) {
	var from *releasev1.Release
	switch kind := record.(type) {
	case *releasev1.Release:
		from = kind
	case releasev1.Release:
		from = &kind
	default:
		return nil, fmt.Errorf("unsupported release type: %T", record)
	}
	text, err := json.Marshal(from)
	if err != nil {
		return nil, err
	}
	own := &releasev1.Release{}
	if err := json.Unmarshal(text, own); err != nil {
		return nil, err
	}
	own.Labels = maps.Clone(from.Labels) // not part of the record's JSON
	return own, nil
}
