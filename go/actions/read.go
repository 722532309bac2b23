package actions

import (
	"encoding/json"
	"fmt"

	ri "helm.sh/helm/v4/pkg/release"
	"helm.sh/helm/v4/pkg/release/common"
	release "helm.sh/helm/v4/pkg/release/v1"
)

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
	labels, err := s.readLabelled(number, &rel)
	if err != nil {
		return nil, err
	}
	if labels != nil {
		rel.Labels = ownLabels(labels)
	}
	return &rel, nil
}

// readInto decodes of a revision only what the struct has.
func (s *scope) readInto(number int, into any) error {
	_, err := s.readLabelled(number, into)
	return err
}

func (s *scope) readLabelled(number int, into any) (map[string]string, error) {
	records, err := s.records()
	if err != nil {
		return nil, err
	}
	if records == nil {
		return nil, s.readWhole(number, into)
	}
	var whole record
	if number > 0 {
		whole, err = records.get(s.op.Context(), s.namespace, recordKey(s.release, number))
	} else {
		whole, err = records.newest(s.op.Context(), s.release)
	}
	if err != nil {
		return nil, err
	}
	return whole.labels, decodeRecord(whole.data, into)
}

// readWhole asks Helm's own storage, which gives decoded releases.
func (s *scope) readWhole(number int, into any) error {
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
	rel := asRelease(record)
	if whole, ok := into.(*release.Release); ok {
		*whole = *rel
		return nil
	}
	encoded, err := json.Marshal(rel)
	if err == nil {
		err = json.Unmarshal(encoded, into)
	}
	if err != nil {
		return fmt.Errorf("read release %s: %w", s.release, err)
	}
	return nil
}
