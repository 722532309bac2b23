package actions

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"strings"
	"sync"

	chartv2 "helm.sh/helm/v4/pkg/chart/v2"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
	"helm.sh/helm/v4/pkg/provenance"
	"helm.sh/helm/v4/pkg/repo/v1"
	"sigs.k8s.io/yaml"

	"github.com/helm-sdkpy/helm-sdkpy/go/bridge"
	"github.com/helm-sdkpy/helm-sdkpy/go/session"
)

// RepoIndexRequest are the arguments of `helm repo index`.
type RepoIndexRequest struct {
	Directory string `json:"directory"`
	URL       string `json:"url"`
	Merge     string `json:"merge"`
	JSON      bool   `json:"json"`
}

// Validate refuses what can be known to be wrong before anything is done.
func (r RepoIndexRequest) Validate() error {
	if r.Directory == "" {
		return invalid("directory", "is empty: name the directory with the packaged charts")
	}
	return nil
}

// WrittenIndex is what `helm repo index` made.
type WrittenIndex struct {
	Path     string `json:"path"`
	Charts   int    `json:"charts"`
	Versions int    `json:"versions"`
}

// RepoIndex does what `helm repo index` does. Charts are read at once, as many as there are processors.
func RepoIndex(op *bridge.Operation, config *session.Configuration, request RepoIndexRequest) (WrittenIndex, error) {
	t := begin(op, config, "repo index")
	directory, err := filepath.Abs(request.Directory)
	if err != nil {
		return WrittenIndex{}, err
	}
	if info, err := os.Stat(directory); err != nil || !info.IsDir() {
		return WrittenIndex{}, invalid("directory", "%s is no directory", directory)
	}
	t.phase("indexing")
	index, err := t.index(directory, request.URL)
	if err != nil {
		return WrittenIndex{}, err
	}
	if request.Merge != "" {
		if err := t.merge(index, request); err != nil {
			return WrittenIndex{}, err
		}
	}
	index.SortEntries()
	result := WrittenIndex{Path: filepath.Join(directory, "index.yaml"), Charts: len(index.Entries)}
	for _, versions := range index.Entries {
		result.Versions += len(versions)
	}
	return result, t.writeIndex(index, result.Path, request.JSON)
}

// index makes the index of a directory (helm: pkg/repo/v1/index.go, IndexDirectory, which reads one chart after the other
// and can not be stopped).
func (t *task) index(directory, address string) (*repo.IndexFile, error) {
	var archives []string
	for _, pattern := range []string{"*.tgz", filepath.Join("**", "*.tgz")} {
		found, err := filepath.Glob(filepath.Join(escaped(directory), pattern))
		if err != nil {
			return nil, err
		}
		archives = append(archives, found...)
	}
	read, err := readArchives(t.op.Context(), archives)
	if err != nil {
		return nil, err
	}
	index := repo.NewIndexFile()
	for i, archive := range archives {
		if read[i].metadata == nil {
			t.log.Debug("not a chart", "file", archive, "error", read[i].err)
			continue
		}
		if err := read[i].err; err != nil {
			return nil, err
		}
		name, err := filepath.Rel(directory, archive)
		if err != nil {
			return nil, err
		}
		parent, name := filepath.Split(name)
		if err := index.MustAdd(read[i].metadata, name, joined(address, strings.TrimSuffix(parent, "/")), read[i].digest); err != nil {
			return nil, &bridge.Error{
				Code: codeChartInvalid, Message: fmt.Sprintf("failed adding to %s to index: %v", name, err), Cause: err,
				Details: map[string]any{"chart": archive},
			}
		}
	}
	return index, nil
}

// escaped lets a directory be one whatever its name: helm takes it for a pattern.
func escaped(directory string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(directory)
}

// joined is the address of a directory under the repository's (helm: internal/urlutil/urlutil.go, URLJoin).
func joined(address, directory string) string {
	parsed, err := url.Parse(address)
	if err != nil {
		return path.Join(address, directory)
	}
	parsed.Path = path.Join(parsed.Path, directory)
	return parsed.String()
}

type readArchive struct {
	metadata *chartv2.Metadata // nil: not a chart
	digest   string
	err      error
}

func readArchives(ctx context.Context, archives []string) ([]readArchive, error) {
	read := make([]readArchive, len(archives))
	next := make(chan int)
	var group sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		group.Go(func() {
			for i := range next {
				read[i].err = bridge.Guard("reading "+archives[i], func() (err error) {
					parsed, err := loader.Load(archives[i])
					if err != nil {
						return err
					}
					read[i].metadata = parsed.Metadata
					read[i].digest, err = provenance.DigestFile(archives[i])
					return err
				})
			}
		})
	}
	for i := range archives {
		select {
		case next <- i:
			continue
		case <-ctx.Done():
		}
		break
	}
	close(next)
	group.Wait()
	return read, ctx.Err()
}

// merge takes over what the other index has besides; where it is missing an empty one is made there, as the command does.
func (t *task) merge(index *repo.IndexFile, request RepoIndexRequest) error {
	if _, err := os.Stat(request.Merge); errors.Is(err, fs.ErrNotExist) {
		// The command goes on where it can not be written (helm: pkg/cmd/repo_index.go, index).
		if err := t.writeIndex(repo.NewIndexFile(), request.Merge, request.JSON); err != nil {
			t.log.Warn("the index to merge into is missing and can not be made", "file", request.Merge, "error", err)
		}
		return nil
	}
	other, err := repo.LoadIndexFile(request.Merge)
	if err != nil {
		return repositoryError(err, "merge failed: %v", err)
	}
	index.Merge(other)
	return nil
}

func (t *task) writeIndex(index *repo.IndexFile, place string, asJSON bool) error {
	text, err := yaml.Marshal(index)
	if asJSON {
		text, err = json.MarshalIndent(index, "", "  ")
	}
	if err != nil {
		return err
	}
	return t.unlessGone(func() error {
		if err := writeWhole(place, text, 0o644); err != nil {
			return repositoryError(err, "the index can not be written: %v", err)
		}
		return nil
	})
}
