package repository

import (
	"archive/tar"
	"bytes"
	"cmp"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/Masterminds/semver/v3"
	"sigs.k8s.io/yaml"
)

// largestChartFile bounds what is read of an archive's Chart.yaml.
const largestChartFile = 1 << 20

// serveIndex sends the index.yaml that was asked for, or one made from the archives beside it at this moment.
func serveIndex(response http.ResponseWriter, request *http.Request, directory string) {
	directory = filepath.Join(directory, filepath.FromSlash(path.Dir(path.Clean("/"+request.URL.Path))))
	if info, err := os.Stat(directory); err != nil || !info.IsDir() {
		http.NotFound(response, request)
		return
	}
	content, err := os.ReadFile(filepath.Join(directory, indexName))
	if errors.Is(err, fs.ErrNotExist) {
		content, err = index(directory)
	}
	if err != nil {
		http.Error(response, err.Error(), http.StatusInternalServerError)
		return
	}
	response.Header().Set("Content-Type", "application/yaml")
	response.Header().Set("Content-Length", strconv.Itoa(len(content)))
	if request.Method != http.MethodHead {
		_, _ = response.Write(content)
	}
}

// index lists the archives in a directory as `helm repo index` does.
func index(directory string) ([]byte, error) {
	archives, err := filepath.Glob(filepath.Join(directory, "*.tgz"))
	if err != nil {
		return nil, fmt.Errorf("list charts: %w", err)
	}
	now := time.Now().UTC().Format(time.RFC3339Nano)
	entries := map[string][]map[string]any{}
	for _, archive := range archives {
		content, err := os.ReadFile(archive)
		if errors.Is(err, fs.ErrNotExist) {
			continue // It was deleted since the directory was read: tests share the directory.
		}
		if err != nil {
			return nil, fmt.Errorf("read chart: %w", err)
		}
		entry, err := metadata(content)
		if err != nil {
			return nil, fmt.Errorf("chart %s: %w", filepath.Base(archive), err)
		}
		digest := sha256.Sum256(content)
		entry["created"] = now
		entry["digest"] = hex.EncodeToString(digest[:])
		entry["urls"] = []string{filepath.Base(archive)}
		name, _ := entry["name"].(string)
		entries[name] = append(entries[name], entry)
	}
	for _, versions := range entries {
		slices.SortStableFunc(versions, newestFirst)
	}
	return yaml.Marshal(map[string]any{"apiVersion": "v1", "generated": now, "entries": entries})
}

// metadata is the Chart.yaml of an archive.
func metadata(archive []byte) (map[string]any, error) {
	plain, err := gzip.NewReader(bytes.NewReader(archive))
	if err != nil {
		return nil, fmt.Errorf("unpack: %w", err)
	}
	files := tar.NewReader(plain)
	for {
		header, err := files.Next()
		if errors.Is(err, io.EOF) {
			return nil, errors.New("no Chart.yaml in it")
		}
		if err != nil {
			return nil, fmt.Errorf("unpack: %w", err)
		}
		// The chart's own, not a dependency's: NAME/Chart.yaml.
		if name := path.Clean(header.Name); path.Base(name) != "Chart.yaml" || path.Dir(path.Dir(name)) != "." {
			continue
		}
		content, err := io.ReadAll(io.LimitReader(files, largestChartFile))
		if err != nil {
			return nil, fmt.Errorf("unpack: %w", err)
		}
		var chart map[string]any
		if err := yaml.Unmarshal(content, &chart); err != nil {
			return nil, fmt.Errorf("read Chart.yaml: %w", err)
		}
		return chart, nil
	}
}

func newestFirst(a, b map[string]any) int {
	first, _ := a["version"].(string)
	second, _ := b["version"].(string)
	left, leftErr := semver.NewVersion(first)
	right, rightErr := semver.NewVersion(second)
	if leftErr != nil || rightErr != nil {
		return cmp.Compare(second, first)
	}
	return right.Compare(left)
}
