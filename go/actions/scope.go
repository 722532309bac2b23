package actions

import (
	"context"
	"slices"
	"sync"
	"time"

	"helm.sh/helm/v4/pkg/action"
	"helm.sh/helm/v4/pkg/kube"
	release "helm.sh/helm/v4/pkg/release/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/cli-runtime/pkg/resource"

	"github.com/helm-sdkpy/helm-sdkpy/go/bridge"
	"github.com/helm-sdkpy/helm-sdkpy/go/session"
	"github.com/helm-sdkpy/helm-sdkpy/go/watch"
)

// scope is what one operation works with: its own view of the session and its own action.Configuration, since Helm
// caches in it, replaces its parts on a dry run and keeps a mutex there.
type scope struct {
	*task
	release   string
	namespace string

	connection *session.Connection
	client     *recorder
	ledger     *ledger
	cfg        *action.Configuration
	lease      *session.Lease // nil: none is held
	purged     bool           // nothing of the release is left
}

// enter makes the scope of an operation on one release.
func enter(op *bridge.Operation, config *session.Configuration, verb, release string, serverSide bool) (*scope, error) {
	return enterIn(op, config, verb, release, config.Namespace(), serverSide)
}

// changing is an operation that changes a release.
type changing struct {
	verb, release   string
	serverSide      bool
	dryRun          bool
	createNamespace bool
}

// change makes the scope of an operation that changes a release, and takes the release for it until done is called. A
// dry run changes nothing and takes nothing.
func change(op *bridge.Operation, config *session.Configuration, what changing) (s *scope, done func(), err error) {
	s, err = enter(op, config, what.verb, what.release, what.serverSide)
	if err != nil || what.dryRun {
		return s, func() {}, err
	}
	done, err = s.hold(what)
	return s, done, err
}

// hold takes the scope's release for this operation until done is called: from this process's others, then, where that is
// asked for, from other processes.
func (s *scope) hold(what changing) (done func(), err error) {
	unlock, err := s.config.Session().Lock(s.namespace, s.release, s.verb)
	if err != nil || !s.config.LocksByLease() {
		return unlock, err
	}
	if err := s.takeLease(what); err != nil {
		unlock()
		return nil, err
	}
	return func() {
		defer unlock()
		s.giveLeaseBack()
	}, nil
}

func enterIn(op *bridge.Operation, config *session.Configuration, verb, release, namespace string, serverSide bool) (*scope, error) {
	s := &scope{task: begin(op, config, verb), release: release, namespace: namespace}
	if err := s.connect(op.Context(), serverSide); err != nil {
		return nil, err
	}
	return s, nil
}

// connect builds everything that carries a context; a clean-up after a cancel does it again with a fresh one.
func (s *scope) connect(ctx context.Context, serverSide bool) error {
	options := watch.Options{
		Release: s.release, Namespace: s.namespace, Action: s.verb, ServerSideApply: serverSide, Context: ctx,
	}
	if s.verb == "uninstall" {
		options.Action = "delete" // Helm's word in the names of hooks
	}
	options.Refresh = func() { s.connection.Invalidate() }
	transport := watch.NewTransport(s.op, options)
	connection, err := s.config.Connect(s.op, session.ConnectOptions{
		Namespace: s.namespace, AllNamespaces: s.namespace == "", Wrap: transport.Wrap, Context: ctx,
	})
	if err != nil {
		return err
	}
	s.connection = connection
	storage, err := connection.Storage()
	if err != nil {
		return err
	}
	s.ledger = newLedger(s.op, s.verb, storage.Driver)
	s.ledger.lost = s.lost
	storage.Driver = s.ledger
	storage.SetLogger(s.op.Handler())
	s.enter = func(phase string) { s.client.Phase(phase) }
	s.client = &recorder{
		Client: watch.New(s.op, connection.Factory(), transport, options),
		ledger: s.ledger, release: s.release, namespace: s.namespace,
	}
	s.cfg = action.NewConfiguration(action.ConfigurationSetLogger(s.op.Handler()))
	s.cfg.RESTClientGetter = connection.Getter()
	s.cfg.KubeClient = s.client
	s.cfg.Releases = storage
	s.cfg.SetHookOutputFunc(watch.HookOutput(s.op, s.release, s.namespace))
	return nil
}

// fresh is the same scope with a context of its own: for what has to be done although the operation was cancelled.
func (s *scope) fresh(ctx context.Context, serverSide bool) (*scope, error) {
	again := *s
	task := *s.task // it tells its phases itself
	again.task = &task
	if err := again.connect(ctx, serverSide); err != nil {
		return nil, err
	}
	return &again, nil
}

// conceal keeps the values of the release's Secrets out of what is told of its pods, where Helm does not build the
// release's objects before it runs hooks.
func (s *scope) conceal() {
	s.ledger.read = func(rel *release.Release) {
		s.client.Conceal(rel.Manifest)
		for _, hook := range rel.Hooks {
			s.client.Conceal(hook.Manifest)
		}
	}
}

// waitOptions are what the command adds and the library does not (helm: pkg/cmd/flags.go, defaultCLIWaitOptions).
func waitOptions() []kube.WaitOption {
	return []kube.WaitOption{kube.WithStatusComputeWorkers(8)}
}

// recorder keeps what Helm's own results do not show to their caller: which objects an update created. It deletes what
// interrupted revisions left, when what is to be there was applied.
type recorder struct {
	*watch.Client
	ledger             *ledger
	release, namespace string

	mu      sync.Mutex
	created kube.ResourceList
	failed  bool
}

// Create is of CustomResourceDefinitions, of the namespace, of hooks, and of the release's objects; the first two come
// before there is a record.
func (r *recorder) Create(resources kube.ResourceList, options ...kube.ClientCreateOption) (*kube.Result, error) {
	result, err := r.Client.Create(resources, options...)
	if err == nil && r.ledger.recorded() && !slices.ContainsFunc(resources, isHookObject) {
		err = r.sweep(resources)
	}
	return result, err
}

func isHookObject(info *resource.Info) bool {
	annotations, _ := meta.NewAccessor().Annotations(info.Object)
	_, hook := annotations[release.HookAnnotation]
	return hook
}

// Update keeps the objects that were created, since cleanup_on_fail has to delete them after a failure.
func (r *recorder) Update(original, target kube.ResourceList, options ...kube.ClientUpdateOption) (*kube.Result, error) {
	result, err := r.Client.Update(original, target, options...)
	if err == nil {
		err = r.sweep(original, target)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failed = r.failed || err != nil
	if result != nil {
		r.created = append(r.created, result.Created...)
	}
	return result, err
}

func (r *recorder) createdObjects() kube.ResourceList {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.created)
}

func (r *recorder) updateFailed() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.failed
}

// bounded is a fresh context for a clean-up; it outlives a cancel of the operation.
func bounded(op *bridge.Operation, limit time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(op.Context()), limit)
}

var _ kube.Interface = (*recorder)(nil)
