package certificates

import (
	"crypto/tls"
	"crypto/x509"
	"os"
	"testing"
)

func authority(t *testing.T) *Authority {
	t.Helper()
	authority, err := NewAuthority(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return authority
}

func TestServerCertificateHoldsForItsNamesOnly(t *testing.T) {
	t.Parallel()
	authority := authority(t)
	pair, err := authority.Server("web", "127.0.0.1", "web.default.svc")
	if err != nil {
		t.Fatal(err)
	}
	loaded, err := tls.LoadX509KeyPair(pair.CertificateFile, pair.KeyFile)
	if err != nil {
		t.Fatal(err)
	}
	for name, valid := range map[string]bool{"127.0.0.1": true, "web.default.svc": true, "127.0.0.2": false, "other": false} {
		_, err := loaded.Leaf.Verify(x509.VerifyOptions{Roots: authority.Pool(), DNSName: name})
		if (err == nil) != valid {
			t.Errorf("%s: valid is %t, want %t (%v)", name, err == nil, valid, err)
		}
	}
	if _, err := loaded.Leaf.Verify(x509.VerifyOptions{
		Roots: authority.Pool(), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}); err == nil {
		t.Error("a serving certificate passes for a client's")
	}
}

func TestClientCertificateNamesUserAndGroups(t *testing.T) {
	t.Parallel()
	authority := authority(t)
	pair, err := authority.Client("admin", "alice", "system:masters")
	if err != nil {
		t.Fatal(err)
	}
	loaded, err := tls.X509KeyPair(pair.Certificate, pair.Key)
	if err != nil {
		t.Fatal(err)
	}
	subject := loaded.Leaf.Subject
	if subject.CommonName != "alice" || len(subject.Organization) != 1 || subject.Organization[0] != "system:masters" {
		t.Errorf("subject is %v", subject)
	}
	information, err := os.Stat(pair.KeyFile)
	if err != nil {
		t.Fatal(err)
	}
	if information.Mode().Perm() != 0o600 {
		t.Errorf("the key can be read by others: %v", information.Mode())
	}
}

func TestServerForIsMadeOnceAName(t *testing.T) {
	t.Parallel()
	authority := authority(t)
	first, err := authority.ServerFor("hook.default.svc")
	if err != nil {
		t.Fatal(err)
	}
	again, err := authority.ServerFor("hook.default.svc")
	if err != nil {
		t.Fatal(err)
	}
	if first != again {
		t.Error("made twice")
	}
	if err := first.Leaf.VerifyHostname("hook.default.svc"); err != nil {
		t.Error(err)
	}
}
