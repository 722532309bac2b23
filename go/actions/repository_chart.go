package actions

import (
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"

	"helm.sh/helm/v4/pkg/helmpath"
	"helm.sh/helm/v4/pkg/repo/v1"
)

// findInRepository gives the address of a chart in the repository that was named by its URL. It is repo.FindChartInRepoURL,
// which keeps the index for the while in a cache that the process's environment names.
func (f *fetcher) findInRepository(name, version string) (string, error) {
	address := f.source.Repo
	made, err := repo.NewChartRepository(&repo.Entry{
		Name: rand.Text(), URL: address, Username: f.source.Username, Password: f.source.Password,
		PassCredentialsAll: f.source.PassCredentials, InsecureSkipTLSVerify: f.source.InsecureSkipTLSVerify,
		CertFile: f.source.CertFile, KeyFile: f.source.KeyFile, CAFile: f.source.CAFile,
	}, f.providers)
	if err != nil {
		return "", err
	}
	made.CachePath = f.settings.RepositoryCache
	defer func() {
		for _, file := range []string{helmpath.CacheChartsFile(made.Config.Name), helmpath.CacheIndexFile(made.Config.Name)} {
			_ = os.Remove(filepath.Join(made.CachePath, file)) // it may never have come to that
		}
	}()
	file, err := made.DownloadIndexFile()
	if err != nil {
		return "", fmt.Errorf("looks like %q is not a valid chart repository or cannot be reached: %w", address, err)
	}
	index, err := repo.LoadIndexFile(file)
	if err != nil {
		return "", err
	}
	wanted := fmt.Sprintf("chart %q", name)
	if version != "" {
		wanted = fmt.Sprintf("%s version %q", wanted, version)
	}
	found, err := index.Get(name, version)
	if err != nil {
		return "", repo.ChartNotFoundError{Chart: wanted, RepoURL: address}
	}
	if len(found.URLs) == 0 {
		return "", fmt.Errorf("%s has no downloadable URLs", wanted)
	}
	absolute, err := repo.ResolveReferenceURL(address, found.URLs[0])
	if err != nil {
		return "", fmt.Errorf("failed to make chart URL absolute: %w", err)
	}
	return absolute, nil
}
