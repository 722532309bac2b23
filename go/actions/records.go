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

	"helm.sh/helm/v4/pkg/chart/v2"
	"helm.sh/helm/v4/pkg/release/common"
	release "helm.sh/helm/v4/pkg/release/v1"
	"helm.sh/helm/v4/pkg/storage/driver"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/selection"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"

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

// records reads the objects that hold releases, of the Secret and ConfigMap drivers.
type records struct {
	namespace string
	resource  schema.GroupVersionResource
	core      kubernetes.Interface
	metadata  metadata.Interface
	cache     *session.RecordCache
}

// records is nil where the storage is neither Secrets nor ConfigMaps: then Helm's own storage is asked.
func (s *scope) records() (*records, error) {
	resource := map[string]string{driver.SecretsDriverName: "secrets", driver.ConfigMapsDriverName: "configmaps"}[s.ledger.Name()]
	if resource == "" {
		return nil, nil
	}
	core, err := s.connection.Factory().KubernetesClientSet()
	if err != nil {
		return nil, err
	}
	config, err := s.connection.Getter().ToRESTConfig()
	if err != nil {
		return nil, err
	}
	client, err := rest.HTTPClientFor(config)
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
	options.LabelSelector = selector.String()
	options.Limit = 500
	var revisions []revision
	for {
		page, err := r.metadata.Resource(r.resource).Namespace(r.namespace).List(ctx, options)
		if err != nil {
			return nil, fmt.Errorf("list releases: %w", err)
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

// record is an object that holds a revision.
type record struct {
	revision
	data []byte
}

// get fetches one record; one that is not there is driver.ErrReleaseNotFound.
func (r *records) get(ctx context.Context, namespace, key string) (record, error) {
	if r.resource.Resource == "secrets" {
		secret, err := r.core.CoreV1().Secrets(namespace).Get(ctx, key, metav1.GetOptions{})
		if err != nil {
			return record{}, notFound(key, err)
		}
		return record{revisionFrom(secret.ObjectMeta), secret.Data["release"]}, nil
	}
	configMap, err := r.core.CoreV1().ConfigMaps(namespace).Get(ctx, key, metav1.GetOptions{})
	if err != nil {
		return record{}, notFound(key, err)
	}
	return record{revisionFrom(configMap.ObjectMeta), []byte(configMap.Data["release"])}, nil
}

// page fetches a page of whole records.
func (r *records) page(ctx context.Context, options metav1.ListOptions) (page []record, next string, err error) {
	if r.resource.Resource == "secrets" {
		list, err := r.core.CoreV1().Secrets(r.namespace).List(ctx, options)
		if err != nil {
			return nil, "", fmt.Errorf("list releases: %w", err)
		}
		for _, secret := range list.Items {
			page = append(page, record{revisionFrom(secret.ObjectMeta), secret.Data["release"]})
		}
		return page, list.Continue, nil
	}
	list, err := r.core.CoreV1().ConfigMaps(r.namespace).List(ctx, options)
	if err != nil {
		return nil, "", fmt.Errorf("list releases: %w", err)
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
	}
}

func notFound(key string, err error) error {
	if apierrors.IsNotFound(err) {
		return driver.ErrReleaseNotFound
	}
	if err != nil {
		return fmt.Errorf("get record %s: %w", key, err)
	}
	return nil
}

// newest finds the newest revision of a release and fetches it. A list that may be a moment old is enough where the
// revision after the one it names is seen not to be there; where it names none the list is asked for again, fresh.
// The revision that was the newest when last asked, and the one after it, are fetched while the list is: most often
// they are what it says to fetch.
func (r *records) newest(ctx context.Context, name string) (record, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	remembered := r.resource.Resource + " " + r.namespace + "/" + name
	for _, options := range []metav1.ListOptions{{ResourceVersion: "0"}, {}} {
		fetched := r.fetch(ctx, name)
		if last, known := r.cache.Get(remembered); known && options.ResourceVersion == "0" {
			fetched.ask(last.(int))
			fetched.ask(last.(int) + 1)
		}
		revisions, err := r.list(ctx, labels.Set{"name": name}, options)
		if err != nil {
			return record{}, err
		}
		listed, ok := highest(revisions)
		if !ok {
			continue
		}
		newest, err := fetched.follow(listed.revision)
		if errors.Is(err, driver.ErrReleaseNotFound) {
			continue // deleted meanwhile, or the list was old
		}
		if err == nil {
			r.cache.Put(remembered, newest.revision.revision)
		}
		return newest, err
	}
	return record{}, driver.ErrReleaseNotFound
}

// fetches gets revisions of a release, each once.
type fetches struct {
	get   func(number int) (record, error)
	asked map[int]<-chan fetched
}

type fetched struct {
	record
	err error
}

func (r *records) fetch(ctx context.Context, name string) *fetches {
	return &fetches{
		get:   func(number int) (record, error) { return r.get(ctx, r.namespace, recordKey(name, number)) },
		asked: map[int]<-chan fetched{},
	}
}

// ask begins to get a revision, unless that was begun before; the answer can be taken once.
func (f *fetches) ask(number int) <-chan fetched {
	if begun, ok := f.asked[number]; ok {
		return begun
	}
	answer := make(chan fetched, 1)
	f.asked[number] = answer
	go func() {
		found, err := f.get(number)
		answer <- fetched{found, err}
	}()
	return answer
}

// follow gives a revision, or the last of those that came after it.
func (f *fetches) follow(number int) (record, error) {
	named, after := f.ask(number), f.ask(number+1)
	held, next := <-named, <-after
	for next.err == nil {
		held = next
		next = <-f.ask(next.revision.revision + 1)
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

// decodeRecord reads a record as Helm writes it (helm: pkg/storage/driver/util.go, decodeRelease) into a struct that
// has only the parts that are wanted.
func decodeRecord(data []byte, into any) error {
	packed := make([]byte, base64.StdEncoding.DecodedLen(len(data)))
	length, err := base64.StdEncoding.Decode(packed, data)
	if err != nil {
		return fmt.Errorf("decode record: %w", err)
	}
	content := packed[:length]
	// Records of before Helm compressed them have no magic number.
	if bytes.HasPrefix(content, []byte{0x1f, 0x8b, 0x08}) {
		unpacked, err := gzip.NewReader(bytes.NewReader(content))
		if err != nil {
			return fmt.Errorf("decode record: %w", err)
		}
		defer unpacked.Close()
		if content, err = io.ReadAll(unpacked); err != nil {
			return fmt.Errorf("decode record: %w", err)
		}
	}
	if err := json.Unmarshal(content, into); err != nil {
		return fmt.Errorf("decode record: %w", err)
	}
	return nil
}

// atOnce is how many records are fetched one by one; more are fetched as a list.
const atOnce = 4

// summaries fetches and decodes the records of the given revisions, by cacheKey; what was decoded before and has not
// changed is kept. The selector says which records to list where many are missing.
func (r *records) summaries(ctx context.Context, revisions []revision, selector labels.Set) (map[string]*release.Release, error) {
	found := make(map[string]*release.Release, len(revisions))
	missing := map[string]revision{}
	for _, wanted := range revisions {
		if kept, ok := r.cache.Get(wanted.cacheKey()); ok {
			found[wanted.cacheKey()] = kept.(summary).release(wanted.labels)
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
		r.cache.Put(whole.cacheKey(), decoded)
		found[wanted.cacheKey()] = decoded.release(whole.labels)
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
		return fmt.Errorf("list releases: %w", err)
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
