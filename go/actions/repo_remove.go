package actions

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"helm.sh/helm/v4/pkg/helmpath"
	"helm.sh/helm/v4/pkg/repo/v1"

	"github.com/helm-sdkpy/helm-sdkpy/go/bridge"
	"github.com/helm-sdkpy/helm-sdkpy/go/session"
)

// RepoRemoveRequest are the arguments of `helm repo remove`.
type RepoRemoveRequest struct {
	Name []string `json:"name"`
}

// Validate refuses what can be known to be wrong before anything is done.
func (r RepoRemoveRequest) Validate() error {
	if len(r.Name) == 0 {
		return invalid("name", "is empty: name the repositories to remove")
	}
	return nil
}

// RepoRemove does what `helm repo remove` does, for all names or, where one of them is unknown, for none: the command has
// then removed those before it.
func RepoRemove(op *bridge.Operation, config *session.Configuration, request RepoRemoveRequest) ([]Repository, error) {
	t := begin(op, config, "repo remove")
	if file, err := t.repositories(); errors.Is(err, fs.ErrNotExist) || err == nil && len(file.Repositories) == 0 {
		return nil, noRepositories()
	}
	var removed []Repository
	err := t.changeRepositories(func(file *repo.File) (commit func() error, err error) {
		if removed, err = remove(file, request.Name); err != nil {
			return nil, err
		}
		return func() error { return nil }, nil
	})
	if err != nil {
		return nil, err
	}
	for _, one := range removed {
		if err := removeIndex(config.Settings().RepositoryCache, one.Name); err != nil {
			return removed, err
		}
	}
	return removed, nil
}

func noRepositories() error {
	return repositoryError(nil, "no repositories configured (add one with RepoAdd)")
}

// remove takes all the names off the list.
func remove(file *repo.File, names []string) ([]Repository, error) {
	var removed []Repository
	for i, name := range names {
		if slices.Contains(names[:i], name) {
			continue
		}
		entry := file.Get(name)
		if entry == nil {
			missing := repositoryError(nil, "no repo named %q found (nothing was removed)", name)
			missing.Details = map[string]any{"repository": name}
			return nil, missing
		}
		removed = append(removed, shown(entry))
		file.Remove(name)
	}
	return removed, nil
}

// removeIndex removes what the cache has of a repository (helm: pkg/cmd/repo_remove.go, removeRepoCache).
func removeIndex(cache, name string) error {
	_ = os.Remove(filepath.Join(cache, helmpath.CacheChartsFile(name))) // as helm: it may not be there
	index := filepath.Join(cache, helmpath.CacheIndexFile(name))
	if err := os.Remove(index); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return repositoryError(err, "%q was removed, but not its index: %v", name, err)
	}
	return nil
}
