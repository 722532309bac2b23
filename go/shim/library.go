package main

import (
	"runtime"
	"runtime/debug"
	"strings"

	"helm.sh/helm/v4/pkg/chart/common"

	"github.com/helm-sdkpy/helm-sdkpy/go/bridge"
	"github.com/helm-sdkpy/helm-sdkpy/go/session"
)

// version is the package's, stamped by the build (scripts/build.py).
var version = "unstamped"

// state is all that the library keeps between two calls.
type state struct {
	runtime        *bridge.Runtime
	sessions       *session.Pool
	configurations *bridge.Handles[*session.Configuration]
}

func newLibrary() *state {
	s := &state{
		runtime:        bridge.NewRuntime(),
		sessions:       session.NewPool(),
		configurations: bridge.NewHandles[*session.Configuration](),
	}
	settle(s.runtime.Logs())
	return s
}

// create opens a configuration and gives its handle.
func (s *state) create(text []byte) (any, error) {
	var options session.Options
	if err := bridge.Decode(text, &options); err != nil {
		return nil, err
	}
	configuration, err := s.sessions.Open(options)
	if err != nil {
		return nil, err
	}
	return map[string]uint64{"handle": s.configurations.Add(configuration)}, nil
}

// destroy closes a configuration, which is done when nothing runs on it any more but what was abandoned; that is counted.
func (s *state) destroy(handle uint64) (any, error) {
	configuration, err := s.configurations.Remove(handle)
	if err != nil {
		return nil, err
	}
	if err := configuration.Close(); err != nil {
		return nil, err
	}
	if abandoned := s.runtime.AbandonedOn(handle); abandoned > 0 {
		return map[string]int{"abandoned": abandoned}, nil
	}
	return nil, nil
}

// env is what `helm env` prints of a configuration.
func (s *state) env(handle uint64) (any, error) {
	configuration, err := s.configurations.Get(handle)
	if err != nil {
		return nil, err
	}
	return configuration.Env(), nil
}

// versions says what the library is made of.
func versions() (any, error) {
	return map[string]string{
		"helm":       common.DefaultCapabilities.HelmVersion.Version,
		"kubernetes": kubernetesVersion(),
		"go":         runtime.Version(),
		"library":    version,
	}, nil
}

// kubernetesVersion is that of the client: Kubernetes 1.X.Y has the modules v0.X.Y. Helm's own capabilities tell no patch.
func kubernetesVersion() string {
	if build, ok := debug.ReadBuildInfo(); ok {
		for _, module := range build.Deps {
			if module.Path == "k8s.io/client-go" {
				return strings.Replace(module.Version, "v0.", "v1.", 1)
			}
		}
	}
	return common.DefaultCapabilities.KubeVersion.Version
}
