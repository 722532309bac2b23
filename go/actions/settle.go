package actions

import (
	"fmt"
	"log/slog"
	"strings"
	"unicode/utf8"

	"helm.sh/helm/v4/pkg/release/common"
)

// settle runs after every action that changes a release. Helm leaves a revision `pending-*` or `uninstalling` on some
// failures (helm-internals: "Failure paths"), and the next upgrade refuses to touch such a one; settle records it as
// failed, with a storage that the cancel does not reach, and says where it was interrupted, since what was made is swept
// later then (remnants.go). It gives the cause, or what could not be recorded of a success.
func (s *scope) settle(cause error) error {
	if cause == nil {
		if err := s.ledger.save(); err != nil {
			return fmt.Errorf("%s %q was done, but its record could not be written: %w", s.verb, s.release, err)
		}
		return nil
	}
	s.ledger.dispel()
	last := s.ledger.last()
	if last == nil {
		return cause
	}
	description := last.Info.Description
	switch {
	case isStuck(last.Info.Status):
		description = fmt.Sprintf("%s %q failed: %v", capitalized(s.verb), last.Name, cause)
	case last.Info.Status != common.StatusFailed || !s.ledger.recorded() || !isFault(cause):
		return cause
	}
	if isFault(cause) {
		description = wasInterrupted + s.ledger.describe(description)
	}
	last.SetStatus(common.StatusFailed, description)
	s.record(func() error { return s.cfg.Releases.Update(last) })
	return cause
}

// record writes what must be written after a failure; that it could not be is said in the log, since the caller is
// already told of the failure itself.
func (s *scope) record(write func() error) {
	release := s.op.Hold()
	defer release()
	if err := write(); err != nil {
		s.log.Error("could not record the outcome of the release", slog.String("release", s.release),
			slog.String("namespace", s.namespace), slog.Any("error", err))
	}
}

func capitalized(word string) string {
	if word == "" {
		return ""
	}
	return strings.ToUpper(word[:1]) + word[1:]
}

// truncated is the text's beginning, whole characters only.
func truncated(text string, length int) string {
	if len(text) <= length {
		return text
	}
	for length > 0 && !utf8.RuneStart(text[length]) {
		length--
	}
	return text[:length]
}
