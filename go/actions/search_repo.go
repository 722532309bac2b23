package actions

import (
	"errors"
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"sync"

	"github.com/Masterminds/semver/v3"
	"helm.sh/helm/v4/pkg/helmpath"
	"helm.sh/helm/v4/pkg/repo/v1"

	"github.com/helm-sdkpy/helm-sdkpy/go/bridge"
	"github.com/helm-sdkpy/helm-sdkpy/go/catalog"
	"github.com/helm-sdkpy/helm-sdkpy/go/session"
)

// SearchRepoRequest are the arguments of `helm search repo`.
type SearchRepoRequest struct {
	Keyword  string `json:"keyword"`
	Regexp   bool   `json:"regexp"`
	Version  string `json:"version"`
	Versions bool   `json:"versions"`
	Devel    bool   `json:"devel"`
}

// Validate refuses what can be known to be wrong before anything is done.
func (r SearchRepoRequest) Validate() error {
	_, err := r.query()
	return err
}

func (r SearchRepoRequest) query() (catalog.Query, error) {
	query := catalog.Query{Keyword: r.Keyword, Versions: r.Versions}
	if r.Regexp {
		pattern, err := regexp.Compile(r.Keyword)
		if err != nil {
			return query, invalid("keyword", "is no regular expression: %v", err)
		}
		query.Pattern = pattern
	}
	// helm: pkg/cmd/search_repo.go, setupSearchedVersion
	version := r.Version
	if version == "" {
		version = ">0.0.0"
		if r.Devel {
			version = ">0.0.0-0"
		}
	}
	constraint, err := semver.NewConstraint(version)
	if err != nil {
		return query, invalid("version", "is an invalid version/constraint format: %v", err)
	}
	query.Constraint = constraint
	return query, nil
}

// SearchRepo does what `helm search repo` does, over what is kept of the indexes since they were last read.
func SearchRepo(op *bridge.Operation, config *session.Configuration, request SearchRepoRequest) ([]catalog.Row, error) {
	t := begin(op, config, "search repo")
	query, err := request.query()
	if err != nil {
		return nil, err
	}
	file, err := t.repositories()
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if len(file.Repositories) == 0 {
		return nil, noRepositories()
	}
	catalogs := t.catalogs(file)
	if err := op.Context().Err(); err != nil {
		return nil, err
	}
	return catalog.Search(catalogs, query), nil
}

// catalogs reads the indexes of all repositories; of one that can not be read it is said in the log, as the command does.
func (t *task) catalogs(file *repo.File) []*catalog.Catalog {
	cache := t.config.Settings().RepositoryCache
	read := make([]*catalog.Catalog, len(file.Repositories))
	var group sync.WaitGroup
	for i, entry := range file.Repositories {
		if file.Get(entry.Name) != entry {
			continue // a second one of the name, whose index is the same file
		}
		group.Go(func() {
			path := filepath.Join(cache, helmpath.CacheIndexFile(entry.Name))
			var err error
			if read[i], err = t.config.Catalogs().Read(t.op.Context(), entry.Name, path, t.log); err != nil {
				t.log.Warn("repo is corrupt or missing (update it with RepoUpdate)", "repo", entry.Name, "error", err)
			}
		})
	}
	group.Wait()
	return slices.DeleteFunc(read, func(one *catalog.Catalog) bool { return one == nil })
}
