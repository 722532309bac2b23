package node

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/klog/v2"
)

const (
	// provisioner is the storage class's, as an external one would be called.
	provisioner = "testcluster/volume"
	// askedProvisioner is where the volume controller writes whom a claim waits for.
	askedProvisioner = "volume.kubernetes.io/storage-provisioner"
	provisionedBy    = "pv.kubernetes.io/provisioned-by"
)

// startVolumes plays the external volume provisioner: it makes a volume for each claim that waits for it and deletes the
// volumes that were released. Kubernetes' own controller binds and releases them.
func startVolumes(ctx context.Context, client kubernetes.Interface) {
	claims := client.CoreV1().PersistentVolumeClaims(metav1.NamespaceAll)
	follow(ctx, claims.List, claims.Watch, func(claim *corev1.PersistentVolumeClaim) {
		if claim.DeletionTimestamp != nil || claim.Spec.VolumeName != "" || claim.Annotations[askedProvisioner] != provisioner {
			return
		}
		_, err := client.CoreV1().PersistentVolumes().Create(ctx, volumeFor(claim), metav1.CreateOptions{})
		if err != nil && !apierrors.IsAlreadyExists(err) {
			klog.ErrorS(err, "provision a volume", "claim", klog.KObj(claim))
		}
	})
	volumes := client.CoreV1().PersistentVolumes()
	follow(ctx, volumes.List, volumes.Watch, func(volume *corev1.PersistentVolume) {
		if volume.DeletionTimestamp != nil || volume.Status.Phase != corev1.VolumeReleased ||
			volume.Annotations[provisionedBy] != provisioner ||
			volume.Spec.PersistentVolumeReclaimPolicy != corev1.PersistentVolumeReclaimDelete {
			return
		}
		if err := volumes.Delete(ctx, volume.Name, metav1.DeleteOptions{}); err != nil && !apierrors.IsNotFound(err) {
			klog.ErrorS(err, "delete a volume", "volume", volume.Name)
		}
	})
}

func volumeFor(claim *corev1.PersistentVolumeClaim) *corev1.PersistentVolume {
	name := "pvc-" + string(claim.UID)
	kind := corev1.HostPathDirectoryOrCreate
	return &corev1.PersistentVolume{
		ObjectMeta: metav1.ObjectMeta{Name: name, Annotations: map[string]string{provisionedBy: provisioner}},
		Spec: corev1.PersistentVolumeSpec{
			AccessModes:                   claim.Spec.AccessModes,
			Capacity:                      corev1.ResourceList{corev1.ResourceStorage: claim.Spec.Resources.Requests[corev1.ResourceStorage]},
			PersistentVolumeReclaimPolicy: corev1.PersistentVolumeReclaimDelete,
			StorageClassName:              classOf(claim),
			VolumeMode:                    claim.Spec.VolumeMode,
			ClaimRef: &corev1.ObjectReference{
				APIVersion: "v1", Kind: "PersistentVolumeClaim",
				Namespace: claim.Namespace, Name: claim.Name, UID: claim.UID, ResourceVersion: claim.ResourceVersion,
			},
			// Nothing is ever written there: no container runs.
			PersistentVolumeSource: corev1.PersistentVolumeSource{
				HostPath: &corev1.HostPathVolumeSource{Path: "/var/lib/testcluster/" + name, Type: &kind},
			},
		},
	}
}

// classOf is the claim's storage class, which old charts write as an annotation.
func classOf(claim *corev1.PersistentVolumeClaim) string {
	if claim.Spec.StorageClassName != nil {
		return *claim.Spec.StorageClassName
	}
	return claim.Annotations[corev1.BetaStorageClassAnnotation]
}
