package actions

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"

	chartv2 "helm.sh/helm/v4/pkg/chart/v2"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
	"helm.sh/helm/v4/pkg/downloader"
	"helm.sh/helm/v4/pkg/getter"
	"helm.sh/helm/v4/pkg/helmpath"
	"helm.sh/helm/v4/pkg/registry"
	"helm.sh/helm/v4/pkg/repo/v1"

	"github.com/helm-sdkpy/helm-sdkpy/go/bridge"
	"github.com/helm-sdkpy/helm-sdkpy/go/session"
)

// cachedProviders are the getters of the Configuration, which take the archives of dependencies from helm's content cache
// where they are there. Helm's own download of a dependency asks the cache, but never knows what for: it has the address
// and not the digest that the index has of it (helm: pkg/downloader/chart_downloader.go, ResolveChartVersion).
func (t *task) cachedProviders(access *session.Access, required []*chartv2.Dependency) getter.Providers {
	settings := t.config.Settings()
	cache := contentCache{downloader.DiskCache{Root: settings.ContentCache}}
	digests := sync.OnceValue(func() map[string][sha256.Size]byte {
		return indexDigests(settings.RepositoryConfig, settings.RepositoryCache, required)
	})
	var all getter.Providers
	for _, provider := range t.config.Providers(t.op) {
		made := provider.New
		provider.New = func(options ...getter.Option) (getter.Getter, error) {
			next, err := made(options...)
			return &cachedGetter{next, cache, access, digests}, err
		}
		all = append(all, provider)
	}
	return all
}

// cachedGetter is a getter in front of which is the content cache.
type cachedGetter struct {
	next    getter.Getter
	cache   contentCache
	access  *session.Access
	digests func() map[string][sha256.Size]byte
}

// Get implements getter.Getter.
func (g *cachedGetter) Get(address string, options ...getter.Option) (*bytes.Buffer, error) {
	parsed, err := url.Parse(address)
	if err != nil || parsed.Scheme != registry.OCIScheme && !isArchive(parsed.Path) || strings.HasSuffix(parsed.Path, ".prov") {
		return g.next.Get(address, options...)
	}
	var content *bytes.Buffer
	if parsed.Scheme == registry.OCIScheme {
		content, err = g.artifact(strings.TrimPrefix(address, registry.OCIScheme+"://"))
	} else {
		content, err = g.file(address, parsed, options)
	}
	if err != nil {
		return nil, err
	}
	// Helm would leave it out of charts/, say so, and call it a success (helm: pkg/downloader/manager.go, safeMoveDeps).
	if _, err := loader.LoadArchive(bytes.NewReader(content.Bytes())); err != nil {
		return nil, &bridge.Error{
			Code: codeChartInvalid, Message: fmt.Sprintf("%s is no chart: %v", parsed.Redacted(), err), Cause: err,
			Details: map[string]any{"chart": parsed.Redacted()},
		}
	}
	return content, nil
}

// artifact asks a registry for no more than the manifest of what is in the cache.
func (g *cachedGetter) artifact(reference string) (*bytes.Buffer, error) {
	found, err := g.access.Chart(reference)
	if err != nil {
		return nil, err
	}
	if layer, err := parseDigest(found.Archive); err == nil {
		if kept := g.kept(layer); kept != nil {
			return kept, nil
		}
	}
	var content bytes.Buffer
	err = found.Fetch(&content)
	return &content, err
}

func (g *cachedGetter) file(address string, parsed *url.URL, options []getter.Option) (*bytes.Buffer, error) {
	promised, known := g.digests()[address]
	if known {
		if kept := g.kept(&promised); kept != nil {
			return kept, nil
		}
	}
	content, err := g.next.Get(address, options...)
	if err != nil || !known {
		return content, err
	}
	if got := sha256.Sum256(content.Bytes()); got != promised {
		return nil, digestMismatch(filepath.Base(parsed.Path), parsed.Redacted(), digestText(got), digestText(promised))
	}
	return content, nil
}

func (g *cachedGetter) kept(digest *[sha256.Size]byte) *bytes.Buffer {
	path, err := g.cache.chart(digest, true)
	if err != nil || path == "" {
		return nil
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	return bytes.NewBuffer(content)
}

// indexDigests are the digests of the archives of these dependencies by their addresses, as the repositories' indexes on
// this machine have them. What can not be read is not known: the download goes by its own ways.
func indexDigests(config, cache string, required []*chartv2.Dependency) map[string][sha256.Size]byte {
	repositories := map[string]string{} // names by addresses
	for _, each := range required {
		// The name that Helm gives a repository that is not in its list (helm: pkg/downloader/manager.go, ensureMissingRepos).
		sum := sha256.Sum256([]byte(each.Repository))
		repositories[each.Repository] = "helm-manager-" + hex.EncodeToString(sum[:])
	}
	if file, err := repo.LoadFile(config); err == nil {
		for _, entry := range file.Repositories {
			repositories[entry.URL] = entry.Name
		}
	}
	digests := map[string][sha256.Size]byte{}
	for address, name := range repositories {
		index, err := repo.LoadIndexFile(filepath.Join(cache, helmpath.CacheIndexFile(name)))
		if err != nil {
			continue
		}
		for _, each := range required {
			for _, version := range index.Entries[each.Name] {
				digest, err := parseDigest(version.Digest)
				if err != nil || digest == nil || len(version.URLs) == 0 {
					continue
				}
				if whole, err := repo.ResolveReferenceURL(address, version.URLs[0]); err == nil {
					digests[whole] = *digest
				}
			}
		}
	}
	return digests
}
