package watch

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"helm.sh/helm/v4/pkg/kube"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/cli-runtime/pkg/resource"
)

// check reads as Helm does before it installs and before it uninstalls; it tells what each object's answer was.
func check(list kube.ResourceList) (answers []string) {
	for _, info := range list {
		_, err := resource.NewHelper(info.Client, info.Mapping).Get(info.Namespace, info.Name)
		switch {
		case apierrors.IsNotFound(err):
			answers = append(answers, "absent")
		case err != nil:
			answers = append(answers, err.Error())
		default:
			answers = append(answers, "there")
		}
	}
	return answers
}

func checked(t *testing.T, size int) (*api, *Client, kube.ResourceList, context.CancelFunc) {
	t.Helper()
	server := newAPI(t)
	op, _, cancel := listened(t)
	transport := NewTransport(op, Options{})
	client := New(op, nil, transport, Options{})
	manifests := make([]map[string]any, size)
	for i := range manifests {
		manifests[i] = configMap(fmt.Sprintf("c%03d", i), owned, nil)
	}
	list := infos(t, server.config(transport), manifests...)
	transport.ahead.expect(list)
	return server, client, list, cancel
}

func TestReadAheadGivesTheSameAnswersSooner(t *testing.T) {
	t.Parallel()
	const size, roundTrip = 60, 10 * time.Millisecond
	server, client, list, _ := checked(t, size)
	server.delay = roundTrip
	server.put(maps1+"/c007", configMap("c007", owned, nil))
	server.answer = func(w http.ResponseWriter, r *http.Request) bool {
		broken := strings.HasSuffix(r.URL.Path, "/c030")
		if broken {
			refuse(w, http.StatusInternalServerError, "InternalError", "etcd is on fire")
		}
		return broken
	}
	answers := check(list)
	for i, answer := range answers {
		want := map[int]string{7: "there", 30: "etcd is on fire"}[i]
		if want == "" {
			want = "absent"
		}
		if !strings.HasSuffix(answer, want) {
			t.Errorf("c%03d: %s", i, answer)
		}
	}
	sent := server.take()
	if len(sent) != size || len(slices.Compact(sent)) != size || server.most < 2 || server.most > aheadAtMost+1 {
		t.Errorf("%d requests, %d at once", len(sent), server.most)
	}
	if failures := client.Failures(); len(failures) != 1 || !strings.Contains(failures[0].Error(), "c030") {
		t.Errorf("%v", failures)
	}
}

// What is written in between must be seen.
func TestReadAheadEndsWithAWrite(t *testing.T) {
	t.Parallel()
	server, client, list, _ := checked(t, 10)
	check(list[:3])
	eventually(t, "everything was sent for", func() bool { return len(server.seen()) == 10 })
	if _, err := client.Create(list[5:6], clientSide); err != nil {
		t.Fatal(err)
	}
	if got := check(list[3:7]); !slices.Equal(got, []string{"absent", "absent", "there", "absent"}) {
		t.Errorf("%q", got)
	}
}

func TestReadAheadNeedsNeighbours(t *testing.T) {
	t.Parallel()
	server, client, list, _ := checked(t, 10)
	check(kube.ResourceList{list[0]})
	check(kube.ResourceList{list[4], list[2], list[8]})
	resume := client.traffic.ahead.pause()
	check(list[4:7])
	resume()
	if sent := server.take(); len(sent) != 7 {
		t.Errorf("%q", sent)
	}
}

// What was sent for and is not wanted any more holds nothing up (TestMain looks for what is left behind).
func TestReadAheadEndsWithTheOperation(t *testing.T) {
	t.Parallel()
	server, client, list, cancel := checked(t, 10)
	check(list[:1])
	server.answer = func(_ http.ResponseWriter, r *http.Request) bool {
		if strings.HasSuffix(r.URL.Path, "/c001") {
			return false
		}
		<-r.Context().Done()
		return true
	}
	check(list[1:2])
	eventually(t, "the next ones were sent for", func() bool { return len(server.seen()) == 10 })
	cancel()
	if got := check(list[9:]); !strings.Contains(got[0], context.Canceled.Error()) {
		t.Errorf("%q", got)
	}
	for place, sent := range client.traffic.ahead.sent {
		<-sent.done
		if !errors.Is(sent.err, context.Canceled) {
			t.Errorf("%d: %v", place, sent.err)
		}
	}
}
