// Package plugin reads the plugins that are installed, and runs those that render and fetch.
//
// Helm keeps its own in internal/plugin, and hands a plugin the process's environment, standard output and standard error.
package plugin

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"slices"

	"github.com/Masterminds/semver/v3"
	"go.yaml.in/yaml/v3"
)

// The types of plugins, and how they are run (helm: internal/plugin/plugin_type_registry.go, metadata_v1.go).
const (
	TypeCLI          = "cli/v1"
	TypeGetter       = "getter/v1"
	TypePostRenderer = "postrenderer/v1"

	RuntimeSubprocess = "subprocess"
	RuntimeWasm       = "extism/v1"
)

// FileName is the file that describes a plugin.
const FileName = "plugin.yaml"

// legacyAPI is what helm calls the form of plugin.yaml without an apiVersion.
const legacyAPI = "legacy"

// Plugin is an installed plugin.
type Plugin struct {
	Directory  string
	APIVersion string
	Name       string
	Type       string
	Runtime    string
	Version    string
	SourceURL  string
	Protocols  []string // what a getter fetches

	commands  []platformCommand
	protocols []protocolCommand
}

// description is plugin.yaml in both of its forms.
type description struct {
	APIVersion string `yaml:"apiVersion"`
	Name       string `yaml:"name"`
	Version    string `yaml:"version"`
}

// legacy is plugin.yaml without an apiVersion (helm: internal/plugin/metadata_legacy.go).
type legacy struct {
	description     `yaml:",inline"`
	Usage           string                       `yaml:"usage"`
	Description     string                       `yaml:"description"`
	PlatformCommand []platformCommand            `yaml:"platformCommand"`
	Command         string                       `yaml:"command"`
	IgnoreFlags     bool                         `yaml:"ignoreFlags"`
	PlatformHooks   map[string][]platformCommand `yaml:"platformHooks"`
	Hooks           map[string]string            `yaml:"hooks"`
	Downloaders     []struct {
		Protocols []string `yaml:"protocols"`
		Command   string   `yaml:"command"`
	} `yaml:"downloaders"`
}

// versioned is plugin.yaml with apiVersion v1 (helm: internal/plugin/metadata_v1.go).
type versioned struct {
	description   `yaml:",inline"`
	Type          string         `yaml:"type"`
	Runtime       string         `yaml:"runtime"`
	SourceURL     string         `yaml:"sourceURL,omitempty"`
	Config        map[string]any `yaml:"config"`
	RuntimeConfig map[string]any `yaml:"runtimeConfig"`
}

// subprocess is the runtimeConfig of a plugin that is a program (helm: internal/plugin/runtime_subprocess.go).
type subprocess struct {
	PlatformCommand  []platformCommand            `yaml:"platformCommand"`
	PlatformHooks    map[string][]platformCommand `yaml:"platformHooks"`
	ProtocolCommands []protocolCommand            `yaml:"protocolCommands,omitempty"`
}

type protocolCommand struct {
	Protocols       []string          `yaml:"protocols"`
	PlatformCommand []platformCommand `yaml:"platformCommand"`
}

// configs are what the types of plugins have in config, decoded strictly (helm: internal/plugin/config.go).
var configs = map[string]func() any{
	"test/v1": func() any { return &struct{}{} },
	TypeCLI: func() any {
		return &struct {
			Usage       string `yaml:"usage"`
			ShortHelp   string `yaml:"shortHelp"`
			LongHelp    string `yaml:"longHelp"`
			IgnoreFlags bool   `yaml:"ignoreFlags"`
		}{}
	},
	TypeGetter:       func() any { return &getterConfig{} },
	TypePostRenderer: func() any { return &struct{}{} },
}

type getterConfig struct {
	Protocols []string `yaml:"protocols"`
}

var validName = regexp.MustCompile("^[A-Za-z0-9_-]+$")

// Load reads the plugin in a directory (helm: internal/plugin/loader.go, LoadDir).
func Load(directory string) (*Plugin, error) {
	file := filepath.Join(directory, FileName)
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("failed to read plugin at %q: %w", file, err)
	}
	read, err := parse(text)
	if err != nil {
		return nil, fmt.Errorf("failed to load plugin %q: %w", directory, err)
	}
	if read.Runtime == RuntimeWasm {
		if binary := filepath.Join(directory, "plugin.wasm"); !exists(binary) {
			return nil, fmt.Errorf("wasm binary missing for extism/v1 plugin: %q", binary)
		}
	}
	read.Directory = directory
	return read, nil
}

// All reads the plugins in a directory of plugins; what can not be read is logged, as helm does it.
func All(directory string, log *slog.Logger) ([]*Plugin, error) {
	files, err := filepath.Glob(filepath.Join(directory, "*", FileName))
	if err != nil {
		return nil, fmt.Errorf("failed to search for plugins in %q: %w", directory, err)
	}
	found, places := make([]*Plugin, 0, len(files)), map[string]string{}
	for _, file := range files {
		one, err := Load(filepath.Dir(file))
		if err != nil {
			log.Warn("failed to load plugin (ignoring)", slog.String("plugin_yaml", file), slog.Any("error", err))
			continue
		}
		found = append(found, one)
	}
	for _, one := range found {
		if other, taken := places[one.Name]; taken {
			return nil, fmt.Errorf("two plugins claim the name %q at %q and %q", one.Name, other, one.Directory)
		}
		places[one.Name] = one.Directory
	}
	return found, nil
}

// Find reads the plugins in several directories of plugins.
func Find(directories []string, log *slog.Logger) ([]*Plugin, error) {
	var found []*Plugin
	for _, directory := range directories {
		some, err := All(directory, log)
		if err != nil {
			return nil, err
		}
		found = append(found, some...)
	}
	return found, nil
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func parse(text []byte) (*Plugin, error) {
	var peeked description
	if err := yaml.NewDecoder(bytes.NewReader(text)).Decode(&peeked); err != nil {
		return nil, fmt.Errorf("failed to peek %s API version: %w", FileName, err)
	}
	switch peeked.APIVersion {
	case "":
		return parseLegacy(text)
	case "v1":
		return parseVersioned(text)
	}
	return nil, fmt.Errorf("invalid plugin apiVersion: %q", peeked.APIVersion)
}

func parseLegacy(text []byte) (*Plugin, error) {
	var read legacy
	if err := yaml.NewDecoder(bytes.NewReader(text)).Decode(&read); err != nil {
		return nil, err
	}
	if !validName.MatchString(read.Name) {
		return nil, fmt.Errorf("invalid plugin name %q: must contain only a-z, A-Z, 0-9, _ and -", read.Name)
	}
	if read.Version != "" && !validVersion(read.Version) {
		return nil, fmt.Errorf("invalid plugin version %q: must be valid semver", read.Version)
	}
	if len(read.PlatformCommand) > 0 && read.Command != "" {
		return nil, errors.New("both platformCommand and command are set")
	}
	if len(read.PlatformHooks) > 0 && len(read.Hooks) > 0 {
		return nil, errors.New("both platformHooks and hooks are set")
	}
	made := &Plugin{
		APIVersion: legacyAPI, Name: read.Name, Version: read.Version, Type: TypeCLI, Runtime: RuntimeSubprocess,
		commands: read.PlatformCommand,
	}
	if len(made.commands) == 0 && read.Command != "" {
		made.commands = []platformCommand{{Command: read.Command}}
	}
	for number, one := range read.Downloaders {
		switch {
		case one.Command == "":
			return nil, fmt.Errorf("downloader %d has empty command", number)
		case len(one.Protocols) == 0:
			return nil, fmt.Errorf("downloader %d has no protocols", number)
		case slices.Contains(one.Protocols, ""):
			return nil, fmt.Errorf("downloader %d has empty protocol at index %d", number, slices.Index(one.Protocols, ""))
		}
		made.Type = TypeGetter
		made.Protocols = append(made.Protocols, one.Protocols...)
		made.protocols = append(made.protocols, protocolCommand{one.Protocols, []platformCommand{{Command: one.Command}}})
	}
	return made, nil
}

func parseVersioned(text []byte) (*Plugin, error) {
	var read versioned
	strict := yaml.NewDecoder(bytes.NewReader(text))
	strict.KnownFields(true)
	if err := strict.Decode(&read); err != nil {
		return nil, err
	}
	switch {
	case !validName.MatchString(read.Name):
		return nil, errors.New("invalid plugin `name`")
	case read.Version == "":
		return nil, errors.New("plugin `version` is required")
	case !validVersion(read.Version):
		return nil, fmt.Errorf("invalid plugin `version` %q: must be valid semver", read.Version)
	case read.Type == "":
		return nil, errors.New("`type` missing")
	case read.Runtime == "":
		return nil, errors.New("`runtime` missing")
	}
	made := &Plugin{
		APIVersion: read.APIVersion, Name: read.Name, Version: read.Version, Type: read.Type, Runtime: read.Runtime,
		SourceURL: read.SourceURL,
	}
	known, found := configs[read.Type]
	if !found {
		return nil, fmt.Errorf("unknown plugin type %q", read.Type)
	}
	config := known()
	if err := again(read.Config, config, true); err != nil {
		return nil, err
	}
	if getter, is := config.(*getterConfig); is {
		switch {
		case len(getter.Protocols) == 0:
			return nil, errors.New("config validation failed: getter has no protocols")
		case slices.Contains(getter.Protocols, ""):
			return nil, fmt.Errorf("config validation failed: getter has empty protocol at index %d", slices.Index(getter.Protocols, ""))
		}
		made.Protocols = getter.Protocols
	}
	switch read.Runtime {
	case RuntimeWasm: // run by Helm's own
	case RuntimeSubprocess:
		var runtime subprocess
		if err := again(read.RuntimeConfig, &runtime, false); err != nil {
			return nil, fmt.Errorf("failed to unmarshal runtimeConfig for %s runtime: %w", read.Runtime, err)
		}
		made.commands, made.protocols = runtime.PlatformCommand, runtime.ProtocolCommands
	default:
		return nil, fmt.Errorf("unsupported plugin runtime type: %q", read.Runtime)
	}
	return made, nil
}

// again decodes what was decoded as anything into what it is.
func again(read map[string]any, into any, strict bool) error {
	text, err := yaml.Marshal(read)
	if err != nil {
		return err
	}
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	decoder.KnownFields(strict)
	return decoder.Decode(into)
}

func validVersion(version string) bool {
	_, err := semver.StrictNewVersion(version)
	return err == nil
}

// LoadArchive reads the plugin in a gzipped archive (helm: internal/plugin/sign.go, ExtractTgzPluginMetadata).
func LoadArchive(content []byte) (*Plugin, error) {
	unpacked, err := gzip.NewReader(bytes.NewReader(content))
	if err != nil {
		return nil, err
	}
	defer unpacked.Close()
	for archive := tar.NewReader(unpacked); ; {
		header, err := archive.Next()
		switch {
		case errors.Is(err, io.EOF):
			return nil, fmt.Errorf("%s not found in tarball", FileName)
		case err != nil:
			return nil, err
		case filepath.Base(header.Name) == FileName:
			text, err := io.ReadAll(io.LimitReader(archive, descriptionLimit))
			if err != nil {
				return nil, err
			}
			return parse(text)
		}
	}
}

// descriptionLimit is how large a plugin.yaml may be.
const descriptionLimit = 1 << 20
