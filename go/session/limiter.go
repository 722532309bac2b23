package session

import (
	"context"

	"k8s.io/client-go/util/flowcontrol"
)

// limiter is the session's rate limit as one operation sees it: waiting ends with the operation.
type limiter struct {
	flowcontrol.RateLimiter
	ctx func() context.Context
}

// Wait implements flowcontrol.RateLimiter.
func (l *limiter) Wait(ctx context.Context) error {
	merged, release := merge(ctx, l.ctx())
	defer release()
	return l.RateLimiter.Wait(merged)
}

// Accept implements flowcontrol.RateLimiter.
func (l *limiter) Accept() { _ = l.Wait(context.Background()) }

// Stop does nothing: the limit is the session's.
func (l *limiter) Stop() {}
