package actions

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"strings"

	chart "helm.sh/helm/v4/pkg/chart/v2"
	"helm.sh/helm/v4/pkg/downloader"
	"helm.sh/helm/v4/pkg/getter"
	"helm.sh/helm/v4/pkg/registry"
	"sigs.k8s.io/yaml"

	"github.com/helm-sdkpy/helm-sdkpy/go/bridge"
)

// downloaded is a chart's archive in a directory that nobody else looks into.
type downloaded struct {
	path       string
	digest     string // sha256:…
	provenance string // the file; "" where there is none
	verified   *Verification
	ref        *string // in a registry
	manifest   *string
}

// archive gets the archive and what belongs to it. It is downloader.ChartDownloader.DownloadTo, which keeps the archive in
// memory, twice where it comes from a registry, and leaves it there when its signature does not hold.
func (f *fetcher) archive(directory string, provenanceToo bool) (*downloaded, error) {
	name, version := f.source.ChartPath, f.source.Version
	helm, name, err := f.downloader(name, version)
	if err != nil {
		return nil, err
	}
	f.task.phase("downloading")
	digest, address, err := helm.ResolveChartVersion(name, version)
	if err != nil {
		return nil, err
	}
	file, err := fileName(address)
	if err != nil {
		return nil, err
	}
	helm.Options = append(helm.Options, getter.WithAcceptHeader("application/gzip,application/octet-stream"))
	got := &downloaded{path: filepath.Join(directory, file)}
	if address.Scheme == registry.OCIScheme {
		err = f.fromRegistry(got, address)
	} else {
		err = f.fromRepository(got, helm, address, digest)
	}
	if err != nil {
		return nil, err
	}
	if f.source.Verify || provenanceToo {
		err = f.prove(got, helm, address, digest)
	}
	return got, err
}

// fileName is what the command calls the file (helm: pkg/downloader/chart_downloader.go, DownloadTo).
func fileName(address *url.URL) (string, error) {
	name := path.Base(address.Path)
	if address.Scheme == registry.OCIScheme {
		index := strings.LastIndexByte(name, ':')
		if index < 0 {
			return "", fmt.Errorf("%s has neither a tag nor a digest", address)
		}
		name = fmt.Sprintf("%s-%s.tgz", name[:index], name[index+1:])
	}
	if name == "." || name == "/" {
		return "", invalid("chart_ref", "is %s, which names no file", address)
	}
	return name, nil
}

// fromRegistry downloads the archive that a manifest names, unless it is in the content cache.
func (f *fetcher) fromRegistry(got *downloaded, address *url.URL) error {
	access, err := f.access()
	if err != nil {
		return err
	}
	artifact, err := access.Chart(strings.TrimPrefix(address.String(), registry.OCIScheme+"://"))
	if err != nil {
		return err
	}
	got.ref, got.manifest = &artifact.Ref, &artifact.Digest
	f.task.log.Info("Pulled: " + artifact.Ref)
	f.task.log.Info("Digest: " + artifact.Digest)
	if f.fromCache(got, artifact.Archive) {
		return nil
	}
	return got.write(artifact.Fetch)
}

// fromRepository downloads the archive from its address, unless it is in the content cache; digest is the index's, if any.
func (f *fetcher) fromRepository(got *downloaded, helm *downloader.ChartDownloader, address *url.URL, digest string) error {
	if digest != "" && f.fromCache(got, digest) {
		return nil
	}
	get, err := helm.Getters.ByScheme(address.Scheme)
	if err != nil {
		return err
	}
	fetch := func(to io.Writer) error {
		content, err := get.Get(address.String(), helm.Options...)
		if err != nil {
			return err
		}
		_, err = content.WriteTo(to)
		return err
	}
	if streaming, possible := get.(streamer); possible {
		fetch = func(to io.Writer) error { return streaming.Stream(address.String(), to, helm.Options...) }
	}
	if err := got.write(fetch); err != nil {
		return err
	}
	if promised, err := parseDigest(digest); err != nil || promised != nil && digestText(*promised) != got.digest {
		return digestMismatch(f.source.ChartPath, address.Redacted(), got.digest, digest)
	}
	return nil
}

// streamer is a getter that need not keep in memory what it fetches.
type streamer interface {
	Stream(address string, to io.Writer, options ...getter.Option) error
}

// fromCache takes the archive from helm's content cache, where it is there and is what it is said to be.
func (f *fetcher) fromCache(got *downloaded, digest string) bool {
	promised, err := parseDigest(digest)
	if err != nil || promised == nil {
		return false
	}
	cache := f.cache()
	kept, err := cache.Get(*promised, downloader.CacheChart)
	if err != nil {
		return false
	}
	err = got.write(func(to io.Writer) error { return copyFile(f.task.op.Context(), kept, to) })
	if err != nil || got.digest != digestText(*promised) {
		return false
	}
	f.task.log.Debug("found chart in cache", "id", digest)
	return true
}

func copyFile(ctx context.Context, from string, to io.Writer) error {
	file, err := os.Open(from)
	if err != nil {
		return err
	}
	defer file.Close()
	_, err = io.Copy(to, contextReader{ctx, file})
	return err
}

// contextReader ends with the operation.
type contextReader struct {
	ctx  context.Context
	next io.Reader
}

func (r contextReader) Read(into []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.next.Read(into)
}

// write writes the archive as it comes in, and knows its digest at the end.
func (d *downloaded) write(fetch func(io.Writer) error) (err error) {
	file, err := os.OpenFile(d.path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	sum := sha256.New()
	err = fetch(&summed{file, sum})
	// As helm, whatever the umask is.
	if err = errors.Join(err, file.Chmod(0o644), file.Close()); err != nil {
		return err
	}
	d.digest = digestText([sha256.Size]byte(sum.Sum(nil)))
	return nil
}

type summed struct {
	file io.Writer
	sum  hash.Hash
}

func (s *summed) Write(text []byte) (int, error) {
	n, err := s.file.Write(text)
	s.sum.Write(text[:n])
	return n, err
}

// prove gets the provenance file, and checks the signature where that was asked for.
func (f *fetcher) prove(got *downloaded, helm *downloader.ChartDownloader, address *url.URL, digest string) error {
	text, err := f.provenance(helm, address, digest)
	if err != nil {
		if gone := f.task.op.Context().Err(); gone != nil {
			return gone
		}
		failed := fmt.Sprintf("failed to fetch provenance %q", address.String()+".prov")
		if !f.source.Verify {
			f.task.log.Warn(fmt.Sprintf("Verification not found for %s: %v", f.source.ChartPath, err))
			return nil
		}
		return &bridge.Error{
			Code: codeProvenance, Message: fmt.Sprintf("chart %q: %s: %v", f.source.ChartPath, failed, err),
			Details: map[string]any{"chart": f.source.ChartPath}, Cause: err,
		}
	}
	got.provenance = got.path + ".prov"
	if err := os.WriteFile(got.provenance, text, 0o644); err != nil {
		return err
	}
	if err := os.Chmod(got.provenance, 0o644); err != nil || !f.source.Verify {
		return err
	}
	f.task.phase("verifying")
	signed, err := verifyFile(f.source.Keyring, got.path)
	if err == nil {
		got.verified = verificationOf(signed)
	}
	return err
}

func (f *fetcher) provenance(helm *downloader.ChartDownloader, address *url.URL, digest string) ([]byte, error) {
	if promised, err := parseDigest(digest); err == nil && promised != nil && address.Scheme != registry.OCIScheme {
		cache := f.cache()
		if kept, err := cache.Get(*promised, downloader.CacheProv); err == nil {
			return os.ReadFile(kept)
		}
	}
	get, err := helm.Getters.ByScheme(address.Scheme)
	if err != nil {
		return nil, err
	}
	content, err := get.Get(address.String()+".prov", helm.Options...)
	if err != nil {
		return nil, err
	}
	return content.Bytes(), nil
}

// metadataOf reads a chart's own Chart.yaml off its archive; nil where it is no chart, which the command does not mind.
func metadataOf(archive string) *chart.Metadata {
	file, err := os.Open(archive)
	if err != nil {
		return nil
	}
	defer file.Close()
	unzipped, err := gzip.NewReader(file)
	if err != nil {
		return nil
	}
	entries := tar.NewReader(unzipped)
	for {
		entry, err := entries.Next()
		if err != nil {
			return nil
		}
		// Only the chart's own: those of its subcharts are deeper.
		if parts := strings.Split(path.Clean(entry.Name), "/"); len(parts) != 2 || parts[1] != chartFile {
			continue
		}
		text, err := io.ReadAll(io.LimitReader(entries, chartFileLimit))
		if err != nil {
			return nil
		}
		metadata := &chart.Metadata{}
		if yaml.Unmarshal(text, metadata) != nil || metadata.Name == "" {
			return nil
		}
		return metadata
	}
}

const (
	chartFile      = "Chart.yaml"
	chartFileLimit = 1 << 20
)
