package session

import (
	"context"

	"helm.sh/helm/v4/pkg/release"
	"helm.sh/helm/v4/pkg/storage/driver"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	corev1 "k8s.io/client-go/kubernetes/typed/core/v1"
)

// Replace writes a record again, unless anything wrote it since it was read with this version: that is a conflict.
// A storage that knows no versions takes it as it is.
func (c *Connection) Replace(key, version string, record release.Releaser) error {
	records, logs, err := c.records()
	if err != nil {
		return err
	}
	switch c.configuration.options.Storage {
	case storageSecret, storageConfigMap:
		client, err := c.recordClient()
		if err != nil {
			return err
		}
		if c.configuration.options.Storage == storageSecret {
			records = driver.NewSecrets(unchangedSecrets{client.Secrets(c.recordNamespace()), version})
		} else {
			records = driver.NewConfigMaps(unchangedConfigMaps{client.ConfigMaps(c.recordNamespace()), version})
		}
	default:
		logs(c.op.Handler())
	}
	return (&guarded{Driver: records, connection: c}).Update(key, record)
}

// unchangedSecrets updates nothing that has another version.
type unchangedSecrets struct {
	corev1.SecretInterface
	version string
}

// Update implements corev1.SecretInterface.
func (u unchangedSecrets) Update(ctx context.Context, secret *v1.Secret, options metav1.UpdateOptions) (*v1.Secret, error) {
	secret.ResourceVersion = u.version
	return u.SecretInterface.Update(ctx, secret, options)
}

// unchangedConfigMaps updates nothing that has another version.
type unchangedConfigMaps struct {
	corev1.ConfigMapInterface
	version string
}

// Update implements corev1.ConfigMapInterface.
func (u unchangedConfigMaps) Update(ctx context.Context, object *v1.ConfigMap, options metav1.UpdateOptions) (*v1.ConfigMap, error) {
	object.ResourceVersion = u.version
	return u.ConfigMapInterface.Update(ctx, object, options)
}
