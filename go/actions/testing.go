package actions

import (
	"cmp"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"helm.sh/helm/v4/pkg/action"
	ri "helm.sh/helm/v4/pkg/release"
	release "helm.sh/helm/v4/pkg/release/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/yaml"

	"github.com/helm-sdkpy/helm-sdkpy/go/bridge"
	"github.com/helm-sdkpy/helm-sdkpy/go/session"
	"github.com/helm-sdkpy/helm-sdkpy/go/watch"
)

// TestRequest are the arguments of `helm test`.
type TestRequest struct {
	ReleaseName string   `json:"release_name"`
	Filter      []string `json:"filter"`
	Logs        bool     `json:"logs"`
	Timeout     *float64 `json:"timeout"`
}

// Validate refuses what can be known to be wrong before anything is done.
func (r TestRequest) Validate() error {
	if err := validName(r.ReleaseName); err != nil {
		return err
	}
	if _, err := r.filters(); err != nil {
		return err
	}
	return WaitOptions{Timeout: r.Timeout}.Validate()
}

// excluding is how the command writes that a test is left out (helm: pkg/cmd/release_testing.go).
var excluding = regexp.MustCompile(`^!\s?name=`)

// filters are the tests to run and those to leave out, in the form of Helm's action. The command takes no notice of a
// filter that it does not know, and then runs every test.
func (r TestRequest) filters() (map[string][]string, error) {
	filters := map[string][]string{}
	for _, given := range r.Filter {
		// As the flag is read (pflag: string_slice.go).
		each, err := csv.NewReader(strings.NewReader(given)).Read()
		if err != nil {
			return nil, invalid("filter", "%q can not be read: %v", given, err)
		}
		for _, one := range each {
			if name, found := strings.CutPrefix(one, "name="); found {
				filters[action.IncludeNameFilter] = append(filters[action.IncludeNameFilter], name)
			} else if before := excluding.FindString(one); before != "" {
				filters[action.ExcludeNameFilter] = append(filters[action.ExcludeNameFilter], strings.TrimPrefix(one, before))
			} else {
				return nil, invalid("filter", "%q is not known: it must be \"name=TEST\" or \"!name=TEST\"", one)
			}
		}
	}
	return filters, nil
}

// TestedRelease is a release after its tests, and what they wrote.
type TestedRelease struct {
	*Release

	Logs []TestLog `json:"logs"`
}

// TestLog is what a container of a test wrote.
type TestLog struct {
	Test      string `json:"test"`
	Kind      string `json:"kind"`
	Pod       string `json:"pod"`
	Container string `json:"container"`
	Log       string `json:"log"`
	Error     string `json:"error,omitempty"`
}

// Test does what `helm test` does: it runs the hooks of a release that are its chart's tests.
func Test(op *bridge.Operation, config *session.Configuration, request TestRequest) (*TestedRelease, error) {
	s, done, err := change(op, config, changing{verb: "test", release: request.ReleaseName, serverSide: true})
	if err != nil {
		return nil, err
	}
	defer done()
	rel, logs, err := s.test(request)
	return &TestedRelease{Release: releaseResult(rel), Logs: logs}, s.explain(err)
}

func (s *scope) test(request TestRequest) (*release.Release, []TestLog, error) {
	s.phase("testing")
	s.conceal()
	filters, err := request.filters()
	if err != nil {
		return nil, nil, err
	}
	s.cfg.Releases.Driver = &hookKeeper{ledger: s.ledger}
	helm := action.NewReleaseTesting(s.cfg)
	helm.Filters = filters
	helm.Namespace = s.namespace
	helm.Timeout = WaitOptions{Timeout: request.Timeout}.timeout()
	helm.WaitOptions = waitOptions()

	began := time.Now()
	record, shutdown, err := helm.Run(s.release)
	rel := asRelease(record)
	if rel == nil {
		return nil, nil, err
	}
	ran := testsSince(rel, began)
	logs := []TestLog{}
	if request.Logs && !s.op.Cancelled() {
		logs = s.testLogs(ran)
	}
	// What a test leaves is deleted after its logs were read.
	if failed := shutdown(); err == nil {
		err = failed
	}
	err = s.settleTest(rel, ran, err)
	if err == nil {
		return rel, logs, nil
	}
	s.deleteFailedHooks(WaitOptions{Timeout: request.Timeout})
	return rel, logs, testsFailed(request, ran, logs, err)
}

// testsSince are the tests that were run since then, in the order in which Helm ran them (helm: pkg/action/hooks.go).
func testsSince(rel *release.Release, began time.Time) []*release.Hook {
	var ran []*release.Hook
	for _, hook := range rel.Hooks {
		if slices.Contains(hook.Events, release.HookTest) && !hook.LastRun.StartedAt.Before(began) {
			ran = append(ran, hook)
		}
	}
	slices.SortStableFunc(ran, func(a, b *release.Hook) int {
		return cmp.Or(cmp.Compare(a.Weight, b.Weight), cmp.Compare(a.Name, b.Name))
	})
	return ran
}

// settleTest records how the tests ended where Helm did not: it takes no notice of a record that could not be written
// after a test failed, and leaves one unknown that was cancelled before it was watched. The release itself stays as it was.
func (s *scope) settleTest(rel *release.Release, ran []*release.Hook, cause error) error {
	if cause == nil {
		return s.settle(nil)
	}
	for _, hook := range ran {
		if phase := hook.LastRun.Phase; phase != release.HookPhaseSucceeded && phase != release.HookPhaseFailed {
			hook.LastRun.Phase, hook.LastRun.CompletedAt = release.HookPhaseFailed, time.Now()
			s.record(func() error { return s.cfg.Releases.Update(rel) })
		}
	}
	s.record(s.ledger.save)
	return cause
}

// testsFailed says of each test that was run how it ended.
func testsFailed(request TestRequest, ran []*release.Hook, logs []TestLog, cause error) error {
	details := map[string]any{}
	var known *bridge.Error
	if errors.As(cause, &known) {
		maps.Copy(details, known.Details)
	}
	tests := make([]map[string]any, 0, len(ran))
	for _, hook := range ran {
		tests = append(tests, map[string]any{"name": hook.Name, "kind": hook.Kind, "last_run": hook.LastRun})
	}
	details["tests"] = tests
	message := cause.Error()
	if request.Logs {
		details["logs"] = logs
	} else if len(ran) > 0 {
		message += " (logs=True puts what the tests wrote into the details)"
	}
	return &bridge.Error{Code: codeOf(cause), Message: message, Details: details, Cause: cause}
}

// testLogs are what the containers of the tests wrote: of pods as the command prints it (helm:
// pkg/action/release_testing.go, GetPodLogs), and of jobs too.
func (s *scope) testLogs(ran []*release.Hook) []TestLog {
	logs := []TestLog{}
	for _, hook := range ran {
		var options metav1.ListOptions
		switch hook.Kind {
		case "Pod":
			options.FieldSelector = "metadata.name=" + hook.Name
		case "Job":
			options.LabelSelector = "job-name=" + hook.Name
		default:
			continue
		}
		namespace := s.namespaceOf(hook)
		pods, err := s.client.GetPodList(namespace, options)
		if err == nil && len(pods.Items) == 0 {
			err = errors.New("its pod is gone")
		}
		if err != nil {
			logs = append(logs, TestLog{Test: hook.Name, Kind: hook.Kind, Error: err.Error()})
			continue
		}
		for _, pod := range pods.Items {
			logs = append(logs, s.podLogs(hook, namespace, pod)...)
		}
	}
	return logs
}

func (s *scope) podLogs(hook *release.Hook, namespace string, pod corev1.Pod) []TestLog {
	var logs []TestLog
	for _, container := range slices.Concat(pod.Spec.InitContainers, pod.Spec.Containers) {
		one := corev1.PodList{Items: []corev1.Pod{{ObjectMeta: pod.ObjectMeta, Spec: corev1.PodSpec{Containers: []corev1.Container{container}}}}}
		text := &logText{}
		// Helm itself gives out the logs of hooks that say so.
		if s.op.Listening() && len(hook.OutputLogPolicies) == 0 {
			text.lines = watch.HookOutput(s.op, s.release, s.namespace)(namespace, pod.Name, container.Name)
		}
		err := s.client.OutputContainerLogsForPodList(&one, namespace, func(string, string, string) io.Writer { return text })
		found := TestLog{Test: hook.Name, Kind: hook.Kind, Pod: pod.Name, Container: container.Name, Log: text.String()}
		if err != nil {
			found.Error = err.Error()
		}
		logs = append(logs, found)
	}
	return logs
}

// namespaceOf is where the hook's objects are (helm: pkg/action/hooks.go, deriveNamespace).
func (s *scope) namespaceOf(hook *release.Hook) string {
	var object struct {
		Metadata struct{ Namespace string }
	}
	if err := yaml.Unmarshal([]byte(hook.Manifest), &object); err != nil || object.Metadata.Namespace == "" {
		return s.namespace
	}
	return object.Metadata.Namespace
}

// logLimit is how much of a container's log is kept; a test may write without end.
const logLimit = 4 << 20

// logText keeps what is written to it, and hands it on where lines are wanted.
type logText struct {
	text  []byte
	left  int
	lines io.Writer
}

// Write implements io.Writer; it never fails.
func (l *logText) Write(part []byte) (int, error) {
	fits := min(len(part), logLimit-len(l.text))
	l.text = append(l.text, part[:fits]...)
	l.left += len(part) - fits
	if l.lines != nil {
		_, _ = l.lines.Write(part)
	}
	return len(part), nil
}

// Close gives out a last line that has no end.
func (l *logText) Close() error {
	if closer, ok := l.lines.(io.Closer); ok {
		return closer.Close()
	}
	return nil
}

func (l *logText) String() string {
	text := strings.ToValidUTF8(string(l.text), "\uFFFD")
	if l.left > 0 {
		text += fmt.Sprintf("… (%d bytes more)", l.left)
	}
	return text
}

// hookKeeper is the storage of a test. Helm takes the hooks that a filter leaves out away from the release while the
// tests run, and records it so: were the process killed then, a later uninstall would not know of them.
type hookKeeper struct {
	*ledger

	hooks map[string][]*release.Hook // by key, as found
}

// Query implements driver.Queryor.
func (k *hookKeeper) Query(labels map[string]string) ([]ri.Releaser, error) {
	records, err := k.ledger.Query(labels)
	k.hooks = map[string][]*release.Hook{}
	for _, record := range records {
		if rel := asRelease(record); rel != nil {
			k.hooks[recordKey(rel.Name, rel.Version)] = slices.Clone(rel.Hooks)
		}
	}
	return records, err
}

// Update implements driver.Updator: the record has all of its hooks, in the order in which Helm has them at the end.
func (k *hookKeeper) Update(key string, record ri.Releaser) error {
	rel := asRelease(record)
	if rel == nil {
		return k.ledger.Update(key, record)
	}
	whole := *rel
	missing := slices.DeleteFunc(slices.Clone(k.hooks[key]), func(hook *release.Hook) bool { return slices.Contains(rel.Hooks, hook) })
	whole.Hooks = slices.Concat(missing, rel.Hooks)
	return k.ledger.Update(key, &whole)
}
