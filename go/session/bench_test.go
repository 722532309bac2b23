package session

import (
	"fmt"
	"testing"

	"github.com/helm-sdkpy/helm-sdkpy/go/bridge"
)

// BenchmarkInstall installs one object without waiting, over a session that knows the cluster.
func BenchmarkInstall(b *testing.B) {
	configuration, err := NewPool().Open(clusterOptions(b, "bench"))
	if err != nil {
		b.Fatal(err)
	}
	defer configuration.Close()
	i := 0
	for b.Loop() {
		i++
		if _, err := install(configuration, bridge.NewOperation(b.Context()), fmt.Sprintf("b%d", i), chartOf(configMapTemplate)); err != nil {
			b.Fatal(err)
		}
	}
	b.StopTimer()
	for ; i > 0; i-- {
		uninstall(b, configuration, fmt.Sprintf("b%d", i))
	}
}
