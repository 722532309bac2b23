package actions

import (
	"encoding/json"
	"fmt"

	ri "helm.sh/helm/v4/pkg/release"
	"helm.sh/helm/v4/pkg/release/common"
	release "helm.sh/helm/v4/pkg/release/v1"
)

// RevisionRequest are the arguments of the commands that show one revision: `helm status` and most of `helm get`.
type RevisionRequest struct {
	ReleaseName string `json:"release_name"`
	Revision    int    `json:"revision"`
}

// Validate refuses what can be known to be wrong before anything is done.
func (r RevisionRequest) Validate() error {
	return validRevision(r.ReleaseName, r.Revision)
}

func validRevision(name string, revision int) error {
	if revision < 0 {
		return invalid("revision", "is %d: it must be 0 (the newest) or more", revision)
	}
	return validName(name)
}

// found is what is known of the newest revision without decoding it.
type found struct {
	revision int
	status   common.Status
}

// newest finds the newest revision of the scope's release; there being none is driver.ErrReleaseNotFound.
func (s *scope) newest() (found, error) {
	records, err := s.records()
	if err != nil {
		return found{}, err
	}
	if records != nil {
		record, err := records.newest(s.op.Context(), s.release)
		return found{record.revision.revision, record.status}, err
	}
	record, err := s.cfg.Releases.Last(s.release)
	if err != nil {
		return found{}, err
	}
	rel := asRelease(record)
	return found{rel.Version, rel.Info.Status}, nil
}

// read is a revision of the scope's release, whole; 0 is the newest.
func (s *scope) read(number int) (*release.Release, error) {
	var rel release.Release
	whole, err := s.fetch(number)
	if err != nil {
		return nil, err
	}
	if whole == nil {
		return &rel, s.readWhole(number, &rel)
	}
	rel.Labels = ownLabels(whole.labels)
	return &rel, decodeRecord(whole.data, &rel)
}

// outline is what of a record is shown: all but the chart's templates, files and values, which are most of its size.
type outline struct {
	summary
	Config      map[string]any  `json:"config"`
	Manifest    string          `json:"manifest"`
	Hooks       []*release.Hook `json:"hooks"`
	ApplyMethod string          `json:"apply_method"`
}

// keptOutline is the size of a record, packed, whose outline is kept; larger ones are unpacked anew.
const keptOutline = 32 << 10

// readOutline is a revision of the scope's release without what no caller is shown; 0 is the newest.
func (s *scope) readOutline(number int) (*release.Release, error) {
	rel, _, err := s.readVersion(number)
	return rel, err
}

// readVersion is readOutline with what changes when the record does; empty where the storage tells nothing of the kind.
// Outlines are kept by it: unpacking a record takes as long as fetching it. Only the Release and its Info are the caller's own.
func (s *scope) readVersion(number int) (rel *release.Release, version string, err error) {
	whole, err := s.fetch(number)
	if err != nil {
		return nil, "", err
	}
	if whole == nil {
		rel := &release.Release{}
		return rel, "", s.readWhole(number, rel)
	}
	key, cache := whole.cacheKey(), s.config.Session().Outlines()
	var read outline
	if kept, ok := cache.Get(key); ok {
		read = kept.(outline)
	} else if err := decodeRecord(whole.data, &read); err != nil {
		return nil, "", err
	} else if len(whole.data) <= keptOutline {
		cache.Put(key, read)
	}
	rel = read.summary.release(ownLabels(whole.labels))
	if rel.Info != nil {
		info := *rel.Info
		rel.Info = &info
	}
	rel.Config, rel.Manifest, rel.Hooks, rel.ApplyMethod = read.Config, read.Manifest, read.Hooks, read.ApplyMethod
	return rel, key, nil
}

// keptConfig is the size of values that are kept; larger ones are read anew.
const keptConfig = 16 << 10

// readConfig is the values that were given to a revision. They are kept with the record's version: unpacking a record
// takes as long as fetching it.
func (s *scope) readConfig(number int) (config map[string]any, err error) {
	var read struct {
		Config json.RawMessage `json:"config"`
	}
	whole, err := s.fetch(number)
	if err != nil {
		return nil, err
	}
	if whole == nil {
		rel := &release.Release{}
		err := s.readWhole(number, rel)
		return rel.Config, err
	}
	key, cache := "config "+whole.cacheKey(), s.config.Session().Records()
	if kept, ok := cache.Get(key); ok {
		return kept.(map[string]any), nil
	}
	if err := decodeRecord(whole.data, &read); err != nil || read.Config == nil {
		return nil, err
	}
	if err := json.Unmarshal(read.Config, &config); err != nil {
		return nil, fmt.Errorf("decode record: %w", err)
	}
	if len(read.Config) <= keptConfig {
		cache.Put(key, config)
	}
	return config, nil
}

// fetch is the record of a revision; 0 is the newest. It is nil where the storage is neither Secrets nor ConfigMaps.
func (s *scope) fetch(number int) (*record, error) {
	records, err := s.records()
	if err != nil || records == nil {
		return nil, err
	}
	var whole record
	if number > 0 {
		whole, err = records.get(s.op.Context(), s.namespace, recordKey(s.release, number))
	} else {
		whole, err = records.current(s.op.Context(), s.release)
	}
	return &whole, err
}

// readWhole asks Helm's own storage, which gives decoded releases.
func (s *scope) readWhole(number int, into *release.Release) error {
	var record ri.Releaser
	var err error
	if number > 0 {
		record, err = s.cfg.Releases.Get(s.release, number)
	} else {
		record, err = s.cfg.Releases.Last(s.release)
	}
	if err != nil {
		return err
	}
	*into = *asRelease(record)
	return nil
}
