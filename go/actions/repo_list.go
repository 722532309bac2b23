package actions

import (
	"errors"
	"io/fs"

	"helm.sh/helm/v4/pkg/repo/v1"

	"github.com/helm-sdkpy/helm-sdkpy/go/bridge"
	"github.com/helm-sdkpy/helm-sdkpy/go/session"
)

// RepoListRequest are the arguments of `helm repo list`: there are none.
type RepoListRequest struct {
}

// Repository is an entry of helm's list of repositories, without the password.
type Repository struct {
	Name                  string `json:"name"`
	URL                   string `json:"url"`
	Username              string `json:"username,omitempty"`
	CertFile              string `json:"certFile,omitempty"`
	KeyFile               string `json:"keyFile,omitempty"`
	CAFile                string `json:"caFile,omitempty"`
	InsecureSkipTLSVerify bool   `json:"insecure_skip_tls_verify,omitempty"`
	PassCredentialsAll    bool   `json:"pass_credentials_all,omitempty"`
}

// RepoList does what `helm repo list` does. Where there is no list there are no repositories; one that can not be read is
// an error, which the command takes for an empty one.
func RepoList(op *bridge.Operation, config *session.Configuration, _ RepoListRequest) ([]Repository, error) {
	file, err := begin(op, config, "repo list").repositories()
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	listed := make([]Repository, 0, len(file.Repositories))
	for _, entry := range file.Repositories {
		listed = append(listed, shown(entry))
	}
	return listed, nil
}

func shown(entry *repo.Entry) Repository {
	return Repository{
		Name: entry.Name, URL: entry.URL, Username: entry.Username,
		CertFile: entry.CertFile, KeyFile: entry.KeyFile, CAFile: entry.CAFile,
		InsecureSkipTLSVerify: entry.InsecureSkipTLSVerify, PassCredentialsAll: entry.PassCredentialsAll,
	}
}
