package actions

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"sync"
	"time"

	"helm.sh/helm/v4/pkg/chart/v2"
	"helm.sh/helm/v4/pkg/release/common"
	release "helm.sh/helm/v4/pkg/release/v1"
	"helm.sh/helm/v4/pkg/storage/driver"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/selection"
	corev1 "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"

	"github.com/helm-sdkpy/helm-sdkpy/go/bridge"
	"github.com/helm-sdkpy/helm-sdkpy/go/session"
)

// Reading records the cheap way. Helm's storage decodes every revision, templates and all, to keep the newest; each
// record's labels tell name, revision and status, so the labels are listed first and only what is shown is fetched.

// revision is what the labels of a record tell of it.
type revision struct {
	key       string // the name of the object that holds it
	namespace string
	name      string
	revision  int
	status    common.Status
	labels    map[string]string
	version   string // resourceVersion: changes with every write
	touched   time.Time
}

// summary is the part of a record that List and History show.
type summary struct {
	Name      string        `json:"name"`
	Info      *release.Info `json:"info"`
	Chart     chartSummary  `json:"chart"`
	Version   int           `json:"version"`
	Namespace string        `json:"namespace"`
}

type chartSummary struct {
	Metadata *v2.Metadata `json:"metadata"`
}

func (s summary) release(labels map[string]string) *release.Release {
	return &release.Release{
		Name: s.Name, Info: s.Info, Chart: &v2.Chart{Metadata: s.Chart.Metadata},
		Version: s.Version, Namespace: s.Namespace, Labels: labels,
	}
}

// keptRevision is what is kept of a revision while its record does not change. Nobody changes the release.
type keptRevision struct {
	release           *release.Release
	listed, inHistory func() Revision // with its JSON
}

func keep(rel *release.Release) *keptRevision {
	told := func(result func(*release.Release) Revision) func() Revision {
		return sync.OnceValue(func() Revision {
			revision := result(rel)
			revision.text, _ = bridge.Encode(revision) // what does not encode fails again where it is told
			return revision
		})
	}
	return &keptRevision{rel, told(revisionResult), told(historyResult)}
}

// records reads the objects that hold releases, of the Secret and ConfigMap drivers.
type records struct {
	namespace string
	resource  schema.GroupVersionResource
	core      corev1.CoreV1Interface
	metadata  metadata.Interface
	cache     *session.RecordCache
}

// records is nil where the storage is neither Secrets nor ConfigMaps: then Helm's own storage is asked.
func (s *scope) records() (*records, error) {
	resource := map[string]string{driver.SecretsDriverName: "secrets", driver.ConfigMapsDriverName: "configmaps"}[s.ledger.Name()]
	if resource == "" {
		return nil, nil
	}
	config, err := s.connection.Getter().ToRESTConfig()
	if err != nil {
		return nil, err
	}
	config.ContentType = runtime.ContentTypeProtobuf
	config.AcceptContentTypes = runtime.ContentTypeProtobuf + "," + runtime.ContentTypeJSON
	client, err := rest.HTTPClientFor(config)
	if err != nil {
		return nil, err
	}
	// Not a whole clientset: making one takes as long as reading a record.
	core, err := corev1.NewForConfigAndClient(config, client)
	if err != nil {
		return nil, err
	}
	lister, err := metadata.NewForConfigAndClient(config, client)
	if err != nil {
		return nil, err
	}
	return &records{
		namespace: s.namespace, core: core, metadata: lister, cache: s.config.Session().Records(),
		resource: schema.GroupVersionResource{Version: "v1", Resource: resource},
	}, nil
}

// list lists the labels of the records that a selector matches.
func (r *records) list(ctx context.Context, selector labels.Set, options metav1.ListOptions) ([]revision, error) {
	selector = labels.Merge(selector, labels.Set{"owner": "helm"})
	revisions, err := r.matching(ctx, selector.AsSelector(), options)
	if err != nil {
		return nil, listFailed(selector, err)
	}
	return revisions, nil
}

// matching lists the labels of the records that a selector of any kind matches.
func (r *records) matching(ctx context.Context, selector labels.Selector, options metav1.ListOptions) ([]revision, error) {
	options.LabelSelector = selector.String()
	options.Limit = 500
	var revisions []revision
	for {
		page, err := r.metadata.Resource(r.resource).Namespace(r.namespace).List(ctx, options)
		if err != nil {
			return nil, err
		}
		for _, object := range page.Items {
			revisions = append(revisions, revisionFrom(object.ObjectMeta))
		}
		if page.Continue == "" {
			return revisions, nil
		}
		// A page's token and a resourceVersion exclude each other.
		options.Continue, options.ResourceVersion = page.Continue, ""
	}
}

// listFailed words it as Helm's drivers do (helm: pkg/storage/driver/secrets.go, List and Query).
func listFailed(selector labels.Set, err error) error {
	if selector.Has("name") {
		return fmt.Errorf("query: failed to query with labels: %w", err)
	}
	return fmt.Errorf("list: failed to list: %w", err)
}

// record is an object that holds a revision.
type record struct {
	revision
	data []byte
}

// get fetches one record; one that is not there is driver.ErrReleaseNotFound.
func (r *records) get(ctx context.Context, namespace, key string) (record, error) {
	if r.resource.Resource == "secrets" {
		secret, err := r.core.Secrets(namespace).Get(ctx, key, metav1.GetOptions{})
		if err != nil {
			return record{}, notFound(key, err)
		}
		return record{revisionFrom(secret.ObjectMeta), secret.Data["release"]}, nil
	}
	configMap, err := r.core.ConfigMaps(namespace).Get(ctx, key, metav1.GetOptions{})
	if err != nil {
		return record{}, notFound(key, err)
	}
	return record{revisionFrom(configMap.ObjectMeta), []byte(configMap.Data["release"])}, nil
}

// page fetches a page of whole records.
func (r *records) page(ctx context.Context, options metav1.ListOptions) (page []record, next string, err error) {
	if r.resource.Resource == "secrets" {
		list, err := r.core.Secrets(r.namespace).List(ctx, options)
		if err != nil {
			return nil, "", fmt.Errorf("list: failed to list: %w", err)
		}
		for _, secret := range list.Items {
			page = append(page, record{revisionFrom(secret.ObjectMeta), secret.Data["release"]})
		}
		return page, list.Continue, nil
	}
	list, err := r.core.ConfigMaps(r.namespace).List(ctx, options)
	if err != nil {
		return nil, "", fmt.Errorf("list: failed to list: %w", err)
	}
	for _, configMap := range list.Items {
		page = append(page, record{revisionFrom(configMap.ObjectMeta), []byte(configMap.Data["release"])})
	}
	return page, list.Continue, nil
}

func revisionFrom(object metav1.ObjectMeta) revision {
	return revision{
		key: object.Name, namespace: object.Namespace, name: object.Labels["name"], revision: revisionOf(object.Labels),
		status: common.Status(object.Labels["status"]), labels: object.Labels, version: object.ResourceVersion,
		touched: touched(object),
	}
}

// touched is when anything last wrote an object that holds a revision, by the clocks of the API server and of Helm.
func touched(object metav1.ObjectMeta) time.Time {
	newest := object.CreationTimestamp.Time
	for _, entry := range object.ManagedFields {
		if entry.Time != nil && entry.Time.After(newest) {
			newest = entry.Time.Time
		}
	}
	if at, err := strconv.ParseInt(object.Labels["modifiedAt"], 10, 64); err == nil && time.Unix(at, 0).After(newest) {
		newest = time.Unix(at, 0)
	}
	return newest
}

func notFound(key string, err error) error {
	if apierrors.IsNotFound(err) {
		return driver.ErrReleaseNotFound
	}
	if err != nil {
		return fmt.Errorf("get: failed to get %q: %w", key, err)
	}
	return nil
}

// newest finds the newest revision of a release and fetches it. A list that may be a moment old is enough where the
// revision after the one it names is seen not to be there; where it names none the list is asked for again, fresh.
func (r *records) newest(ctx context.Context, name string) (record, error) {
	for _, options := range []metav1.ListOptions{{ResourceVersion: "0"}, {}} {
		revisions, err := r.list(ctx, labels.Set{"name": name}, options)
		if err != nil {
			return record{}, err
		}
		listed, ok := highest(revisions)
		if !ok {
			continue
		}
		newest, err := r.follow(ctx, listed)
		if errors.Is(err, driver.ErrReleaseNotFound) {
			continue // deleted meanwhile, or the list was old
		}
		return newest, err
	}
	return record{}, driver.ErrReleaseNotFound
}

// trusted is how long a revision that was the newest is taken for it, where the one after it is not there. What another
// process wrote since is found, unless it wrote as many revisions as the history holds and all of them failed: then the
// one after the deployed one is pruned again. Nobody upgrades that often.
const trusted = 5 * time.Second

// seen is a revision that was the newest.
type seen struct {
	revision int
	at       time.Time
}

// current is newest for those who only read: within moments of an earlier read it needs no list, for which the API
// server reads every record of the namespace.
func (r *records) current(ctx context.Context, name string) (record, error) {
	if kept, ok := r.cache.Get(r.newestKey(r.namespace, name)); ok {
		if last := kept.(seen); time.Since(last.at) < trusted {
			found, err := r.follow(ctx, revision{namespace: r.namespace, name: name, revision: last.revision})
			if err == nil {
				r.remember(found.revision)
			}
			if !errors.Is(err, driver.ErrReleaseNotFound) {
				return found, err
			}
		}
	}
	found, err := r.newest(ctx, name)
	if err == nil {
		r.remember(found.revision)
	}
	return found, err
}

// remember keeps which revision of a release was the newest.
func (r *records) remember(newest revision) {
	r.cache.Put(r.newestKey(newest.namespace, newest.name), seen{newest.revision, time.Now()})
}

func (r *records) newestKey(namespace, name string) string {
	return r.resource.Resource + " " + namespace + "/" + name
}

// follow fetches a revision, or the last of those that came after it.
func (r *records) follow(ctx context.Context, listed revision) (record, error) {
	type answer struct {
		record
		err error
	}
	fetch := func(number int) answer {
		found, err := r.get(ctx, listed.namespace, recordKey(listed.name, number))
		return answer{found, err}
	}
	named := make(chan answer, 1)
	go func() { named <- fetch(listed.revision) }()
	next := fetch(listed.revision + 1)
	held := <-named
	for next.err == nil {
		held, next = next, fetch(next.revision.revision+1)
	}
	if !errors.Is(next.err, driver.ErrReleaseNotFound) {
		return record{}, next.err
	}
	return held.record, held.err
}

func highest(revisions []revision) (revision, bool) {
	var newest revision
	for _, candidate := range revisions {
		if candidate.revision >= newest.revision {
			newest = candidate
		}
	}
	return newest, len(revisions) > 0
}

// decodeRecord reads a record into a struct that has only the parts that are wanted.
func decodeRecord(data []byte, into any) error {
	content, err := unpackRecord(data)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(content, into); err != nil {
		return fmt.Errorf("decode record: %w", err)
	}
	return nil
}

// unpackRecord is the JSON of a record as Helm writes it (helm: pkg/storage/driver/util.go, decodeRelease).
func unpackRecord(data []byte) ([]byte, error) {
	packed := make([]byte, base64.StdEncoding.DecodedLen(len(data)))
	length, err := base64.StdEncoding.Decode(packed, data)
	if err != nil {
		return nil, fmt.Errorf("decode record: %w", err)
	}
	content := packed[:length]
	// Records of before Helm compressed them have no magic number.
	if bytes.HasPrefix(content, []byte{0x1f, 0x8b, 0x08}) {
		unpacked, err := gzip.NewReader(bytes.NewReader(content))
		if err != nil {
			return nil, fmt.Errorf("decode record: %w", err)
		}
		defer unpacked.Close()
		if content, err = io.ReadAll(unpacked); err != nil {
			return nil, fmt.Errorf("decode record: %w", err)
		}
	}
	return content, nil
}

// atOnce is how many records are fetched one by one; more are fetched as a list.
const atOnce = 4

// summaries fetches and decodes the records of the given revisions, by cacheKey; what was decoded before and has not
// changed is kept. The selector says which records to list where many are missing.
func (r *records) summaries(ctx context.Context, revisions []revision, selector labels.Set) (map[string]*keptRevision, error) {
	found := make(map[string]*keptRevision, len(revisions))
	missing := map[string]revision{}
	for _, wanted := range revisions {
		if kept, ok := r.cache.Get(wanted.cacheKey()); ok {
			found[wanted.cacheKey()] = kept.(*keptRevision)
		} else {
			missing[wanted.namespace+"/"+wanted.key] = wanted
		}
	}
	keep := func(whole record) error {
		wanted, ok := missing[whole.namespace+"/"+whole.key]
		if !ok {
			return nil
		}
		delete(missing, whole.namespace+"/"+whole.key)
		var decoded summary
		if err := decodeRecord(whole.data, &decoded); err != nil {
			return fmt.Errorf("%s: %w", whole.key, err)
		}
		kept := keep(decoded.release(whole.labels))
		r.cache.Put(whole.cacheKey(), kept)
		found[wanted.cacheKey()] = kept
		return nil
	}
	if len(missing) > atOnce {
		if err := r.each(ctx, missing, selector, keep); err != nil {
			return nil, err
		}
	}
	for _, wanted := range slices.Collect(maps.Values(missing)) {
		whole, err := r.get(ctx, wanted.namespace, wanted.key)
		if errors.Is(err, driver.ErrReleaseNotFound) {
			continue // deleted since it was listed
		}
		if err != nil {
			return nil, err
		}
		if err := keep(whole); err != nil {
			return nil, err
		}
	}
	return found, nil
}

// each lists whole records, of the statuses that are wanted, a bounded page at a time.
func (r *records) each(ctx context.Context, wanted map[string]revision, selector labels.Set, do func(record) error) error {
	statuses := map[string]bool{}
	for _, one := range wanted {
		statuses[one.status.String()] = true
	}
	among, err := labels.NewRequirement("status", selection.In, slices.Sorted(maps.Keys(statuses)))
	if err != nil {
		return fmt.Errorf("list: failed to list: %w", err)
	}
	options := metav1.ListOptions{
		LabelSelector: labels.Merge(selector, labels.Set{"owner": "helm"}).AsSelector().Add(*among).String(),
		Limit:         100,
	}
	for {
		page, next, err := r.page(ctx, options)
		if err != nil {
			return err
		}
		for _, whole := range page {
			if err := do(whole); err != nil {
				return err
			}
		}
		if next == "" {
			return nil
		}
		options.Continue = next
	}
}

func (r revision) cacheKey() string {
	return r.namespace + "/" + r.key + "@" + r.version
}
