package watch

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	"helm.sh/helm/v4/pkg/kube"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/util/wait"

	"github.com/helm-sdkpy/helm-sdkpy/go/bridge"
)

// The codes of errors that end a wait.
const (
	CodeWaitTimeout = "wait_timeout" // something was not ready in time; details.not_ready says what
	CodeWaitFailed  = "wait_failed"  // something failed for good; details.not_ready says what
	CodeHookFailed  = "hook_failed"  // a hook ran and failed; details has resource, status, message and hook
)

const (
	finalLook    = 2 * time.Second // for the statuses after a wait has failed
	namedAtMost  = 5               // objects that a record's description names; the details name all
	linesAtMost  = 20              // objects that a message has a line for
	messageLimit = 300
)

// spelled is the cause of a wait's error whose message is short, since Helm writes that into the release's record. It
// knows the part of the message that names the objects, and what stands in its place where there is room for it.
type spelled struct {
	error

	brief, lines string
}

// Unwrap gives Helm's error.
func (s *spelled) Unwrap() error { return s.error }

// Spell gives a message that ends a wait a line for each object that was not ready.
func Spell(message string, err error) string {
	var known *spelled
	if !errors.As(err, &known) || known.brief == "" {
		return message
	}
	return strings.Replace(message, known.brief, known.lines, 1)
}

// explain makes of a failed wait an error that says what was not ready and why, as text and as data. Helm's error has
// the states too, but as text only, and one line for each object.
func (c *Client) explain(aim aim, strategy kube.WaitStrategy, resources kube.ResourceList, timeout time.Duration, failed error) error {
	var refused apierrors.APIStatus
	if errors.As(failed, &refused) {
		return failed
	}
	// The legacy waiter has an error of its own for it when it watches a hook.
	timedOut := errors.Is(failed, context.DeadlineExceeded) || wait.Interrupted(failed) && !errors.Is(failed, context.Canceled)
	left := c.left(aim, strategy, awaited(resources, aim))
	c.gather(left, aim)
	if c.ctx.Err() != nil {
		return c.ctx.Err()
	}
	details := map[string]any{"not_ready": left.details()}
	if aim == aimHook && len(left) > 0 {
		details["hook"] = c.hookPhase(resources[0])
		details["resource"] = left[0].Resource
		details["status"] = left[0].Status
		details["message"] = left[0].Message
	}
	if timeout == 0 {
		timeout = kube.DefaultStatusWatcherTimeout
	}
	if timedOut && len(left) == 0 { // all was well by the time it was asked for again, or nothing could be learned
		message := fmt.Sprintf("timed out after %s: %s", timeout, shorten(failed.Error()))
		return &bridge.Error{Code: CodeWaitTimeout, Message: message, Details: details, Cause: failed}
	}
	if timedOut {
		message := fmt.Sprintf("timed out after %s waiting for %s %s%s", timeout, left.count(len(resources)), aim.wish(), left.listed())
		return &bridge.Error{Code: CodeWaitTimeout, Message: message, Details: details, Cause: &spelled{failed, left.listed(), left.lines()}}
	}
	broken := left.failed()
	switch {
	case len(broken) == 0:
		return failed // not the objects' fault
	case aim == aimHook:
		return &bridge.Error{Code: CodeHookFailed, Message: "hook failed" + left.listed(), Details: details, Cause: &spelled{failed, left.listed(), left.lines()}}
	default:
		message := fmt.Sprintf("%s failed%s", broken.count(len(resources)), broken.listed())
		return &bridge.Error{Code: CodeWaitFailed, Message: message, Details: details, Cause: &spelled{failed, broken.listed(), left.lines()}}
	}
}

func (a aim) wish() string {
	switch a {
	case aimGone:
		return "to be deleted"
	case aimHook:
		return "to complete"
	default:
		return "to be ready"
	}
}

type states []state

// left are the objects that have not reached what was waited for, asked for anew: Helm's error tells them as text.
func (c *Client) left(aim aim, strategy kube.WaitStrategy, resources kube.ResourceList) states {
	client, err := c.Factory.DynamicClient()
	if err != nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(c.ctx, finalLook)
	defer cancel()
	all := current(ctx, client, resources, aim)
	if strategy == kube.LegacyStrategy {
		all = addressed(all, aim)
	}
	var left states
	for _, found := range all {
		if !found.reached(aim) {
			left = append(left, found)
		}
	}
	return left
}

func (s states) failed() states {
	var failed states
	for _, found := range s {
		if found.Status == statuses[status.FailedStatus] {
			failed = append(failed, found)
		}
	}
	return failed
}

func (s states) details() []map[string]any {
	details := make([]map[string]any, len(s))
	for i, found := range s {
		details[i] = map[string]any{
			"api_version": found.APIVersion,
			"kind":        found.Kind,
			"namespace":   found.Namespace,
			"name":        found.Name,
			"status":      found.Status,
			"message":     found.Message,
		}
		maps.Copy(details[i], found.evidence)
	}
	return details
}

func (s states) count(of int) string {
	if of == 1 {
		return "1 object"
	}
	return fmt.Sprintf("%d of %d objects", len(s), of)
}

func (s states) listed() string {
	if len(s) == 0 {
		return ""
	}
	var text strings.Builder
	for i, found := range s {
		if i == namedAtMost {
			fmt.Fprintf(&text, "; and %d more", len(s)-i)
			break
		}
		text.WriteString([]string{": ", "; "}[min(i, 1)])
		text.WriteString(found.line(cmp.Or(found.plain, found.Message)))
	}
	return text.String()
}

// lines are the objects below one another, each with all that is known of why.
func (s states) lines() string {
	if len(s) == 1 {
		return ": " + s[0].line(s[0].Message)
	}
	text := ":"
	for i, found := range s {
		if i == linesAtMost {
			return text + fmt.Sprintf("\n  and %d more", len(s)-i)
		}
		text += "\n  " + found.line(found.Message)
	}
	return text
}

func (s state) line(message string) string {
	return label(s.Resource) + ": " + strings.Join(strings.Fields(shorten(cmp.Or(message, s.Status))), " ")
}

// shorten bounds a message of the cluster's.
func shorten(message string) string { return cut(message, messageLimit) }

// cut bounds a text, on a whole character.
func cut(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	end := limit
	for end > 0 && !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end] + "…"
}

// hooksEnded tells how each hook of the list ended.
func (c *Client) hooksEnded(resources kube.ResourceList, err error) {
	if !c.report.listening() {
		return
	}
	var known *bridge.Error
	reasons := map[bridge.Resource]string{}
	if errors.As(err, &known) {
		left, _ := known.Details["not_ready"].([]map[string]any)
		for _, found := range left {
			named := bridge.Resource{
				APIVersion: found["api_version"].(string), Kind: found["kind"].(string),
				Namespace: found["namespace"].(string), Name: found["name"].(string),
			}
			reasons[named], _ = found["message"].(string)
		}
	}
	for _, info := range resources {
		phase := c.hookPhase(info)
		reason, named := reasons[resourceOf(info)]
		switch {
		case err == nil, len(reasons) > 0 && !named:
			c.hookEvent(info, phase, hookSucceeded, "")
		case named:
			c.hookEvent(info, phase, hookFailed, shorten(reason))
		default:
			c.hookEvent(info, phase, hookFailed, shorten(err.Error()))
		}
	}
}
