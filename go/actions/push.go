package actions

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path"
	"strings"
	"time"

	chart "helm.sh/helm/v4/pkg/chart/v2"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
	"helm.sh/helm/v4/pkg/registry"

	"github.com/helm-sdkpy/helm-sdkpy/go/bridge"
	"github.com/helm-sdkpy/helm-sdkpy/go/session"
)

// PushRequest are the arguments of `helm push`.
type PushRequest struct {
	ChartPath    string `json:"chart_path"`
	ChartArchive []byte `json:"chart_archive"`
	Remote       string `json:"remote"`
	AccessOptions
}

// Validate refuses what can be known to be wrong before anything is done.
func (r PushRequest) Validate() error {
	if strings.TrimSpace(r.ChartPath) == "" && len(r.ChartArchive) == 0 {
		return invalid("chart_path", "is empty: give a chart's archive")
	}
	// As uploader.ChartUploader.UploadTo, whose only pusher is the one for OCI.
	address, err := url.Parse(r.Remote)
	switch {
	case err != nil:
		return invalid("remote", "has an invalid chart URL format: %s", r.Remote)
	case address.Scheme == "":
		return invalid("remote", "has no scheme: scheme prefix missing from remote (e.g. \"%s://\")", registry.OCIScheme)
	case address.Scheme == registry.OCIScheme && address.Host == "":
		return invalid("remote", "is %s, which names no host", r.Remote)
	case address.Scheme != registry.OCIScheme:
		return invalid("remote", "can not be pushed to: scheme %q not supported, only %s://", address.Scheme, registry.OCIScheme)
	}
	return nil
}

// PushResult is what a registry holds now.
type PushResult struct {
	Ref        string  `json:"ref"`
	Digest     string  `json:"digest"`
	Name       string  `json:"name"`
	Version    string  `json:"version"`
	Size       int64   `json:"size"`
	Chart      string  `json:"chart_digest"`
	Provenance *string `json:"provenance_digest"`
}

// Push does what `helm push` does: it uploads a chart's archive, with the provenance file beside it, to a registry.
func Push(op *bridge.Operation, config *session.Configuration, request PushRequest) (PushResult, error) {
	t := begin(op, config, "push")
	t.phase("loading")
	pushed, err := request.read()
	if err != nil {
		return PushResult{}, err
	}
	access, err := t.access(request.AccessOptions)
	if err != nil {
		return PushResult{}, err
	}
	t.phase("pushing")
	answer, err := access.Client.Push(pushed.archive, pushed.reference, pushed.options...)
	if err != nil {
		return PushResult{}, registryError(err, map[string]any{"ref": pushed.reference})
	}
	result := PushResult{
		Ref: answer.Ref, Digest: answer.Manifest.Digest, Name: pushed.name, Version: pushed.version,
		Size: answer.Chart.Size, Chart: answer.Chart.Digest,
	}
	if answer.Prov.Digest != "" {
		result.Provenance = &answer.Prov.Digest
	}
	return result, nil
}

// upload is a chart as it goes to a registry.
type upload struct {
	name, version string
	reference     string
	archive       []byte
	options       []registry.PushOption
}

// read reads the archive and what is beside it (helm: pkg/pusher/ocipusher.go, which makes clients of its own).
func (r PushRequest) read() (upload, error) {
	read := upload{archive: r.ChartArchive}
	load := func() (*chart.Chart, error) { return loader.LoadArchive(bytes.NewReader(read.archive)) }
	if len(read.archive) == 0 {
		if err := read.files(r.ChartPath); err != nil {
			return upload{}, err
		}
		load = func() (*chart.Chart, error) { return loader.LoadFile(r.ChartPath) }
	}
	parsed, err := load()
	if err != nil {
		return upload{}, chartInvalid(ChartSource{ChartPath: r.ChartPath}, err)
	}
	read.name, read.version = parsed.Metadata.Name, parsed.Metadata.Version
	address, err := url.Parse(r.Remote)
	if err != nil {
		return upload{}, err
	}
	prefix := strings.TrimPrefix(address.String(), registry.OCIScheme+"://")
	read.reference = fmt.Sprintf("%s:%s", path.Join(prefix, read.name), read.version)
	return read, nil
}

func (u *upload) files(name string) error {
	info, err := os.Stat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return &bridge.Error{
			Code: codeChartNotFound, Message: name + ": no such file", Details: map[string]any{"chart": name}, Cause: err,
		}
	case err != nil:
		return chartInvalid(ChartSource{ChartPath: name}, err)
	case info.IsDir():
		return invalid("chart_path", "is a directory (%s): cannot push directory, must provide chart archive (.tgz)", name)
	}
	if u.archive, err = os.ReadFile(name); err != nil {
		return chartInvalid(ChartSource{ChartPath: name}, err)
	}
	u.options = append(u.options, registry.PushOptCreationTime(info.ModTime().Format(time.RFC3339)))
	provenance, err := os.ReadFile(name + ".prov")
	if err == nil {
		u.options = append(u.options, registry.PushOptProvData(provenance))
	} else if !errors.Is(err, fs.ErrNotExist) {
		return &bridge.Error{Code: codeProvenance, Message: fmt.Sprintf("provenance of %s: %v", name, err), Cause: err}
	}
	return nil
}
