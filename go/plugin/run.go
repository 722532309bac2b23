package plugin

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/helm-sdkpy/helm-sdkpy/go/child"
)

// Fetch is what a getter is asked for.
type Fetch struct {
	Address, Protocol         string
	CertFile, KeyFile, CAFile string
	Username, Password        string
	PassCredentials           bool
}

// PostRender has the plugin change manifests (helm: internal/plugin/runtime_subprocess.go, runPostrenderer).
func (p *Plugin) PostRender(ctx context.Context, log *slog.Logger, environment map[string]string, find Finder, arguments []string, manifests []byte) ([]byte, error) {
	environment = p.own(environment)
	path, arguments, err := prepare(p.commands, true, arguments, environment)
	if err != nil {
		return nil, fmt.Errorf("failed to prepare plugin command: %w", err)
	}
	if path, err = find.path(path); err != nil {
		return nil, err
	}
	return p.run(ctx, log, child.Program{
		Path: path, Arguments: arguments, Environment: child.List(environment), Input: bytes.NewReader(manifests),
	})
}

// Get has the plugin fetch something (helm: internal/plugin/runtime_subprocess_getter.go, runGetter).
func (p *Plugin) Get(ctx context.Context, log *slog.Logger, environment map[string]string, fetch Fetch) ([]byte, error) {
	environment = p.own(environment)
	environment["HELM_PLUGIN_USERNAME"] = fetch.Username
	environment["HELM_PLUGIN_PASSWORD"] = fetch.Password
	environment["HELM_PLUGIN_PASS_CREDENTIALS_ALL"] = strconv.FormatBool(fetch.PassCredentials)
	number := slices.IndexFunc(p.protocols, func(one protocolCommand) bool { return slices.Contains(one.Protocols, fetch.Protocol) })
	if number < 0 {
		return nil, fmt.Errorf("no downloader found for protocol %q", fetch.Protocol)
	}
	path, arguments, err := prepare(p.protocols[number].PlatformCommand, false, nil, environment)
	if err != nil {
		return nil, fmt.Errorf("failed to prepare commands for protocol %q: %w", fetch.Protocol, err)
	}
	return p.run(ctx, log, child.Program{
		Path: filepath.Join(p.Directory, path), Environment: child.List(environment),
		Arguments: append(arguments, fetch.CertFile, fetch.KeyFile, fetch.CAFile, fetch.Address),
	})
}

// own is the environment with what a plugin is told of itself.
func (p *Plugin) own(environment map[string]string) map[string]string {
	environment = maps.Clone(environment)
	if environment == nil {
		environment = map[string]string{}
	}
	environment["HELM_PLUGIN_NAME"] = p.Name
	environment["HELM_PLUGIN_DIR"] = p.Directory
	return environment
}

func (p *Plugin) run(ctx context.Context, log *slog.Logger, program child.Program) ([]byte, error) {
	log = log.With(slog.String("plugin", p.Name))
	log.Debug("executing plugin command", slog.String("command", program.Path))
	program.Line = func(line string) { log.Info(line) }
	output, err := child.Run(ctx, program)
	var failure *child.Failure
	if errors.As(err, &failure) {
		return nil, fmt.Errorf("plugin %q exited with error: %w", p.Name, failure)
	}
	return output, err
}

// Finder finds a program by its name on the PATH of the environment that it will have, not of Go's own.
type Finder func(name string) (path string, found bool)

func (f Finder) path(name string) (string, error) {
	path, found := f(name)
	if !found {
		return "", &exec.Error{Name: name, Err: exec.ErrNotFound}
	}
	return path, nil
}
