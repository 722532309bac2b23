package session

import "k8s.io/utils/lru"

// keptRecords is how many decoded release records a session keeps; what is kept of one is a few kilobytes.
const keptRecords = 2048

// keptOutlines is how many revisions a session keeps with their manifests: some tens of kilobytes each.
const keptOutlines = 128

// RecordCache keeps what was decoded of release records. A record's resourceVersion is part of its key, so that what
// was read is never stale; the oldest go first.
type RecordCache struct{ kept *lru.Cache }

func newRecordCache(size int) *RecordCache { return &RecordCache{lru.New(size)} }

// Get gives what was kept under the key.
func (c *RecordCache) Get(key string) (any, bool) { return c.kept.Get(key) }

// Put keeps a value that nobody changes any more.
func (c *RecordCache) Put(key string, value any) { c.kept.Add(key, value) }

// Records are the decoded release records of the session.
func (s *Session) Records() *RecordCache { return s.records }

// Outlines are those that are kept with their manifests.
func (s *Session) Outlines() *RecordCache { return s.outlines }
