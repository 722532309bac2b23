package watch

import (
	"os"
	"path/filepath"
	"reflect"

	"helm.sh/helm/v4/pkg/kube"
	"k8s.io/cli-runtime/pkg/resource"
	"k8s.io/client-go/util/retry"

	"github.com/helm-sdkpy/helm-sdkpy/go/bridge"
)

// Create implements kube.Interface: Helm's own, but for a client-side one, which Helm does under a lock that the whole
// process shares (helm: pkg/kube/client.go, createMutex).
func (c *Client) Create(resources kube.ResourceList, options ...kube.ClientCreateOption) (result *kube.Result, err error) {
	defer bridge.Recover("Create", &err)
	if err := c.ctx.Err(); err != nil {
		return nil, err
	}
	defer c.traffic.ahead.pause()()
	c.record.learn(resources)
	defer c.refresh(resources)
	c.enterCreate(resources)
	serverSide, known := readServerSide(options)
	if !known {
		serverSide = c.options.ServerSideApply
	}
	if serverSide {
		c.readDefinitions(resources)
		result, err = c.Client.Create(resources, options...)
	} else {
		result, err = c.createClientSide(resources)
	}
	if err != nil {
		c.hooksFailed(resources, err)
	}
	return result, err
}

// readDefinitions lets events tell whether a CustomResourceDefinition changed: Helm applies one that is there already
// without having read it.
func (c *Client) readDefinitions(resources kube.ResourceList) {
	if !c.report.listening() || len(resources) == 0 || resources[0].Mapping.GroupVersionKind.GroupKind() != definitions {
		return
	}
	_ = each(c.ctx, resources, readsAtOnce, func(_ int, info *resource.Info) error {
		_, err := resource.NewHelper(info.Client, info.Mapping).Get(info.Namespace, info.Name)
		return err
	})
}

func (c *Client) createClientSide(resources kube.ResourceList) (*kube.Result, error) {
	c.Logger().Debug("creating resource(s)", "resources", len(resources))
	c.Logger().Debug("using client-side apply for resource creation")
	if err := perform(c.ctx, resources, c.createOne); err != nil {
		return nil, err
	}
	return &kube.Result{Created: resources}, nil
}

// createOne is Helm's createResource without its lock; like it, it heeds none of the options.
func (c *Client) createOne(info *resource.Info) error {
	err := retry.RetryOnConflict(retry.DefaultRetry, func() error {
		object, err := resource.NewHelper(info.Client, info.Mapping).
			WithFieldManager(FieldManager()).
			Create(info.Namespace, true, info.Object)
		if err != nil {
			return err
		}
		return info.Refresh(object, true)
	})
	if err != nil {
		c.record.failed(verbs["POST"], resourceOf(info), err)
	}
	return err
}

// FieldManager is Helm's getManagedFieldsManager.
func FieldManager() string {
	switch {
	case kube.ManagedFieldsManager != "":
		return kube.ManagedFieldsManager
	case os.Args[0] == "":
		return "unknown"
	default:
		return filepath.Base(os.Args[0])
	}
}

// readServerSide says whether the options ask for a server-side apply. Their struct is Helm's own and has no name
// here, but what an option does to one can be looked at. Options that refuse each other are left to Helm to refuse:
// they count as server-side.
func readServerSide(options []kube.ClientCreateOption) (serverSide, known bool) {
	given := append([]kube.ClientCreateOption{kube.ClientCreateOptionServerSideApply(true, false)}, options...)
	settings, err := settingsOf(given)
	if err != nil {
		return true, true
	}
	field := reflect.ValueOf(settings).Elem().FieldByName("serverSideApply")
	if !field.IsValid() || field.Kind() != reflect.Bool {
		return false, false
	}
	return field.Bool(), true
}

// settingsOf infers the type that it can not name.
func settingsOf[S any, O ~func(*S) error](options []O) (*S, error) {
	settings := new(S)
	for _, option := range options {
		if err := option(settings); err != nil {
			return nil, err
		}
	}
	return settings, nil
}
