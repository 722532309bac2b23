package actions

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"helm.sh/helm/v4/pkg/chart"
	"helm.sh/helm/v4/pkg/chart/loader"
	"helm.sh/helm/v4/pkg/downloader"
	"helm.sh/helm/v4/pkg/getter"
	"helm.sh/helm/v4/pkg/registry"

	"github.com/helm-sdkpy/helm-sdkpy/go/bridge"
)

// download gets a chart into helm's content cache, or finds it there, and gives its path. It is written out because
// Helm's DownloadToCache asks for a provenance file without the options of the chart (so without its credentials),
// keeps a file under a digest that it does not have, and verifies through one file that all operations share.
func (f *fetcher) download(with *downloader.ChartDownloader, name, version string) (string, error) {
	digest, address, err := with.ResolveChartVersion(name, version)
	if err != nil {
		return "", err
	}
	provider, err := with.Getters.ByScheme(address.Scheme)
	if err != nil {
		return "", err
	}
	options := append(slices.Clone(with.Options), getter.WithAcceptHeader("application/gzip,application/octet-stream"))
	get := func(address string) (*bytes.Buffer, error) { return provider.Get(address, options...) }
	cache := f.cache()

	promised, err := parseDigest(digest)
	if err != nil {
		return "", err
	}
	var path string
	var key [sha256.Size]byte
	if address.Scheme == registry.OCIScheme {
		path, key, err = f.artifact(cache, address, promised)
	} else {
		path, key, err = f.file(cache, address, promised, get)
	}
	if err != nil {
		return "", err
	}
	if with.Verify == downloader.VerifyNever {
		return path, nil
	}
	return path, f.verifyDownload(cache, path, key, address, get)
}

// file is an archive at an address of its own; promised is its digest in the repository's index.
func (f *fetcher) file(
	cache contentCache, address *url.URL, promised *[sha256.Size]byte, get func(string) (*bytes.Buffer, error),
) (path string, key [sha256.Size]byte, err error) {
	if path, err = cache.chart(promised, true); path != "" || err != nil {
		return path, *promised, err
	}
	content, err := get(address.String())
	if err != nil {
		return "", key, err
	}
	key = sha256.Sum256(content.Bytes())
	if promised != nil && key != *promised {
		return "", key, digestMismatch(f.source.ChartPath, address.Redacted(), digestText(key), digestText(*promised))
	}
	path, err = cache.Put(key, content, downloader.CacheChart)
	return path, key, err
}

// artifact is an archive in a registry; promised is the digest of its manifest, which Helm keeps it under, where that was
// asked for. Else only the manifest is fetched of what is in the cache.
func (f *fetcher) artifact(
	cache contentCache, address *url.URL, promised *[sha256.Size]byte,
) (path string, key [sha256.Size]byte, err error) {
	if path, err = cache.chart(promised, false); path != "" || err != nil {
		return path, *promised, err
	}
	access, err := f.access()
	if err != nil {
		return "", key, err
	}
	found, err := access.Chart(strings.TrimPrefix(address.String(), registry.OCIScheme+"://"))
	if err != nil {
		return "", key, err
	}
	layer, err := parseDigest(found.Archive)
	if err != nil {
		return "", key, err
	}
	if path, err = cache.chart(layer, true); path != "" || err != nil {
		return path, *layer, err
	}
	var content bytes.Buffer
	if err := found.Fetch(&content); err != nil {
		return "", key, err
	}
	if key = *layer; promised != nil {
		key = *promised
	}
	path, err = cache.Put(key, &content, downloader.CacheChart)
	return path, key, err
}

// digestMismatch is a download that is not what its repository's index says.
func digestMismatch(chart, address, got, wanted string) error {
	return &bridge.Error{
		Code: codeDigestMismatch,
		Message: fmt.Sprintf("chart %q: digest mismatch: %s is %s, its repository's index says %s",
			chart, address, got, wanted),
		Details: map[string]any{"chart": chart, "digest": got, "wanted": wanted},
	}
}

// verifyDownload holds a chart in the cache against its provenance file, which is kept once it has proven right.
func (f *fetcher) verifyDownload(
	cache contentCache, path string, key [sha256.Size]byte, address *url.URL, get func(string) (*bytes.Buffer, error),
) error {
	archive, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	name, err := archiveName(address, archive)
	if err != nil {
		return err
	}
	if kept, err := cache.Get(key, downloader.CacheProv); err == nil {
		if signed, err := os.ReadFile(kept); err == nil {
			if _, err := verifySignature(f.source.Keyring, archive, signed, name); err == nil {
				return nil // else it may have been signed anew since
			}
		}
	}
	signed, err := get(address.String() + ".prov")
	if err != nil {
		if gone := f.task.op.Context().Err(); gone != nil {
			return gone
		}
		return provenanceError(f.source.Keyring, fmt.Errorf("failed to fetch provenance %q: %w", address.Redacted()+".prov", err))
	}
	if _, err := verifySignature(f.source.Keyring, archive, signed.Bytes(), name); err != nil {
		return err
	}
	_, err = cache.Put(key, signed, downloader.CacheProv)
	return err
}

// archiveName is what a provenance file calls the chart at this address (helm: pkg/downloader/chart_downloader.go). An
// address in a registry that ends with a digest names no version: the chart does.
func archiveName(address *url.URL, archive []byte) (string, error) {
	name := filepath.Base(address.Path)
	if address.Scheme != registry.OCIScheme {
		return name, nil
	}
	repository, tag, tagged := strings.Cut(name, ":")
	if tagged && !strings.Contains(repository, "@") {
		return repository + "-" + tag + ".tgz", nil
	}
	parsed, err := loader.LoadArchive(bytes.NewReader(archive))
	if err != nil {
		return "", err
	}
	accessor, err := chart.NewAccessor(parsed)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%s-%v.tgz", accessor.Name(), accessor.MetadataAsMap()["Version"]), nil
}

// contentCache is helm's, whose files are told by the digest of the chart.
type contentCache struct{ downloader.DiskCache }

func (f *fetcher) cache() contentCache {
	return contentCache{downloader.DiskCache{Root: f.settings.ContentCache}}
}

// chart finds a chart that is kept; "" where it is not, or where it should have the digest that it goes by and has another.
func (c contentCache) chart(digest *[sha256.Size]byte, check bool) (path string, err error) {
	if digest == nil {
		return "", nil
	}
	path, err = c.Get(*digest, downloader.CacheChart)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil || !check {
		return path, err
	}
	content, err := os.ReadFile(path)
	if err != nil || sha256.Sum256(content) != *digest {
		return "", nil
	}
	return path, nil
}

// parseDigest reads a digest with or without its algorithm; nil where there is none.
func parseDigest(text string) (*[sha256.Size]byte, error) {
	if text == "" {
		return nil, nil
	}
	if _, after, prefixed := strings.Cut(text, ":"); prefixed {
		text = after
	}
	digest, err := hex.DecodeString(text)
	if err != nil {
		return nil, fmt.Errorf("unable to decode digest: %w", err)
	}
	if len(digest) != sha256.Size {
		return nil, fmt.Errorf("invalid digest length: %d", len(digest))
	}
	return (*[sha256.Size]byte)(digest), nil
}

// digestText is a digest as it is written.
func digestText(sum [sha256.Size]byte) string { return "sha256:" + hex.EncodeToString(sum[:]) }
