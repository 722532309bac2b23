package actions

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"sync"

	"helm.sh/helm/v4/pkg/repo/v1"

	"github.com/helm-sdkpy/helm-sdkpy/go/bridge"
	"github.com/helm-sdkpy/helm-sdkpy/go/session"
)

// RepoUpdateRequest are the arguments of `helm repo update`.
type RepoUpdateRequest struct {
	Name    []string `json:"name"`
	Timeout *float64 `json:"timeout"`
}

// Validate refuses what can be known to be wrong before anything is done.
func (r RepoUpdateRequest) Validate() error { return validTimeout(r.Timeout) }

// UpdatedRepository is what became of one repository of an update.
type UpdatedRepository struct {
	Name   string `json:"name"`
	URL    string `json:"url"`
	Charts int    `json:"charts"`
}

// updatesAtOnce bounds the downloads of one update; helm has no bound.
const updatesAtOnce = 16

// RepoUpdate does what `helm repo update` does: of several repositories those that can be read are updated, and the error
// says which could not.
func RepoUpdate(op *bridge.Operation, config *session.Configuration, request RepoUpdateRequest) ([]UpdatedRepository, error) {
	t := begin(op, config, "repo update")
	entries, err := t.toUpdate(request.Name)
	if err != nil {
		return nil, err
	}
	t.phase("downloading")
	updated := make([]UpdatedRepository, len(entries))
	failed := make([]*bridge.Error, len(entries))
	free := make(chan struct{}, updatesAtOnce)
	var group sync.WaitGroup
	for i, entry := range entries {
		group.Go(func() {
			free <- struct{}{}
			defer func() { <-free }()
			err := bridge.Guard("repo update", func() (err error) {
				updated[i], err = t.update(entry, request)
				return err
			})
			if err != nil {
				failed[i] = repositoryProblem(entry, "", err)
				t.log.Warn("unable to get an update from the chart repository", "repository", entry.Name, "error", failed[i].Message)
				return
			}
			t.log.Info("successfully got an update from the chart repository", "repository", entry.Name)
		})
	}
	group.Wait()
	return updated, failures(entries, failed)
}

// toUpdate are the repositories with the names, or all, in the list's order.
func (t *task) toUpdate(names []string) ([]*repo.Entry, error) {
	file, err := t.repositories()
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if len(file.Repositories) == 0 {
		return nil, repositoryError(nil, "no repositories found. You must add one before updating")
	}
	if len(names) == 0 {
		return file.Repositories, nil
	}
	for _, name := range names {
		if file.Get(name) == nil {
			missing := repositoryError(nil, "no repositories found matching '%s'.  Nothing will be updated", name)
			missing.Details = map[string]any{"repository": name}
			return nil, missing
		}
	}
	return slices.DeleteFunc(file.Repositories, func(entry *repo.Entry) bool { return !slices.Contains(names, entry.Name) }), nil
}

func (t *task) update(entry *repo.Entry, request RepoUpdateRequest) (UpdatedRepository, error) {
	fetched, err := t.fetchIndex(entry, seconds(request.Timeout, indexTimeout))
	if err != nil {
		return UpdatedRepository{}, err
	}
	commit, discard, err := t.stageIndex(fetched)
	defer discard()
	if err == nil {
		err = t.unlessGone(commit)
	}
	return UpdatedRepository{Name: entry.Name, URL: entry.URL, Charts: len(fetched.catalog.Entries())}, err
}

// failures is the error of an update; its code is that of all failures where they have the same one.
func failures(entries []*repo.Entry, failed []*bridge.Error) error {
	var addresses, reasons []string
	var details []map[string]any
	code := ""
	for i, err := range failed {
		if err == nil {
			continue
		}
		address := withoutSecrets(entries[i].URL, entries[i])
		addresses = append(addresses, address)
		reasons = append(reasons, fmt.Sprintf("%s: %s", entries[i].Name, err.Message))
		details = append(details, map[string]any{"name": entries[i].Name, "url": address, "code": err.Code, "message": err.Message})
		if code == "" || code == err.Code {
			code = err.Code
		} else {
			code = codeRepository
		}
	}
	if addresses == nil {
		return nil
	}
	return &bridge.Error{
		Code:    code,
		Message: fmt.Sprintf("failed to update the following repositories: %v\n%s", addresses, strings.Join(reasons, "\n")),
		Details: map[string]any{"failed": details},
	}
}
