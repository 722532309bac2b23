package actions

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/helm-sdkpy/helm-sdkpy/go/bridge"
	"github.com/helm-sdkpy/helm-sdkpy/go/internal/testcluster"
)

// mixed is one Configuration with everything that operations of all kinds need: releases, a packed chart, a registry and
// a repository.
type mixed struct {
	*rig
	t                   *testing.T
	chart, archive      string
	releases            []string
	registry, protected string
	username, password  string
	repository          string
}

const mixedRounds = 10

func newMixed(t *testing.T) *mixed {
	t.Helper()
	m := &mixed{rig: newRig(t), t: t}
	m.chart = chartOf(t, map[string]string{"a": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: \"{{ .Release.Name }}\"}\n"})
	for i := range mixedRounds {
		name := fmt.Sprintf("old-%d", i)
		_, err := m.install(name, m.chart, nil)
		must(t, err)
		m.releases = append(m.releases, name)
	}
	known := testcluster.Shared(t).Description
	registries := known["registry"].(map[string]any)
	m.registry, m.protected = registries["plain"].(string), registries["auth"].(string)
	m.username, m.password = known["username"].(string), known["password"].(string)

	directory := t.TempDir()
	packed, err := Package(m.quiet(), m.config, PackageRequest{ChartPath: []string{m.chart}, Destination: directory})
	must(t, err)
	m.archive = packed[0].Path
	server := httptest.NewServer(http.FileServer(http.Dir(directory)))
	t.Cleanup(server.Close)
	m.repository = server.URL
	_, err = RepoIndex(m.quiet(), m.config, RepoIndexRequest{Directory: directory, URL: server.URL})
	must(t, err)
	must(t, m.add("first"))
	must(t, m.push(0))
	return m
}

func (m *mixed) quiet() *bridge.Operation { op, _ := m.op(); return op }

func (m *mixed) add(name string) error {
	_, err := RepoAdd(m.quiet(), m.config, RepoAddRequest{Name: name, URL: m.repository})
	return err
}

// remote is a place of the test's own in the registry that all tests share.
func (m *mixed) remote(i int) string {
	return fmt.Sprintf("oci://%s/%s/%d", m.registry, m.namespace, i)
}

func (m *mixed) push(i int) error {
	_, err := Push(m.quiet(), m.config, PushRequest{ChartPath: m.archive, Remote: m.remote(i), AccessOptions: AccessOptions{PlainHTTP: true}})
	return err
}

func (m *mixed) pull(reference string) error {
	directory := m.t.TempDir()
	got, err := Pull(m.quiet(), m.config, PullRequest{
		ChartRef: []string{reference}, Destination: directory, AccessOptions: AccessOptions{PlainHTTP: strings.HasPrefix(reference, "oci:")},
	})
	if err == nil && (len(got) != 1 || filepath.Dir(got[0].Path) != directory) {
		err = fmt.Errorf("pulled %+v", got)
	}
	return err
}

// kinds are the operations that run at once; each is given which one of its kind it is.
func (m *mixed) kinds() map[string]func(i int) error {
	byPath := ChartSource{ChartPath: m.chart}
	name := filepath.Base(m.archive)
	name = name[:strings.LastIndex(name, "-")]
	return map[string]func(i int) error{
		"install": func(i int) error { _, err := m.install(fmt.Sprintf("new-%d", i), m.chart, nil); return err },
		"dry run": func(i int) error {
			_, err := m.install(fmt.Sprintf("dry-%d", i), m.chart, func(request *InstallRequest) { request.DryRun = "client" })
			return err
		},
		"server's dry run": func(i int) error {
			_, err := m.install(fmt.Sprintf("server-%d", i), m.chart, func(request *InstallRequest) { request.DryRun = "server" })
			return err
		},
		"upgrade": func(i int) error { _, err := m.upgrade(m.releases[i], m.chart, nil); return err },
		"status": func(i int) error {
			_, err := Status(m.quiet(), m.config, RevisionRequest{ReleaseName: m.releases[i]})
			return err
		},
		"list": func(int) error { _, err := List(m.quiet(), m.config, ListRequest{}); return err },
		"history": func(i int) error {
			_, err := History(m.quiet(), m.config, HistoryRequest{ReleaseName: m.releases[i]})
			return err
		},
		"get values": func(i int) error {
			_, err := GetValues(m.quiet(), m.config, GetValuesRequest{ReleaseName: m.releases[i], All: true})
			return err
		},
		"template": func(i int) error {
			text, err := Template(m.quiet(), m.config, TemplateRequest{ReleaseName: fmt.Sprintf("t-%d", i), ChartSource: byPath})
			if err == nil && !strings.Contains(text, fmt.Sprintf("t-%d", i)) {
				err = errors.New("rendered for another: " + text)
			}
			return err
		},
		"lint": func(int) error {
			_, err := Lint(m.quiet(), m.config, LintRequest{ChartPath: []string{m.chart}})
			return err
		},
		"show":       func(int) error { _, err := ShowChart(m.quiet(), m.config, ShowRequest{byPath}); return err },
		"push":       m.push,
		"pull":       func(int) error { return m.pull(m.remote(0) + "/" + name) },
		"pull again": func(int) error { return m.pull("first/" + name) },
		"package": func(int) error {
			_, err := Package(m.quiet(), m.config, PackageRequest{ChartPath: []string{m.chart}, Destination: m.t.TempDir()})
			return err
		},
		"login": func(i int) error {
			_, err := RegistryLogin(m.quiet(), m.config, RegistryLoginRequest{
				Hostname: m.protected, Username: m.username, Password: m.password, PlainHTTP: true,
			})
			return err
		},
		"repo add": func(i int) error { return m.add(fmt.Sprintf("more-%d", i)) },
		"repo update": func(int) error {
			_, err := RepoUpdate(m.quiet(), m.config, RepoUpdateRequest{Name: []string{"first"}})
			return err
		},
		"repo list": func(int) error { _, err := RepoList(m.quiet(), m.config, RepoListRequest{}); return err },
		"search repo": func(int) error {
			rows, err := SearchRepo(m.quiet(), m.config, SearchRepoRequest{Keyword: "first/" + name})
			if err == nil && len(rows) == 0 {
				err = errors.New("found nothing")
			}
			return err
		},
	}
}

// Two hundred operations of every kind at once on one Configuration, for the race detector; none sees anything of
// another, a client-side dry run least of all (helm/helm#11463).
func TestMixedOperationsAtOnce(t *testing.T) {
	t.Parallel()
	m := newMixed(t)
	kinds := m.kinds()
	if total := len(kinds) * mixedRounds; total != 200 {
		t.Fatalf("%d operations", total)
	}
	var group sync.WaitGroup
	for i := range mixedRounds {
		for kind, run := range kinds {
			group.Go(func() {
				if err := run(i); err != nil {
					t.Errorf("%s %d: %v", kind, i, err)
				}
			})
		}
	}
	group.Wait()

	left := m.configMaps()
	slices.Sort(left)
	var want []string
	for i := range mixedRounds {
		want = append(want, fmt.Sprintf("new-%d", i), fmt.Sprintf("old-%d", i))
	}
	slices.Sort(want)
	if !slices.Equal(left, want) {
		t.Errorf("the namespace has %v, want %v", left, want)
	}
	repositories, err := RepoList(m.quiet(), m.config, RepoListRequest{})
	must(t, err)
	if len(repositories) != mixedRounds+1 {
		t.Errorf("%d repositories are listed, want %d: %v", len(repositories), mixedRounds+1, repositories)
	}
}
