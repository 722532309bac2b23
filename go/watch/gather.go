package watch

import (
	"context"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/helm-sdkpy/helm-sdkpy/go/bridge"
)

// What an error's details hold of what belongs to an object that was not ready.
const (
	gatherLimit   = 2 * time.Second // for all of it
	gatheredAbout = 20              // objects
	gatherAtOnce  = 8
	podsTold      = 5
	eventsTold    = 5
	logsTold      = 3 // containers of an object
	logLines      = 20
	logBytes      = 4 << 10
)

// gather adds to what was not ready why: what belongs to it, and what it wrote. What can not be had in time is missing.
func (c *Client) gather(left states, aim aim) {
	if len(left) == 0 || c.ctx.Err() != nil {
		return
	}
	from := c.relatives()
	if from == nil {
		return
	}
	ctx, cancel := context.WithTimeout(c.ctx, gatherLimit)
	defer cancel()
	places := make(chan struct{}, gatherAtOnce)
	var group sync.WaitGroup
	for i := range left[:min(len(left), gatheredAbout)] {
		if left[i].object == nil {
			continue
		}
		places <- struct{}{}
		group.Go(func() {
			defer func() { <-places }()
			_ = bridge.Guard("gathering why something is not ready", func() error {
				c.why(ctx, from, &left[i], aim)
				return nil
			})
		})
	}
	group.Wait()
}

// why asks for all that is told of one object.
func (c *Client) why(ctx context.Context, from relatives, found *state, aim aim) {
	k := kinOf(ctx, from, found.object, true)
	found.plain = found.Message
	found.Message = c.record.redact(reason(found.object, found.Message, k))
	evidence := map[string]any{}
	if told := c.conditions(found.object); len(told) > 0 {
		evidence["conditions"] = told
	}
	if told := c.podStates(k); len(told) > 0 {
		evidence["pods"] = told
	}
	if told := c.claimStates(k); len(told) > 0 {
		evidence["claims"] = told
	}
	if told := c.warnings(k); len(told) > 0 {
		evidence["events"] = told
	}
	if told := c.logs(ctx, k, aim); len(told) > 0 {
		evidence["logs"] = told
	}
	found.evidence = evidence
}

func (c *Client) text(text string) string { return shorten(c.record.redact(text)) }

func (c *Client) conditions(object *unstructured.Unstructured) []map[string]any {
	var told []map[string]any
	for _, condition := range conditionsOf(object) {
		told = append(told, map[string]any{
			"type": condition.Type, "status": string(condition.Status), "reason": condition.Reason, "message": c.text(condition.Message),
		})
	}
	return told
}

func (c *Client) podStates(k kin) []map[string]any {
	var told []map[string]any
	for i := range k.pods {
		pod := &k.pods[i]
		if podDone(pod) {
			continue
		}
		if len(told) == podsTold {
			break
		}
		var containers []map[string]any
		for _, status := range pod.Status.InitContainerStatuses {
			containers = append(containers, c.containerState(&status, true))
		}
		for _, status := range pod.Status.ContainerStatuses {
			containers = append(containers, c.containerState(&status, false))
		}
		told = append(told, map[string]any{
			"name":       pod.Name,
			"phase":      string(pod.Status.Phase),
			"message":    c.text(podReason(pod, k)),
			"node":       pod.Spec.NodeName,
			"containers": slices.Concat([]map[string]any{}, containers),
		})
	}
	return told
}

func (c *Client) containerState(status *corev1.ContainerStatus, init bool) map[string]any {
	told := map[string]any{"name": status.Name, "init": init, "ready": status.Ready, "restarts": status.RestartCount}
	ended := status.State.Terminated
	switch {
	case status.State.Waiting != nil:
		told["state"], told["reason"], told["message"] = "waiting", status.State.Waiting.Reason, c.text(status.State.Waiting.Message)
		ended = status.LastTerminationState.Terminated
	case status.State.Running != nil:
		told["state"], told["reason"], told["message"] = "running", "", ""
		ended = status.LastTerminationState.Terminated
	case ended != nil:
		told["state"], told["reason"], told["message"] = "terminated", ended.Reason, c.text(ended.Message)
	default:
		told["state"], told["reason"], told["message"] = "waiting", "", ""
	}
	told["exit_code"] = nil
	if ended != nil {
		told["exit_code"] = ended.ExitCode
	}
	return told
}

func (c *Client) claimStates(k kin) []map[string]any {
	var told []map[string]any
	for _, claim := range k.claims {
		class := ""
		if claim.Spec.StorageClassName != nil {
			class = *claim.Spec.StorageClassName
		}
		told = append(told, map[string]any{
			"name": claim.Name, "phase": string(claim.Status.Phase), "storage_class": class, "message": c.text(claimEvent(k.events[claim.UID])),
		})
	}
	return told
}

// warnings are the newest warnings of the object and of what belongs to it.
func (c *Client) warnings(k kin) []map[string]any {
	var all []corev1.Event
	for _, events := range k.events {
		for _, event := range events {
			if event.Type == corev1.EventTypeWarning {
				all = append(all, event)
			}
		}
	}
	var told []map[string]any
	for _, event := range newest(all) {
		if len(told) == eventsTold {
			break
		}
		count := max(event.Count, 1)
		if event.Series != nil {
			count = event.Series.Count
		}
		told = append(told, map[string]any{
			"object":    event.InvolvedObject.Kind + " " + event.InvolvedObject.Name,
			"reason":    event.Reason,
			"message":   c.text(event.Message),
			"count":     count,
			"last_seen": happened(&event).UTC().Format(time.RFC3339),
		})
	}
	return told
}

// written is a container whose log is told.
type written struct {
	pod, container string
	previous       bool // the log of the container that ended, not of the one that runs in its place
}

// writers are the containers that failed, fail, or run without being ready.
func writers(k kin, aim aim) []written {
	var found []written
	for i := range k.pods {
		pod := &k.pods[i]
		if podDone(pod) {
			continue
		}
		for _, status := range slices.Concat(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses) {
			last := status.LastTerminationState.Terminated
			one := written{pod: pod.Name, container: status.Name}
			switch ended := status.State.Terminated; {
			case ended != nil && (ended.ExitCode != 0 || aim == aimHook):
				found = append(found, one)
			case status.State.Running != nil && (!status.Ready || aim == aimHook):
				found = append(found, one)
				if last != nil {
					found = append(found, written{one.pod, one.container, true})
				}
			case status.State.Waiting != nil && last != nil:
				found = append(found, written{one.pod, one.container, true})
			}
		}
	}
	return found[:min(len(found), logsTold)]
}

// logs are the last lines of those containers, read at once.
func (c *Client) logs(ctx context.Context, k kin, aim aim) []map[string]any {
	client, err := c.kubernetes()
	if err != nil || len(k.pods) == 0 {
		return nil
	}
	namespace := k.pods[0].Namespace
	asked := writers(k, aim)
	read := make([][]string, len(asked))
	var group sync.WaitGroup
	for i, one := range asked {
		group.Go(func() {
			_ = bridge.Guard("reading a container's log", func() error {
				lines, limit := int64(logLines), int64(16*logBytes)
				request := client.CoreV1().Pods(namespace).GetLogs(one.pod, &corev1.PodLogOptions{
					Container: one.container, Previous: one.previous, TailLines: &lines, LimitBytes: &limit,
				})
				stream, err := request.Stream(ctx)
				if err != nil {
					return err
				}
				defer stream.Close() //nolint:errcheck // only read from
				text, err := io.ReadAll(io.LimitReader(stream, limit))
				read[i] = c.lastLines(string(text))
				return err
			})
		})
	}
	group.Wait()
	var told []map[string]any
	for i, one := range asked {
		if len(read[i]) > 0 {
			told = append(told, map[string]any{"pod": one.pod, "container": one.container, "previous": one.previous, "lines": read[i]})
		}
	}
	return told
}

// lastLines are the end of a log, without what is known to be secret: it goes before the log is cut, or half of it
// would stay.
func (c *Client) lastLines(text string) []string {
	text = strings.TrimRight(strings.ToValidUTF8(c.record.redact(text), "\uFFFD"), "\r\n")
	if text == "" {
		return nil
	}
	lines := strings.Split(text, "\n")
	lines = lines[max(0, len(lines)-logLines):]
	left := logBytes
	for i := len(lines) - 1; i >= 0; i-- {
		lines[i] = cut(strings.TrimSuffix(lines[i], "\r"), logBytes/4)
		if left -= len(lines[i]); left < 0 {
			return lines[i+1:]
		}
	}
	return lines
}
