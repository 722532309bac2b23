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
	cache := contentCache{downloader.DiskCache{Root: with.ContentCache}}

	promised, err := parseDigest(digest)
	if err != nil {
		return "", err
	}
	// A registry's digest is the manifest's, from which the content was followed; a repository's is the archive's own.
	oci := address.Scheme == registry.OCIScheme
	path, key, err := cache.chart(promised, !oci)
	if err != nil {
		return "", err
	}
	if path == "" {
		content, err := get(address.String())
		if err != nil {
			return "", err
		}
		if key = sha256.Sum256(content.Bytes()); promised != nil && oci {
			key = *promised
		} else if promised != nil && key != *promised {
			f.task.log.Warn("what was downloaded has another digest than the repository's index says",
				"url", address.Redacted(), "digest", hex.EncodeToString(key[:]), "index", hex.EncodeToString(promised[:]))
		}
		if path, err = cache.Put(key, content, downloader.CacheChart); err != nil {
			return "", err
		}
	}
	if with.Verify == downloader.VerifyNever {
		return path, nil
	}
	return path, f.verifyDownload(cache, path, key, address, get)
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

// chart finds a chart that is kept; "" where it is not, or where it should have the digest that it goes by and has another.
func (c contentCache) chart(digest *[sha256.Size]byte, check bool) (path string, key [sha256.Size]byte, err error) {
	if digest == nil {
		return "", key, nil
	}
	path, err = c.Get(*digest, downloader.CacheChart)
	if errors.Is(err, fs.ErrNotExist) {
		return "", key, nil
	}
	if err != nil {
		return "", key, err
	}
	if !check {
		return path, *digest, nil
	}
	content, err := os.ReadFile(path)
	if err != nil || sha256.Sum256(content) != *digest {
		return "", key, nil
	}
	return path, *digest, nil
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
