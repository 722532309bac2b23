package actions

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/helm-sdkpy/helm-sdkpy/go/bridge"
	"github.com/helm-sdkpy/helm-sdkpy/go/plugin"
	"github.com/helm-sdkpy/helm-sdkpy/go/session"
)

// PluginPackageRequest are the arguments of `helm plugin package`.
type PluginPackageRequest struct {
	Path           string `json:"path"`
	Sign           *bool  `json:"sign"`
	Key            string `json:"key"`
	Keyring        string `json:"keyring"`
	PassphraseFile string `json:"passphrase_file"`
	Destination    string `json:"destination"`
}

// Validate refuses what names no directory.
func (r PluginPackageRequest) Validate() error {
	if r.Path == "" {
		return invalid("path", "is empty: give the plugin's directory")
	}
	return nil
}

// PackagedPlugin is a plugin's archive that was made.
type PackagedPlugin struct {
	Path       string  `json:"path"`
	Name       string  `json:"name"`
	Version    string  `json:"version"`
	Digest     string  `json:"digest"`
	Size       int64   `json:"size"`
	Provenance *string `json:"provenance"`
	Output     string  `json:"output"`
}

// PluginPackage makes an archive of a plugin's directory, and signs it. Both files are made whole or not at all.
func PluginPackage(op *bridge.Operation, config *session.Configuration, request PluginPackageRequest) (*PackagedPlugin, error) {
	t := begin(op, config, "plugin package")
	// Helm writes to the destination at once, and an archive that is made within the directory would be part of itself.
	aside, err := os.MkdirTemp("", "helm-plugin-package-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(aside)
	arguments := []string{"package", "--destination", aside}
	for _, flag := range []struct{ name, value string }{
		{"--key", request.Key}, {"--keyring", request.Keyring}, {"--passphrase-file", request.PassphraseFile},
	} {
		if flag.value != "" {
			arguments = append(arguments, flag.name, flag.value)
		}
	}
	if request.Sign != nil {
		arguments = append(arguments, fmt.Sprintf("--sign=%t", *request.Sign))
	}
	t.phase("packaging")
	output, err := t.helm(append(arguments, "--", request.Path)...)
	if err != nil {
		return nil, withoutTerminal(err)
	}
	one, err := plugin.Load(request.Path)
	if err != nil {
		return nil, err
	}
	destination := cmp.Or(request.Destination, ".")
	name := fmt.Sprintf("%s-%s.tgz", one.Name, one.Version)
	made := &PackagedPlugin{
		Path: filepath.Join(destination, name), Name: one.Name, Version: one.Version,
		Output: strings.ReplaceAll(output, filepath.Join(aside, name), filepath.Join(destination, name)),
	}
	if err := os.MkdirAll(destination, 0o755); err != nil {
		return nil, err
	}
	if err := made.moved(aside, name); err != nil {
		return nil, err
	}
	if made.Digest, err = digestOf(made.Path); err != nil {
		return nil, err
	}
	return made, nil
}

// moved brings both files to their places; the signature first, for an archive alone would be taken as unsigned.
func (p *PackagedPlugin) moved(aside, name string) error {
	files := []*staged{}
	defer func() {
		for _, one := range files {
			one.discard()
		}
	}()
	for _, end := range []string{".prov", ""} {
		content, err := os.ReadFile(filepath.Join(aside, name+end))
		switch {
		case end != "" && errors.Is(err, fs.ErrNotExist):
			continue
		case err != nil:
			return err
		case end != "":
			signed := p.Path + end
			p.Provenance = &signed
		default:
			p.Size = int64(len(content))
		}
		one, err := stage(p.Path+end, content, 0o644)
		if err != nil {
			return err
		}
		files = append(files, one)
	}
	for _, one := range files {
		if err := one.commit(); err != nil {
			return err
		}
	}
	return nil
}

// withoutTerminal says what to do where helm would have asked for the passphrase.
func withoutTerminal(err error) error {
	var known *bridge.Error
	if errors.As(err, &known) && strings.Contains(known.Message, "inappropriate ioctl for device") {
		known.Code = codeProvenance
		known.Message = "the key has a passphrase, and there is no terminal to ask for it: set passphrase_file"
	}
	return err
}
