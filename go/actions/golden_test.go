package actions

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/helm-sdkpy/helm-sdkpy/go/bridge"
	"github.com/helm-sdkpy/helm-sdkpy/go/session"
)

// helmTests is where the module of Helm that is built in keeps the tests of its commands.
func helmTests(t *testing.T) string {
	t.Helper()
	found, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "helm.sh/helm/v4").Output()
	if err != nil {
		t.Skipf("Helm's own tests are read by `go list`, which failed: %v", err)
	}
	directory := filepath.Join(strings.TrimSpace(string(found)), "pkg", "cmd", "testdata")
	if _, err := os.Stat(directory); err != nil {
		t.Skipf("Helm's module has no tests here (a vendored copy?): %v", err)
	}
	return directory
}

// clusterless is a configuration without any cluster.
func clusterless(t *testing.T) *session.Configuration {
	t.Helper()
	config, err := session.NewPool().Open(session.Options{Environment: map[string]string{"HOME": t.TempDir()}})
	must(t, err)
	t.Cleanup(func() { must(t, config.Close()) })
	return config
}

// Helm's tests of `helm template`: arguments, with @ for the directory, and the file that holds what is printed.
var goldenTemplates = map[string][]string{
	"template":     {`{"chart_path": "@/testcharts/subchart"}`},
	"template-set": {`{"chart_path": "@/testcharts/subchart", "set": ["service.name=apache"]}`},
	"template-values-files": {
		`{"chart_path": "@/testcharts/subchart", "values_files": ["@/testcharts/subchart/charts/subchartA/values.yaml"]}`,
	},
	"template-name-template": {
		`{"chart_path": "@/testcharts/subchart", "name_template": "foobar-{{ b64enc \"abc\" | lower }}-baz"}`,
	},
	"template-lib-chart":                           {`{"chart_path": "@/testcharts/lib-chart"}`},
	"template-chart-bad-type":                      {`{"chart_path": "@/testcharts/chart-bad-type"}`},
	"template-chart-with-template-lib-dep":         {`{"chart_path": "@/testcharts/chart-with-template-lib-dep"}`},
	"template-chart-with-template-lib-archive-dep": {`{"chart_path": "@/testcharts/chart-with-template-lib-archive-dep"}`},
	"template-with-kube-version":                   {`{"chart_path": "@/testcharts/subchart", "kube_version": "1.16.0"}`},
	"template-with-api-version": {
		`{"chart_path": "@/testcharts/subchart", "api_versions": ["helm.k8s.io/test,helm.k8s.io/test2"]}`,
		`{"chart_path": "@/testcharts/subchart", "api_versions": ["helm.k8s.io/test", "helm.k8s.io/test2"]}`,
	},
	"template-with-crds":     {`{"chart_path": "@/testcharts/subchart", "include_crds": true}`},
	"template-show-only-one": {`{"chart_path": "@/testcharts/subchart", "show_only": ["templates/service.yaml"]}`},
	"template-show-only-multiple": {
		`{"chart_path": "@/testcharts/subchart", "show_only": ["templates/service.yaml", "charts/subcharta/templates/service.yaml"]}`,
	},
	"template-show-only-glob":    {`{"chart_path": "@/testcharts/subchart", "show_only": ["templates/subdir/role*"]}`},
	"object-order":               {`{"chart_path": "@/testcharts/object-order"}`},
	"template-with-invalid-yaml": {`{"chart_path": "@/testcharts/chart-with-template-with-invalid-yaml"}`},
	"template-skip-tests":        {`{"chart_path": "@/testcharts/subchart", "skip_tests": true}`},
	"issue-9027":                 {`{"chart_path": "@/testcharts/issue-9027"}`},
	"template-subchart-cm": {
		`{"chart_path": "@/testcharts/subchart", "set": ["configmap.enabled=true", "subchartb.enabled=true"]}`,
	},
	"template-subchart-cm-set": {
		`{"chart_path": "@/testcharts/subchart", "set": ["configmap.enabled=true", "subchartb.enabled=true", "configmap.value=baz"]}`,
	},
	"template-subchart-cm-set-file": {
		`{"chart_path": "@/testcharts/subchart", "values_files": ["@/testcharts/subchart/extra_values.yaml"]}`,
	},
	// Helm tests these with `helm install`, which says the same before them.
	"schema-negative":     {`{"release_name": "schema", "chart_path": "@/testcharts/chart-with-schema-negative"}`},
	"schema-negative-cli": {`{"release_name": "schema", "chart_path": "@/testcharts/chart-with-schema", "set": ["age=-5"]}`},
	"subchart-schema-negative": {
		`{"release_name": "schema", "chart_path": "@/testcharts/chart-with-schema-and-subchart"}`,
	},
	"subchart-schema-cli-negative": {
		`{"release_name": "schema", "chart_path": "@/testcharts/chart-with-schema-and-subchart", "set": ["lastname=doe", "subchart-with-schema.age=-25"]}`,
	},
}

func TestHelmsOwnTemplates(t *testing.T) {
	t.Parallel()
	directory, config := helmTests(t), clusterless(t)
	for golden, every := range goldenTemplates {
		t.Run(golden, func(t *testing.T) {
			t.Parallel()
			for _, arguments := range every {
				request := asked[TemplateRequest](t, directory, arguments)
				text, err := Template(quiet(t), config, request)
				sameAsGolden(t, directory, golden, text, err)
			}
		})
	}
}

func TestTemplatesAtOnce(t *testing.T) {
	t.Parallel()
	directory, config := helmTests(t), clusterless(t)
	var group sync.WaitGroup
	for range 4 {
		for golden, every := range goldenTemplates {
			for _, arguments := range every {
				request := asked[TemplateRequest](t, directory, arguments)
				group.Go(func() {
					text, err := Template(quiet(t), config, request)
					sameAsGolden(t, directory, golden, text, err)
				})
			}
		}
	}
	group.Wait()
}

var goldenLints = map[string]string{
	"lint-chart-with-bad-subcharts":                `{"chart_path": ["@/testcharts/chart-with-bad-subcharts"]}`,
	"lint-chart-with-bad-subcharts-with-subcharts": `{"chart_path": ["@/testcharts/chart-with-bad-subcharts"], "with_subcharts": true}`,
	"lint-chart-with-deprecated-api":               `{"chart_path": ["@/testcharts/chart-with-deprecated-api"], "kube_version": "1.22.0"}`,
	"lint-chart-with-deprecated-api-strict":        `{"chart_path": ["@/testcharts/chart-with-deprecated-api"], "kube_version": "1.22.0", "strict": true}`,
	"lint-chart-with-deprecated-api-old-k8s":       `{"chart_path": ["@/testcharts/chart-with-deprecated-api"], "kube_version": "1.20.0", "strict": true}`,
}

func TestHelmsOwnLints(t *testing.T) {
	t.Parallel()
	directory, config := helmTests(t), clusterless(t)
	for golden, arguments := range goldenLints {
		t.Run(golden, func(t *testing.T) {
			t.Parallel()
			found, err := Lint(quiet(t), config, asked[LintRequest](t, directory, arguments))
			must(t, err)
			want := strings.ReplaceAll(read(t, directory, golden), "Error: ", "")
			if got := strings.ReplaceAll(found.Output, directory, "testdata"); got != want {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
			if failed := strings.Contains(read(t, directory, golden), "Error: "); failed != (found.Failed > 0) {
				t.Errorf("%d charts failed", found.Failed)
			}
		})
	}
}

func asked[Request interface{ Validate() error }](t *testing.T, directory, arguments string) Request {
	t.Helper()
	var request Request
	must(t, json.Unmarshal([]byte(strings.ReplaceAll(arguments, "@", directory)), &request))
	must(t, request.Validate())
	return request
}

func read(t *testing.T, directory, golden string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(directory, "output", golden+".txt"))
	must(t, err)
	return string(text)
}

// sameAsGolden compares a text, or an error with what follows the command's "Error: ".
func sameAsGolden(t *testing.T, directory, golden, text string, err error) {
	t.Helper()
	want := read(t, directory, golden)
	_, refusal, fails := strings.Cut(want, "Error: ")
	if !fails {
		must(t, err)
		if text != want {
			t.Errorf("got\n%s\nwant\n%s", text, want)
		}
		return
	}
	refusal, _, _ = strings.Cut(strings.TrimPrefix(refusal, "INSTALLATION FAILED: "), "\n\nUse --debug")
	var known *bridge.Error
	if !errors.As(err, &known) || !strings.Contains(known.Message, strings.TrimSpace(refusal)) || known.Code == codeHelm {
		t.Errorf("got the error\n%v\nwant\n%s", err, refusal)
	}
}
