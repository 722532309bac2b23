package actions

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	chartutil "helm.sh/helm/v4/pkg/chart/v2/util"

	"github.com/helm-sdkpy/helm-sdkpy/go/bridge"
)

// destination is where a chart that is pulled goes: a file in a directory, or what is unpacked of it.
type destination struct {
	directory string // absolute
	untar     bool
	into      string // what untardir says, absolute
	// marked is the directory that the command takes to be the chart's: it is named after the end of the reference, which
	// for a URL or a tag is not the chart's name (helm: pkg/action/pull.go, Run).
	marked, shown string
}

func destinationOf(request PullRequest, ref, here string) destination {
	into := request.UntarDir
	if into == "" {
		into = "."
	}
	if !filepath.IsAbs(into) {
		into = filepath.Join(request.Destination, into)
	}
	_, name := filepath.Split(ref)
	shown := name
	if into != "." {
		shown = filepath.Join(into, name)
	}
	absolute := func(path string) string {
		if filepath.IsAbs(path) {
			return path
		}
		return filepath.Join(here, path)
	}
	return destination{
		directory: absolute(request.Destination), untar: request.Untar, into: absolute(into), marked: absolute(shown), shown: shown,
	}
}

// check refuses what the command refuses, before anything is downloaded.
func (d destination) check() error {
	if !d.untar {
		return nil
	}
	if _, err := os.Lstat(d.marked); err == nil {
		return &bridge.Error{
			Code: codeInvalidArgument,
			Message: fmt.Sprintf("failed to untar: a file or directory with the name %s already exists "+
				"(remove it, or name another untardir)", d.shown),
			Details: map[string]any{"field": "untardir", "path": d.marked},
		}
	}
	return nil
}

// stage makes a directory on the file system that the chart goes to, so that it can be moved there whole.
func (d destination) stage() (string, error) {
	parent := d.directory
	if d.untar {
		parent = d.into
		for { // what is not there is made when the chart is
			if _, err := os.Stat(parent); err == nil || !errors.Is(err, fs.ErrNotExist) || parent == filepath.Dir(parent) {
				break
			}
			parent = filepath.Dir(parent)
		}
	}
	made, err := os.MkdirTemp(parent, ".pull-*")
	if err != nil {
		field := "destination"
		if d.untar {
			field = "untardir"
		}
		return "", &bridge.Error{
			Code: codeInvalidArgument, Message: fmt.Sprintf("%s can not be written to: %v", field, err),
			Details: map[string]any{"field": field, "path": parent}, Cause: err,
		}
	}
	return made, nil
}

// move puts a staged file in its place, over one that is there.
func (d destination) move(staged string) (string, error) {
	path := filepath.Join(d.directory, filepath.Base(staged))
	if err := os.Rename(staged, path); err != nil {
		return "", &bridge.Error{
			Code: codeInvalidArgument, Message: fmt.Sprintf("destination: %v", err),
			Details: map[string]any{"field": "destination", "path": path}, Cause: err,
		}
	}
	return path, nil
}

// unpack puts the chart's directory in its place and gives its path; nothing is done where that was not asked for.
func (d destination) unpack(ctx context.Context, staging, archive string) (string, error) {
	if !d.untar {
		return "", nil
	}
	unpacked := filepath.Join(staging, "unpacked")
	if err := os.Mkdir(unpacked, 0o755); err != nil {
		return "", err
	}
	if err := chartutil.ExpandFile(unpacked, archive); err != nil {
		return "", &bridge.Error{Code: codeChartInvalid, Message: fmt.Sprintf("failed to untar: %v", err), Cause: err}
	}
	if err := ctx.Err(); err != nil {
		return "", err
	}
	entries, err := os.ReadDir(unpacked)
	if err != nil {
		return "", err
	}
	if len(entries) != 1 {
		return "", fmt.Errorf("failed to untar: %d directories came of one chart", len(entries))
	}
	if err := os.MkdirAll(d.marked, 0o755); err != nil {
		return "", fmt.Errorf("failed to untar (mkdir): %w", err)
	}
	path := filepath.Join(d.into, entries[0].Name())
	if err := os.Rename(filepath.Join(unpacked, entries[0].Name()), path); err == nil {
		return path, nil
	}
	// A directory of the chart's name, which is not that of the reference, has something in it: the command writes over it.
	return path, chartutil.ExpandFile(d.into, archive)
}
