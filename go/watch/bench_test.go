package watch

import (
	"context"
	"fmt"
	"testing"
	"time"

	"helm.sh/helm/v4/pkg/kube"

	"github.com/helm-sdkpy/helm-sdkpy/go/bridge"
)

// BenchmarkLargeRelease applies 200 config maps to a server that is 10 ms away, with Helm's client and with this one.
func BenchmarkLargeRelease(b *testing.B) {
	manifests := make([]map[string]any, 200)
	for i := range manifests {
		manifests[i] = configMap(fmt.Sprintf("c%d", i), owned, map[string]any{"x": "1"})
	}
	for _, listening := range []bool{false, true} {
		for _, serverSide := range []bool{true, false} {
			for _, ours := range []bool{false, true} {
				if listening && !ours {
					continue
				}
				name := fmt.Sprintf("server-side=%t/ours=%t/listening=%t", serverSide, ours, listening)
				setUp := func(b *testing.B) (kube.Interface, func() kube.ResourceList) {
					op := bridge.NewOperation(context.Background())
					if listening {
						op = bridge.NewObserved(context.Background(), func(bridge.Event) {})
					}
					server := newAPI(b)
					server.delay = 10 * time.Millisecond
					transport := NewTransport(op, Options{})
					var client kube.Interface = New(op, nil, transport, Options{})
					if !ours {
						client = &kube.Client{}
					}
					return client, func() kube.ResourceList { return infos(b, server.config(transport), manifests...) }
				}
				b.Run("create/"+name, func(b *testing.B) {
					for range b.N {
						b.StopTimer()
						client, list := setUp(b)
						objects := list()
						b.StartTimer()
						if _, err := client.Create(objects, kube.ClientCreateOptionServerSideApply(serverSide, false)); err != nil {
							b.Fatal(err)
						}
					}
				})
				b.Run("update/"+name, func(b *testing.B) {
					client, list := setUp(b)
					if _, err := client.Create(list(), kube.ClientCreateOptionServerSideApply(serverSide, false)); err != nil {
						b.Fatal(err)
					}
					for range b.N {
						b.StopTimer()
						before, after := list(), list()
						b.StartTimer()
						if _, err := client.Update(before, after, kube.ClientUpdateOptionServerSideApply(serverSide, false)); err != nil {
							b.Fatal(err)
						}
					}
				})
			}
		}
	}
}

// BenchmarkChecks reads 200 objects 10 ms away one by one, as Helm does before an install.
func BenchmarkChecks(b *testing.B) {
	for _, ahead := range []bool{false, true} {
		b.Run(fmt.Sprintf("ahead=%t", ahead), func(b *testing.B) {
			server := newAPI(b)
			server.delay = 10 * time.Millisecond
			transport := NewTransport(bridge.NewOperation(context.Background()), Options{})
			manifests := make([]map[string]any, 200)
			for i := range manifests {
				manifests[i] = configMap(fmt.Sprintf("c%d", i), owned, nil)
			}
			list := infos(b, server.config(transport), manifests...)
			for range b.N {
				if ahead {
					transport.ahead.expect(list)
				}
				check(list)
			}
		})
	}
}
