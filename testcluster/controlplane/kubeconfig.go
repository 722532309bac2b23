package controlplane

import (
	"encoding/base64"
	"fmt"

	"github.com/helm-sdkpy/helm-sdkpy/testcluster/certificates"
)

// kubeconfig holds the certificates themselves, so that the one file can be copied anywhere.
func kubeconfig(server string, authority *certificates.Authority, client *certificates.Pair) []byte {
	encode := base64.StdEncoding.EncodeToString
	return fmt.Appendf(nil, `apiVersion: v1
kind: Config
clusters:
- name: testcluster
  cluster:
    server: %s
    certificate-authority-data: %s
users:
- name: admin
  user:
    client-certificate-data: %s
    client-key-data: %s
contexts:
- name: testcluster
  context:
    cluster: testcluster
    user: admin
current-context: testcluster
`, server, encode(authority.PEM), encode(client.Certificate), encode(client.Key))
}
