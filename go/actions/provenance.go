package actions

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	pgperrors "github.com/ProtonMail/go-crypto/openpgp/errors"
	"helm.sh/helm/v4/pkg/provenance"

	"github.com/helm-sdkpy/helm-sdkpy/go/bridge"
	"github.com/helm-sdkpy/helm-sdkpy/go/session"
)

// keyring is where gpg keeps public keys (helm: pkg/cmd/dependency_build.go, defaultKeyring): the older file, unless it
// is known not to be there and the newer one is not.
func keyring(config *session.Configuration) string {
	environment := config.Options().Environment
	home, given := environment["GNUPGHOME"]
	if !given {
		home = filepath.Join(environment["HOME"], ".gnupg")
	}
	legacy := filepath.Join(home, "pubring.gpg")
	for _, file := range []string{legacy, filepath.Join(home, "pubring.kbx")} {
		if _, err := os.Stat(file); !errors.Is(err, fs.ErrNotExist) {
			return file
		}
	}
	return legacy
}

// verifyFile checks an archive against the provenance file beside it (helm: downloader.VerifyChart).
func verifyFile(keyring, path string) (*provenance.Verification, error) {
	switch file, err := os.Stat(path); {
	case err != nil:
		return nil, &bridge.Error{Code: codeChartNotFound, Message: err.Error(), Details: map[string]any{"chart": path}, Cause: err}
	case file.IsDir():
		return nil, provenanceError(keyring, errors.New("unpacked charts cannot be verified"))
	case !isArchive(path):
		return nil, provenanceError(keyring, errors.New("chart must be a tgz file"))
	}
	_, err := os.Stat(path + ".prov")
	var signed []byte
	if err == nil {
		signed, err = os.ReadFile(path + ".prov")
	}
	if err != nil {
		return nil, provenanceError(keyring, fmt.Errorf("could not load provenance file %s: %w", path+".prov", err))
	}
	archive, err := os.ReadFile(path)
	if err != nil {
		return nil, provenanceError(keyring, fmt.Errorf("failed to read chart archive: %w", err))
	}
	return verifySignature(keyring, archive, signed, filepath.Base(path))
}

// verifySignature checks an archive against what was signed of one of that name.
func verifySignature(keyring string, archive, signed []byte, name string) (*provenance.Verification, error) {
	if !isArchive(name) {
		return nil, provenanceError(keyring, errors.New("chart must be a tgz file"))
	}
	signatory, err := provenance.NewFromKeyring(keyring, "")
	if err != nil {
		return nil, provenanceError(keyring, fmt.Errorf("failed to load keyring: %w", err))
	}
	verified, err := signatory.Verify(archive, signed, name)
	if err != nil {
		return nil, provenanceError(keyring, err)
	}
	return verified, nil
}

func isArchive(name string) bool { return strings.EqualFold(filepath.Ext(name), ".tgz") }

// provenanceError says why a signature is missing or does not hold, and whose fault that is.
func provenanceError(keyring string, err error) error {
	code, message := codeProvenance, err.Error()
	switch {
	case strings.Contains(message, "sha256 sum does not match"):
		code = codeDigestMismatch
	case errors.Is(err, pgperrors.ErrUnknownIssuer):
		message += fmt.Sprintf(" (the key that signed is not in the keyring %s: import it there, or set keyring=)", keyring)
	case errors.Is(err, fs.ErrNotExist) && strings.Contains(message, "failed to load keyring"):
		message += " (set keyring= to a file with public keys)"
	}
	return &bridge.Error{Code: code, Message: message, Details: map[string]any{"keyring": keyring}, Cause: err}
}

// ofChart says in an error's details which chart it is about.
func ofChart(path string, err error) error {
	var known *bridge.Error
	if errors.As(err, &known) && known.Details != nil {
		if _, told := known.Details["chart"]; !told {
			known.Details["chart"] = path
		}
	}
	return err
}
