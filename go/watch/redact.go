package watch

import (
	"cmp"
	"encoding/base64"
	"slices"
	"strings"
	"sync"

	"helm.sh/helm/v4/pkg/kube"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/yaml"
)

const (
	redacted = "[secret]"
	// Shorter values are no secret, and would make holes everywhere: "true", "1", "web".
	secretAtLeast = 6
)

// secrets are the values of the Secrets in an operation's manifests: what a container wrote is told without them.
type secrets struct {
	mu        sync.Mutex
	manifests []string
	data      []map[string]any
	values    []string // decoded, the longest first; nil until they are asked for
}

// learn keeps what Secrets hold, without decoding it: most operations never ask.
func (s *secrets) learn(resources kube.ResourceList) {
	for _, info := range resources {
		if info.Mapping.GroupVersionKind.GroupKind() != secretKind {
			continue
		}
		if object, ok := info.Object.(*unstructured.Unstructured); ok {
			s.keep(object.Object)
		}
	}
}

func (s *secrets) keep(object map[string]any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.values = nil
	for _, field := range []string{"data", "stringData"} {
		if held, ok := object[field].(map[string]any); ok {
			s.data = append(s.data, held)
		}
	}
}

func (s *secrets) add(manifest string) {
	if !strings.Contains(manifest, secretKind.Kind) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !slices.Contains(s.manifests, manifest) {
		s.manifests = append(s.manifests, manifest)
		s.values = nil
	}
}

// redact puts a mark in the place of every value of a Secret that is known.
func (r *record) redact(text string) string {
	for _, value := range r.secrets.known() {
		text = strings.ReplaceAll(text, value, redacted)
	}
	return text
}

func (s *secrets) known() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.values != nil {
		return s.values
	}
	found := map[string]struct{}{}
	for _, held := range s.data {
		spread(held, found)
	}
	for _, manifest := range s.manifests {
		decoder := yaml.NewYAMLOrJSONDecoder(strings.NewReader(manifest), len(manifest)+1)
		for {
			var object map[string]any
			if decoder.Decode(&object) != nil { // its end, or no YAML any more
				break
			}
			if (&unstructured.Unstructured{Object: object}).GroupVersionKind().GroupKind() != secretKind {
				continue
			}
			for _, field := range []string{"data", "stringData"} {
				if held, ok := object[field].(map[string]any); ok {
					spread(held, found)
				}
			}
		}
	}
	s.values = make([]string, 0, len(found))
	for value := range found {
		s.values = append(s.values, value)
	}
	slices.SortFunc(s.values, func(a, b string) int { return cmp.Or(cmp.Compare(len(b), len(a)), cmp.Compare(a, b)) })
	return s.values
}

// spread adds the forms in which a value may be written: as it is, a line of it, and in base64. Both of data and of
// stringData each is tried as base64: what is none is not.
func spread(held map[string]any, into map[string]struct{}) {
	add := func(value string) {
		if value = strings.TrimSpace(value); len(value) >= secretAtLeast {
			into[value] = struct{}{}
		}
	}
	for _, value := range held {
		text, ok := value.(string)
		if !ok {
			continue
		}
		add(text)
		if decoded, err := base64.StdEncoding.DecodeString(text); err == nil {
			text = string(decoded)
		} else {
			add(base64.StdEncoding.EncodeToString([]byte(text)))
		}
		add(text)
		for line := range strings.Lines(text) {
			add(line)
		}
	}
}

var secretKind = corev1.SchemeGroupVersion.WithKind("Secret").GroupKind()
