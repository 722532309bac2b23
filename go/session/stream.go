package session

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"sync"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"helm.sh/helm/v4/pkg/getter"
	"helm.sh/helm/v4/pkg/registry"
	"k8s.io/client-go/rest"
	"oras.land/oras-go/v2"
	"oras.land/oras-go/v2/content"
	"oras.land/oras-go/v2/registry/remote"

	"github.com/helm-sdkpy/helm-sdkpy/go/bridge"
)

// Stream is Get for http and https that hands on what is at the address piece by piece; others fetch it whole.
func (g *boundGetter) Stream(address string, to io.Writer, options ...getter.Option) (err error) {
	defer bridge.Recover("downloading "+address, &err)
	read, err := readGetterOptions(slices.Concat(g.options, options))
	if err != nil {
		return err
	}
	err = g.stream(address, to, read)
	if gone := g.ctx.Err(); err != nil && gone != nil {
		return fmt.Errorf("downloading %s: %w", address, gone)
	}
	return err
}

// stream is getter.HTTPGetter.get, which keeps what it fetches in memory.
func (g *boundGetter) stream(address string, to io.Writer, read getterOptions) error {
	request, err := http.NewRequestWithContext(g.ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return err
	}
	if err := read.onto(request, helmDefaults(&rest.Config{}).UserAgent); err != nil {
		return err
	}
	client, err := g.client(read)
	if err != nil {
		return err
	}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("failed to fetch %s : %s", address, response.Status)
	}
	_, err = io.Copy(to, response.Body)
	return err
}

func (g *boundGetter) client(read getterOptions) (*http.Client, error) {
	shell, err := g.shell(read)
	if err != nil {
		return nil, err
	}
	return &http.Client{Transport: shell, Timeout: read.timeout}, nil
}

// onto puts on a request what getter.HTTPGetter puts on it: credentials go only to the host that they are for.
func (o getterOptions) onto(request *http.Request, userAgent string) error {
	if o.accept != "" {
		request.Header.Set("Accept", o.accept)
	}
	request.Header.Set("User-Agent", userAgent)
	if o.userAgent != "" {
		request.Header.Set("User-Agent", o.userAgent)
	}
	known, err := url.Parse(o.url)
	if err != nil {
		return fmt.Errorf("unable to parse getter URL: %w", err)
	}
	ours := o.passCredentials || known.Scheme == request.URL.Scheme && known.Host == request.URL.Host
	if ours && o.username != "" && o.password != "" {
		request.SetBasicAuth(o.username, o.password)
	}
	return nil
}

// Artifact is a chart in a registry, of which only the manifest and the metadata were fetched.
type Artifact struct {
	// Ref is the reference as Helm writes it, Digest the manifest's.
	Ref, Digest string
	// Archive is the digest of the chart's archive.
	Archive string

	access *Access
	layer  ocispec.Descriptor
}

// Chart finds a chart in a registry. It is registry.Client.Pull without the archive, which that keeps in memory twice.
func (a *Access) Chart(reference string) (*Artifact, error) {
	var mu sync.Mutex
	var config bool
	var layers []ocispec.Descriptor
	found, err := a.Client.Generic().PullGeneric(reference, registry.GenericPullOptions{
		AllowedMediaTypes: []string{
			ocispec.MediaTypeImageIndex, ocispec.MediaTypeImageManifest, registry.ConfigMediaType,
			registry.ChartLayerMediaType, registry.LegacyChartLayerMediaType,
		},
		PreCopy: func(_ context.Context, descriptor ocispec.Descriptor) error {
			mu.Lock()
			defer mu.Unlock()
			switch descriptor.MediaType {
			case registry.ConfigMediaType:
				config = true
			case registry.ChartLayerMediaType, registry.LegacyChartLayerMediaType:
				layers = append(layers, descriptor)
				return oras.SkipNode
			}
			return nil
		},
	})
	switch {
	case err != nil:
		return nil, err
	// As registry.Client.processChartPull, which counts the manifest.
	case len(found.Descriptors)+len(layers) < 2:
		return nil, fmt.Errorf("manifest does not contain minimum number of descriptors (2), descriptors found: %d",
			len(found.Descriptors)+len(layers))
	case !config:
		return nil, fmt.Errorf("could not load config with mediatype %s", registry.ConfigMediaType)
	case len(layers) == 0:
		return nil, fmt.Errorf("manifest does not contain a layer with mediatype %s", registry.ChartLayerMediaType)
	}
	layer := layers[len(layers)-1]
	return &Artifact{
		Ref: found.Ref, Digest: found.Manifest.Digest.String(), Archive: layer.Digest.String(), access: a, layer: layer,
	}, nil
}

// Fetch hands on the chart's archive piece by piece, and says at the end whether it is what the manifest says.
func (r *Artifact) Fetch(to io.Writer) (err error) {
	defer bridge.Recover("downloading "+r.Ref, &err)
	repository, err := remote.NewRepository(r.Ref)
	if err != nil {
		return err
	}
	authorizer := r.access.authorizer
	repository.Client, repository.PlainHTTP = &authorizer, r.access.plainHTTP
	body, err := repository.Blobs().Fetch(r.access.ctx, r.layer)
	if err != nil {
		return err
	}
	defer body.Close()
	checked := content.NewVerifyReader(body, r.layer)
	if _, err := io.Copy(to, checked); err != nil {
		return fmt.Errorf("failed to copy %s: %w", r.layer.Digest, err)
	}
	if err := checked.Verify(); err != nil {
		return fmt.Errorf("failed to copy %s: %w", r.layer.Digest, err)
	}
	return nil
}
