package actions

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"helm.sh/helm/v4/pkg/provenance"

	"github.com/helm-sdkpy/helm-sdkpy/go/bridge"
	"github.com/helm-sdkpy/helm-sdkpy/go/session"
)

// PluginVerifyRequest are the arguments of `helm plugin verify`.
type PluginVerifyRequest struct {
	Path    string `json:"path"`
	Keyring string `json:"keyring"`
}

// Validate refuses what names no archive.
func (r PluginVerifyRequest) Validate() error {
	if r.Path == "" {
		return invalid("path", "is empty: give the plugin's archive")
	}
	return nil
}

// PluginVerification is who signed a plugin's archive, and what was signed.
type PluginVerification struct {
	SignedBy    []string `json:"signed_by"`
	Fingerprint string   `json:"fingerprint"`
	FileHash    string   `json:"file_hash"`
}

// PluginVerify checks a plugin's archive against the provenance file beside it (helm: pkg/cmd/plugin_verify.go).
func PluginVerify(op *bridge.Operation, config *session.Configuration, request PluginVerifyRequest) (*PluginVerification, error) {
	t := begin(op, config, "plugin verify")
	t.phase("verifying")
	archive, signed, err := signedPlugin(request.Path)
	if err != nil {
		code := codeProvenance
		if _, missing := os.Stat(request.Path); errors.Is(missing, fs.ErrNotExist) {
			code = codePluginNotFound
		}
		return nil, &bridge.Error{Code: code, Message: err.Error(), Cause: err}
	}
	signatory, err := provenance.NewFromKeyring(cmp.Or(request.Keyring, keyring(config)), "")
	if err != nil {
		return nil, &bridge.Error{Code: codeProvenance, Message: err.Error(), Cause: err}
	}
	verified, err := signatory.Verify(archive, signed, filepath.Base(request.Path))
	if err != nil {
		return nil, &bridge.Error{Code: codeProvenance, Message: err.Error(), Cause: err}
	}
	return &PluginVerification{
		SignedBy:    slices.Sorted(maps.Keys(verified.SignedBy.Identities)),
		Fingerprint: fmt.Sprintf("%X", verified.SignedBy.PrimaryKey.Fingerprint),
		FileHash:    verified.FileHash,
	}, nil
}

// signedPlugin reads an archive and what was signed of it, with the command's refusals.
func signedPlugin(path string) (archive, signed []byte, err error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, nil, err
	}
	if info.IsDir() {
		return nil, nil, errors.New("directory verification not supported - only plugin tarballs can be verified")
	}
	if end := filepath.Ext(path); end != ".gz" && end != ".tgz" {
		return nil, nil, errors.New("plugin file must be a gzipped tarball (.tar.gz or .tgz)")
	}
	if _, err := os.Stat(path + ".prov"); err != nil {
		return nil, nil, fmt.Errorf("could not find provenance file %s: %w", path+".prov", err)
	}
	if archive, err = os.ReadFile(path); err != nil {
		return nil, nil, fmt.Errorf("failed to read plugin file: %w", err)
	}
	if signed, err = os.ReadFile(path + ".prov"); err != nil {
		return nil, nil, fmt.Errorf("failed to read provenance file: %w", err)
	}
	return archive, signed, nil
}
