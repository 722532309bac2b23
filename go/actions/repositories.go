package actions

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"helm.sh/helm/v4/pkg/repo/v1"
	"sigs.k8s.io/yaml"

	"github.com/helm-sdkpy/helm-sdkpy/go/bridge"
)

// repositoriesWait is how long helm waits for the lock on the list of repositories (helm: pkg/cmd/repo_add.go).
const repositoriesWait = 30 * time.Second

// repositories reads helm's list of repositories; fs.ErrNotExist where there is none.
func (t *task) repositories() (*repo.File, error) {
	path := t.config.Settings().RepositoryConfig
	text, err := os.ReadFile(path)
	file, unreadable := parseRepositories(path, text)
	// Helm writes it in place, so that for a moment it is empty or cut short (helm: pkg/repo/v1/repo.go, WriteFile).
	for try := 0; err == nil && (unreadable != nil || len(bytes.TrimSpace(text)) == 0) && try < 3; try++ {
		time.Sleep(5 * time.Millisecond)
		text, err = os.ReadFile(path)
		file, unreadable = parseRepositories(path, text)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return file, err
	}
	if err != nil {
		return file, repositoryError(err, "the list of repositories can not be read: %v", err)
	}
	return file, unreadable
}

func parseRepositories(path string, text []byte) (*repo.File, error) {
	file := &repo.File{}
	if err := yaml.Unmarshal(text, file); err != nil {
		// Not the parser's own words: they can quote the line, and a password on it.
		return &repo.File{}, repositoryError(nil, "failed loading file: %s: it is not a list of repositories as helm writes it (YAML)", path)
	}
	file.Repositories = slices.DeleteFunc(file.Repositories, func(entry *repo.Entry) bool { return entry == nil })
	return file, nil
}

// changeRepositories reads the list under helm's own lock, changes it and writes it; commit is done with the lock held,
// right before the list is replaced, and nothing is changed where either fails.
func (t *task) changeRepositories(change func(*repo.File) (commit func() error, err error)) error {
	path := t.config.Settings().RepositoryConfig
	unlock, err := t.config.LockFile(t.op.Context(), lockOf(path), repositoriesWait)
	if err != nil {
		return repositoryError(err, "the list of repositories can not be changed: %v", err)
	}
	defer unlock()
	file, err := t.repositories()
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	commit, err := change(file)
	if commit == nil || err != nil {
		return err
	}
	text, err := yaml.Marshal(file)
	if err != nil {
		return err
	}
	mode := fs.FileMode(0o600)
	if info, err := os.Stat(path); err == nil {
		mode = info.Mode().Perm()
	}
	list, err := stage(path, text, mode)
	if err != nil {
		return repositoryError(err, "the list of repositories can not be written: %v", err)
	}
	defer list.discard()
	return t.unlessGone(func() error {
		if err := commit(); err != nil {
			return err
		}
		if err := list.commit(); err != nil {
			return repositoryError(err, "the list of repositories can not be written: %v", err)
		}
		return nil
	})
}

// unlessGone does what writes, unless the caller was told that the operation ended.
func (t *task) unlessGone(write func() error) error {
	release := t.op.Hold()
	defer release()
	if err := t.op.Context().Err(); err != nil {
		return err
	}
	return write()
}

// lockOf is the lock of the list of repositories (helm: pkg/cmd/repo_add.go).
func lockOf(path string) string {
	if extension := filepath.Ext(path); extension != "" && len(extension) < len(path) {
		return strings.TrimSuffix(path, extension) + ".lock"
	}
	return path + ".lock"
}

// repositoryError is an error of the list of repositories or of one of them.
func repositoryError(cause error, format string, arguments ...any) *bridge.Error {
	return &bridge.Error{Code: codeRepository, Message: fmt.Sprintf(format, arguments...), Cause: cause}
}

// repositoryProblem says why a repository could not be read. No password is in it.
func repositoryProblem(entry *repo.Entry, beginning string, err error) *bridge.Error {
	code, advice := codeOfRepository(err)
	if code == codeRepository && strings.HasPrefix(entry.URL, "oci://") {
		advice = "a registry needs no entry: use oci://… as the chart"
	}
	message := beginning + err.Error()
	if advice != "" {
		message += " (" + advice + ")"
	}
	return &bridge.Error{
		Code: code, Message: withoutSecrets(message, entry), Cause: err,
		Details: map[string]any{"repository": entry.Name, "url": withoutSecrets(entry.URL, entry)},
	}
}

// codeOfRepository tells why by the type of the error, or by the answer's status, which Helm's getter gives in words only
// (helm: pkg/getter/httpgetter.go).
func codeOfRepository(err error) (code, advice string) {
	text := err.Error()
	switch {
	case strings.Contains(text, " : 401 "):
		return codeUnauthorized, "give username and password"
	case strings.Contains(text, " : 403 "):
		return codeForbidden, "its user may not read it"
	case strings.Contains(text, "tls: certificate required"), strings.Contains(text, "tls: bad certificate"):
		return codeUnauthorized, "give a client certificate: cert_file and key_file"
	case codeOfConnection(err) == codeCertificate:
		return codeCertificate, "give the authority that signed its certificate: ca_file"
	case strings.Contains(text, " : 404 "):
		return codeRepository, "an index.yaml is expected right under the URL"
	}
	return codeRepository, ""
}

// withoutSecrets leaves credentials out that the repository's address may hold.
func withoutSecrets(text string, entry *repo.Entry) string {
	address, err := url.Parse(entry.URL)
	if err != nil || address.User == nil {
		return text
	}
	_, authority, _ := strings.Cut(entry.URL, "//")
	authority, _, _ = strings.Cut(authority, "/")
	written := authority[:max(strings.LastIndex(authority, "@"), 0)]
	for _, secret := range []string{written + "@", address.User.String() + "@"} {
		text = strings.ReplaceAll(text, secret, "…@")
	}
	return text
}
