package network

import (
	"context"
	"crypto/tls"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// ownCertificate finds the certificate that a chart made for its webhook, which the chart's caBundle vouches for, among
// the Secrets beside the webhook's Service; nil where there is none.
func (p *Proxy) ownCertificate(ctx context.Context, server string) *tls.Certificate {
	p.mu.Lock()
	client := p.client
	p.mu.Unlock()
	parts := strings.Split(server, ".")
	if client == nil || len(parts) != 3 {
		return nil
	}
	secrets, err := client.CoreV1().Secrets(parts[1]).List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil
	}
	for _, secret := range secrets.Items {
		certificate, err := tls.X509KeyPair(secret.Data[corev1.TLSCertKey], secret.Data[corev1.TLSPrivateKeyKey])
		if err == nil && certificate.Leaf != nil && certificate.Leaf.VerifyHostname(server) == nil {
			return &certificate
		}
	}
	return nil
}
