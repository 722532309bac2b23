package actions

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"strings"
	"time"

	"helm.sh/helm/v4/pkg/repo/v1"

	"github.com/helm-sdkpy/helm-sdkpy/go/bridge"
	"github.com/helm-sdkpy/helm-sdkpy/go/session"
)

// RepoAddRequest are the arguments of `helm repo add`.
type RepoAddRequest struct {
	Name                  string   `json:"name"`
	URL                   string   `json:"url"`
	Username              string   `json:"username"`
	Password              string   `json:"password"`
	InsecureSkipTLSVerify bool     `json:"insecure_skip_tls_verify"`
	PassCredentials       bool     `json:"pass_credentials"`
	CertFile              string   `json:"cert_file"`
	KeyFile               string   `json:"key_file"`
	CAFile                string   `json:"ca_file"`
	AllowDeprecatedRepos  bool     `json:"allow_deprecated_repos"`
	ForceUpdate           bool     `json:"force_update"`
	Timeout               *float64 `json:"timeout"`
}

// deprecatedRepositories are gone, and where their charts are now (helm: pkg/cmd/repo_add.go).
var deprecatedRepositories = []struct{ old, now string }{
	{"//kubernetes-charts.storage.googleapis.com", "https://charts.helm.sh/stable"},
	{"//kubernetes-charts-incubator.storage.googleapis.com", "https://charts.helm.sh/incubator"},
}

// Validate refuses what can be known to be wrong before anything is done.
func (r RepoAddRequest) Validate() error {
	switch {
	case r.Name == "":
		return invalid("name", "is empty: give the repository a name")
	case strings.Contains(r.Name, "/"):
		return invalid("name", "is refused: repository name (%s) contains '/', please specify a different name without '/'", r.Name)
	case r.URL == "":
		return invalid("url", "is empty: give the address that index.yaml is under")
	case r.Username != "" && r.Password == "":
		return invalid("password", "is missing: username needs one, and nothing is read from a terminal")
	}
	for _, gone := range deprecatedRepositories {
		if !r.AllowDeprecatedRepos && strings.Contains(r.URL, gone.old) {
			return invalid("url", "is refused: repo %q is no longer available; try %q instead, or set allow_deprecated_repos=True",
				withoutSecrets(r.URL, r.entry()), gone.now)
		}
	}
	return validTimeout(r.Timeout)
}

func validTimeout(timeout *float64) error {
	if timeout != nil && (*timeout < 0 || *timeout > math.MaxInt64/float64(time.Second)) {
		return invalid("timeout", "is %v: it must be a number of seconds, 0 or more", *timeout)
	}
	return nil
}

func (r RepoAddRequest) entry() *repo.Entry {
	return &repo.Entry{
		Name: r.Name, URL: r.URL, Username: r.Username, Password: r.Password, PassCredentialsAll: r.PassCredentials,
		CertFile: r.CertFile, KeyFile: r.KeyFile, CAFile: r.CAFile, InsecureSkipTLSVerify: r.InsecureSkipTLSVerify,
	}
}

// AddedRepository is what became of a repository that was added.
type AddedRepository struct {
	Name   string `json:"name"`
	URL    string `json:"url"`
	Status string `json:"status"`
	Charts int    `json:"charts"`
}

// The statuses of a repository that was added.
const (
	repositoryAdded     = "added"
	repositoryReplaced  = "replaced"
	repositoryUnchanged = "unchanged"
)

// RepoAdd does what `helm repo add` does. The index is downloaded before the list is locked, so that nobody waits for a
// slow repository; what is refused leaves list and cache as they were.
func RepoAdd(op *bridge.Operation, config *session.Configuration, request RepoAddRequest) (AddedRepository, error) {
	t := begin(op, config, "repo add")
	entry := request.entry()
	result := AddedRepository{Name: entry.Name, URL: entry.URL}
	file, err := t.repositories()
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return result, err
	}
	if result.Status, err = standing(file, entry, request.ForceUpdate); err != nil || result.Status == repositoryUnchanged {
		return result, err
	}
	t.phase("downloading")
	fetched, err := t.fetchIndex(entry, seconds(request.Timeout, indexTimeout))
	if err != nil {
		return result, repositoryProblem(entry, fmt.Sprintf("looks like %q is not a valid chart repository or cannot be reached: ", entry.URL), err)
	}
	result.Charts = len(fetched.catalog.Entries())
	discard := func() {}
	defer func() { discard() }()
	err = t.changeRepositories(func(file *repo.File) (commit func() error, err error) {
		// Others may have been faster.
		if result.Status, err = standing(file, entry, request.ForceUpdate); err != nil || result.Status == repositoryUnchanged {
			return nil, err
		}
		file.Update(entry)
		commit, discard, err = t.stageIndex(fetched)
		return commit, err
	})
	return result, err
}

// standing is what adding the entry to the list would be: added, replaced, unchanged, or refused.
func standing(file *repo.File, entry *repo.Entry, force bool) (string, error) {
	existing := file.Get(entry.Name)
	switch {
	case existing == nil:
		return repositoryAdded, nil
	case force:
		return repositoryReplaced, nil
	case *existing == *entry:
		return repositoryUnchanged, nil
	}
	refused := repositoryError(nil, "repository name (%s) already exists, please specify a different name (or set force_update=True to replace it)", entry.Name)
	refused.Details = map[string]any{"repository": entry.Name, "url": withoutSecrets(existing.URL, existing)}
	return "", refused
}
