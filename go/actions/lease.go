package actions

import (
	"bytes"
	"errors"
	"log/slog"

	"helm.sh/helm/v4/pkg/kube"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/helm-sdkpy/helm-sdkpy/go/bridge"
	"github.com/helm-sdkpy/helm-sdkpy/go/session"
)

// errLeaseLost is why nothing is written or cleaned up any more: another process may work on the release.
var errLeaseLost = &bridge.Error{
	Code: codeLeaseLost, Message: "the release's lease was lost: another process may work on it, nothing more is done here",
}

// takeLease takes the release from other processes. Where its namespace is not there, it is made as an install would make it
// if that is asked for; what needs a release to be there finds none, and needs no lease for that.
func (s *scope) takeLease(what changing) error {
	err := s.acquireLease()
	if errors.Is(err, session.ErrNoNamespace) {
		switch {
		case what.createNamespace && apierrors.IsNotFound(err):
			if err = s.makeNamespace(what.serverSide); err == nil {
				err = s.acquireLease()
			}
		case s.verb != "install" && s.verb != "upgrade":
			return nil
		}
	}
	var told *bridge.Error
	if err == nil || errors.As(err, &told) {
		return err
	}
	return s.explain(err)
}

func (s *scope) acquireLease() (err error) {
	s.lease, err = s.connection.Lease(s.release, func(reason string) { s.op.Fail(codeLeaseLost, reason) })
	return err
}

// makeNamespace is what an install with create_namespace does later (helm: pkg/action/install.go, RunWithContext).
func (s *scope) makeNamespace(serverSide bool) error {
	text, err := yaml.Marshal(&corev1.Namespace{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Namespace"},
		ObjectMeta: metav1.ObjectMeta{Name: s.namespace, Labels: map[string]string{"name": s.namespace}},
	})
	if err != nil {
		return err
	}
	objects, err := s.client.Build(bytes.NewReader(text), true)
	if err != nil {
		return err
	}
	_, err = s.client.Create(objects, kube.ClientCreateOptionServerSideApply(serverSide, false))
	if apierrors.IsAlreadyExists(err) {
		return nil
	}
	return err
}

// giveLeaseBack lets others have the release. What can not be given back lapses.
func (s *scope) giveLeaseBack() {
	if s.lease == nil {
		return
	}
	if err := s.lease.Release(s.purged); err != nil {
		s.log.Warn("a lease was not given back", slog.String("release", s.release), slog.String("namespace", s.namespace),
			slog.Any("error", err))
	}
}

// lost says whether another process may work on the release by now.
func (s *scope) lost() bool { return s.lease != nil && s.lease.Lost() }

// leftByTheDead says whether every stuck revision was made under a lease that lapsed: nobody has to wait for its process.
func (s *scope) leftByTheDead(found condition) bool {
	if s.lease == nil {
		return false
	}
	for _, one := range found.stuck {
		if !s.lease.SurelyDead(one.since) {
			return false
		}
	}
	return true
}
