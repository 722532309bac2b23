package actions

import (
	"context"
	"testing"

	"go.uber.org/goleak"

	"github.com/helm-sdkpy/helm-sdkpy/go/bridge"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

// quiet is an operation that nobody listens to.
func quiet(t *testing.T) *bridge.Operation {
	t.Helper()
	return bridge.NewOperation(context.Background())
}
