package node

import (
	"net/netip"
	"net/url"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

func TestWritten(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		annotations map[string]string
		want        string
	}{
		"nothing said": {nil, "main of web/shop\n"},
		"a line":       {map[string]string{logAnnotation: "hello"}, "hello\n"},
		"lines":        {map[string]string{logAnnotation: "one\ntwo\n"}, "one\ntwo\n"},
		"silence":      {map[string]string{logAnnotation: ""}, ""},
	} {
		pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "shop", Namespace: "web", Annotations: test.annotations}}
		if got := written(pod, "main"); got != test.want {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
}

func TestExcerpt(t *testing.T) {
	t.Parallel()
	const text = "one\ntwo\nthree\n"
	for query, want := range map[string]string{
		"":                          text,
		"tailLines=2":               "two\nthree\n",
		"tailLines=9":               text,
		"tailLines=0":               "",
		"limitBytes=5":              "one\nt",
		"limitBytes=99":             text,
		"tailLines=1&limitBytes=3":  "thr",
		"tailLines=x&limitBytes=-1": text,
	} {
		values, err := url.ParseQuery(query)
		if err != nil {
			t.Fatal(err)
		}
		if got := excerpt(text, values); got != want {
			t.Errorf("%s: %q, want %q", query, got, want)
		}
	}
}

func TestAddressOf(t *testing.T) {
	t.Parallel()
	block := netip.MustParsePrefix("198.18.0.0/15")
	seen := map[string]bool{}
	for _, uid := range []types.UID{"a", "b", "c", "d", "e"} {
		service := &corev1.Service{ObjectMeta: metav1.ObjectMeta{UID: uid}}
		address := addressOf(service)
		if !block.Contains(netip.MustParseAddr(address)) {
			t.Errorf("%s is not in %s", address, block)
		}
		if addressOf(service) != address {
			t.Errorf("the address of %s changes", uid)
		}
		seen[address] = true
	}
	if len(seen) != 5 {
		t.Errorf("5 services have %d addresses", len(seen))
	}
	asked := &corev1.Service{Spec: corev1.ServiceSpec{LoadBalancerIP: "192.0.2.7"}}
	if got := addressOf(asked); got != "192.0.2.7" {
		t.Errorf("asked for 192.0.2.7, got %s", got)
	}
}
