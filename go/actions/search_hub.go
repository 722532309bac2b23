package actions

import (
	"encoding/json"
	"fmt"
	"net/url"
	"path"

	"helm.sh/helm/v4/pkg/getter"
	"helm.sh/helm/v4/pkg/repo/v1"

	"github.com/helm-sdkpy/helm-sdkpy/go/bridge"
	"github.com/helm-sdkpy/helm-sdkpy/go/session"
)

// What a hub's search is called, and which hub is asked where none is named (helm: internal/monocular/search.go,
// pkg/cmd/search_hub.go).
const (
	hubSearch   = "api/chartsvc/v1/charts/search"
	hubEndpoint = "https://hub.helm.sh"
)

// SearchHubRequest are the arguments of `helm search hub`.
type SearchHubRequest struct {
	Keyword  string `json:"keyword"`
	Endpoint string `json:"endpoint"`
}

// Validate refuses what can be known to be wrong before anything is done.
func (r SearchHubRequest) Validate() error {
	_, err := r.address()
	return err
}

func (r SearchHubRequest) endpoint() string {
	if r.Endpoint == "" {
		return hubEndpoint
	}
	return r.Endpoint
}

func (r SearchHubRequest) address() (*url.URL, error) {
	parsed, err := url.Parse(r.endpoint())
	if err != nil {
		return nil, invalid("endpoint", "is no URL: unable to create connection to %q", r.Endpoint)
	}
	if parsed.Hostname() == "" {
		return nil, invalid("endpoint", "has no host: unable to create connection to %q: no hostname provided", r.Endpoint)
	}
	parsed.Path = path.Join(parsed.Path, hubSearch)
	parsed.RawQuery = "q=" + url.QueryEscape(r.Keyword)
	return parsed, nil
}

// HubChart is a chart that a hub knows, with the keys of helm's own JSON.
type HubChart struct {
	URL         string        `json:"url"`
	Version     string        `json:"version"`
	AppVersion  string        `json:"app_version"`
	Description string        `json:"description"`
	Repository  HubRepository `json:"repository"`
}

// HubRepository is where a hub's chart comes from.
type HubRepository struct {
	URL  string `json:"url"`
	Name string `json:"name"`
}

// hubAnswer is what is read of a hub's answer (helm: internal/monocular/search.go, SearchResult).
type hubAnswer struct {
	Data []struct {
		ID          string `json:"id"`
		ArtifactHub struct {
			PackageURL string `json:"packageUrl"`
		} `json:"artifactHub"`
		Attributes struct {
			Description string        `json:"description"`
			Repo        HubRepository `json:"repo"`
		} `json:"attributes"`
		Relationships struct {
			LatestChartVersion struct {
				Data struct {
					Version    string `json:"version"`
					AppVersion string `json:"app_version"`
				} `json:"data"`
			} `json:"latestChartVersion"`
		} `json:"relationships"`
	} `json:"data"`
}

// SearchHub does what `helm search hub` does, with a client of its own: helm's is internal.
func SearchHub(op *bridge.Operation, config *session.Configuration, request SearchHubRequest) ([]HubChart, error) {
	t := begin(op, config, "search hub")
	address, err := request.address()
	if err != nil {
		return nil, err
	}
	t.phase("downloading")
	failed := func(err error) error {
		code, _ := codeOfRepository(err)
		hub := &repo.Entry{URL: request.endpoint()}
		return &bridge.Error{
			Code: code, Cause: err, Details: map[string]any{"endpoint": withoutSecrets(hub.URL, hub)},
			Message: withoutSecrets(fmt.Sprintf("unable to perform search against %q: %v", hub.URL, err), hub),
		}
	}
	client, err := config.Providers(op).ByScheme(address.Scheme)
	if err != nil {
		return nil, failed(err)
	}
	text, err := client.Get(address.String(), getter.WithURL(address.String()))
	if err != nil {
		return nil, failed(err)
	}
	var answer hubAnswer
	if err := json.Unmarshal(text.Bytes(), &answer); err != nil {
		return nil, failed(fmt.Errorf("its answer is not a hub's: %w", err))
	}
	charts := make([]HubChart, 0, len(answer.Data))
	for _, one := range answer.Data {
		page := one.ArtifactHub.PackageURL
		if page == "" {
			page = request.endpoint() + "/charts/" + one.ID
		}
		latest := one.Relationships.LatestChartVersion.Data
		charts = append(charts, HubChart{
			URL: page, Version: latest.Version, AppVersion: latest.AppVersion,
			Description: one.Attributes.Description, Repository: one.Attributes.Repo,
		})
	}
	return charts, nil
}
