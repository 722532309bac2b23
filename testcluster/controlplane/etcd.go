package controlplane

import (
	"context"
	"fmt"
	"net/url"
	"path/filepath"
	"time"

	"go.etcd.io/etcd/server/v3/embed"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/helm-sdkpy/helm-sdkpy/testcluster/state"
)

// startEtcd runs etcd in this process and answers with the address for the API server, a socket in the state directory.
func startEtcd(ctx context.Context, directory *state.Directory) (string, error) {
	config := embed.NewConfig()
	config.Name = "testcluster"
	config.Dir = directory.Path("etcd")
	// Nothing here outlives the process, so nothing need survive a power cut.
	config.UnsafeNoFsync = true
	config.TickMs = 10
	config.ElectionMs = 50
	config.BackendBatchInterval = 10 * time.Millisecond
	config.QuotaBackendBytes = 4 << 30

	client := url.URL{Scheme: "unix", Path: filepath.Join(directory.Path("etcd.sock"))}
	peer := url.URL{Scheme: "unix", Path: filepath.Join(directory.Path("peer.sock"))}
	// etcd refuses to advertise an address without a host; nobody reads this one.
	advertised := url.URL{Scheme: "http", Host: "127.0.0.1:1"}
	config.ListenClientUrls = []url.URL{client}
	config.ListenPeerUrls = []url.URL{peer}
	config.AdvertiseClientUrls = []url.URL{advertised}
	config.AdvertisePeerUrls = []url.URL{advertised}
	config.InitialCluster = config.InitialClusterFromName(config.Name)

	log, err := directory.Log("etcd")
	if err != nil {
		return "", err
	}
	encoder := zapcore.NewConsoleEncoder(zap.NewDevelopmentEncoderConfig())
	core := zapcore.NewCore(encoder, zapcore.AddSync(log), zap.ErrorLevel)
	config.ZapLoggerBuilder = embed.NewZapLoggerBuilder(zap.New(core))

	server, err := embed.StartEtcd(config)
	if err != nil {
		return "", fmt.Errorf("start etcd: %w", err)
	}
	select {
	case <-server.Server.ReadyNotify():
		return client.String(), nil
	case err := <-server.Err():
		return "", fmt.Errorf("start etcd: %w", err)
	case <-ctx.Done():
		return "", ctx.Err()
	}
}
