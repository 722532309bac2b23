package actions

import (
	"fmt"
	"strings"

	release "helm.sh/helm/v4/pkg/release/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/helm-sdkpy/helm-sdkpy/go/bridge"
	"github.com/helm-sdkpy/helm-sdkpy/go/session"
)

// Status does what `helm status` does: a release's record, and its objects as they are in the cluster.
func Status(op *bridge.Operation, config *session.Configuration, request RevisionRequest) (*Release, error) {
	s, err := enter(op, config, "status", request.ReleaseName, false)
	if err != nil {
		return nil, err
	}
	rel, err := s.status(request.Revision)
	return releaseResult(rel), s.explain(err)
}

func (s *scope) status(number int) (*release.Release, error) {
	early := s.readEarly(number)
	rel, version, err := s.readVersion(number)
	<-early.done
	if err != nil {
		return nil, err
	}
	if version != "" && early.version == version {
		rel.Info.Resources = early.objects
		return rel, nil
	}
	if rel.Info.Resources, err = s.objects(rel.Manifest); err == nil && version != "" && len(rel.Manifest) <= keptManifest {
		s.config.Session().Outlines().Put(s.toldKey(number), toldStatus{version, rel.Manifest})
	}
	return rel, err
}

// objects are those of a manifest as they are in the cluster, and their pods.
func (s *scope) objects(manifest string) (map[string][]runtime.Object, error) {
	objects, err := s.client.Build(strings.NewReader(manifest), false)
	if err != nil {
		return nil, err
	}
	return s.client.Get(objects, true)
}

// keptManifest is the size of a manifest that is kept for the next status; where it is larger, its objects are many.
const keptManifest = 256 << 10

// toldStatus is the revision whose status was told last.
type toldStatus struct{ version, manifest string }

func (s *scope) toldKey(number int) string {
	return fmt.Sprintf("status %s %s/%s %d", s.ledger.Name(), s.namespace, s.release, number)
}

// early are the objects of the revision that was told last, of the version that they are of; none where it is empty.
type early struct {
	version string
	objects map[string][]runtime.Object
	done    chan struct{}
}

// readEarly reads the objects of the revision that was told last while its record is read. They are as good as read
// afterwards where the record turns out to be the very same; else, or where anything is wrong, they are read again.
func (s *scope) readEarly(number int) *early {
	read := &early{done: make(chan struct{})}
	kept, known := s.config.Session().Outlines().Get(s.toldKey(number))
	if !known {
		close(read.done)
		return read
	}
	go func() {
		defer close(read.done)
		_ = bridge.Guard("status", func() (err error) {
			last := kept.(toldStatus)
			if read.objects, err = s.objects(last.manifest); err == nil {
				read.version = last.version
			}
			return err
		})
	}()
	return read
}
