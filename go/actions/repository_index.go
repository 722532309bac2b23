package actions

import (
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"helm.sh/helm/v4/pkg/getter"
	"helm.sh/helm/v4/pkg/helmpath"
	"helm.sh/helm/v4/pkg/repo/v1"

	"github.com/helm-sdkpy/helm-sdkpy/go/catalog"
)

// indexTimeout is what a request for an index has where no timeout is given (helm: pkg/getter/getter.go).
const indexTimeout = getter.DefaultHTTPTimeout * time.Second

// fetchedIndex is the index of a repository, downloaded and read, and its place in the cache.
type fetchedIndex struct {
	entry   *repo.Entry
	content []byte
	catalog *catalog.Catalog
	path    string
	charts  string // the file that lists the names only
}

// parsing bounds how many indexes are parsed at once: each takes a core, and memory that is a multiple of its size.
var parsing = make(chan struct{}, runtime.GOMAXPROCS(0))

// fetchIndex downloads a repository's index and reads it (helm: pkg/repo/v1/chartrepo.go, DownloadIndexFile, which writes
// what it got at once). Nothing is written.
func (t *task) fetchIndex(entry *repo.Entry, timeout time.Duration) (*fetchedIndex, error) {
	providers := t.config.Providers(t.op, getter.WithTimeout(timeout))
	made, err := repo.NewChartRepository(entry, providers)
	if err != nil {
		return nil, err
	}
	address, user, password := withoutUser(entry)
	indexURL, err := repo.ResolveReferenceURL(address, "index.yaml")
	if err != nil {
		return nil, err
	}
	content, err := made.Client.Get(indexURL,
		getter.WithURL(address),
		getter.WithInsecureSkipVerifyTLS(entry.InsecureSkipTLSVerify),
		getter.WithTLSClientConfig(entry.CertFile, entry.KeyFile, entry.CAFile),
		getter.WithBasicAuth(user, password),
		getter.WithPassCredentialsAll(entry.PassCredentialsAll),
	)
	if err != nil {
		return nil, err
	}
	select {
	case parsing <- struct{}{}:
	case <-t.op.Context().Done():
		return nil, t.op.Context().Err()
	}
	defer func() { <-parsing }()
	read, err := catalog.Read(entry.Name, content.Bytes(), withoutSecrets(entry.URL, entry), t.log)
	if err != nil {
		return nil, err
	}
	cache := t.config.Settings().RepositoryCache
	return &fetchedIndex{
		entry: entry, content: content.Bytes(), catalog: read,
		path:   filepath.Join(cache, helmpath.CacheIndexFile(entry.Name)),
		charts: filepath.Join(cache, helmpath.CacheChartsFile(entry.Name)),
	}, nil
}

// withoutUser gives the address without credentials in it, which Helm's getter would log, and the credentials to send.
func withoutUser(entry *repo.Entry) (address, user, password string) {
	parsed, err := url.Parse(entry.URL)
	if err != nil || parsed.User == nil {
		return entry.URL, entry.Username, entry.Password
	}
	inside, set := parsed.User.Password()
	if entry.Username == "" || entry.Password == "" {
		if parsed.User.Username() == "" || !set || inside == "" {
			return entry.URL, "", "" // the getter takes no name without a password; the transport does
		}
		user, password = parsed.User.Username(), inside
	} else {
		user, password = entry.Username, entry.Password
	}
	parsed.User = nil
	return parsed.String(), user, password
}

// stageIndex writes what helm keeps of an index beside its places in the cache; commit moves it there.
func (t *task) stageIndex(fetched *fetchedIndex) (commit func() error, discard func(), err error) {
	discard = func() {}
	if err := os.MkdirAll(filepath.Dir(fetched.path), 0o755); err != nil {
		return nil, discard, repositoryError(err, "the cache of repositories can not be written: %v", err)
	}
	names := strings.Join(fetched.catalog.Entries(), "\n")
	if names != "" {
		names += "\n"
	}
	charts, err := stage(fetched.charts, []byte(names), 0o644)
	if err != nil {
		return nil, discard, repositoryError(err, "the cache of repositories can not be written: %v", err)
	}
	index, err := stage(fetched.path, fetched.content, 0o644)
	if err != nil {
		charts.discard()
		return nil, discard, repositoryError(err, "the cache of repositories can not be written: %v", err)
	}
	discard = func() { charts.discard(); index.discard() }
	written, statErr := os.Stat(index.temporary)
	return func() error {
		for _, file := range []*staged{charts, index} {
			if err := file.commit(); err != nil {
				return repositoryError(err, "the cache of repositories can not be written: %v", err)
			}
		}
		if statErr == nil {
			t.config.Catalogs().Keep(fetched.entry.Name, fetched.path, written, fetched.catalog)
		}
		return nil
	}, discard, nil
}
