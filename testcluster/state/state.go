// Package state is the one directory in which a test cluster keeps all that it writes.
package state

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// socketPathLimit is the length of sun_path on Linux, less its closing zero and the longest socket name used here.
const socketPathLimit = 107 - len("/etcd.sock:0")

// Prefix begins the name of every state directory. helm_sdkpy/testing/_directory.py sweeps those that nobody locks.
const Prefix = "helm-sdkpy-cluster-"

// Directory holds certificates, sockets, logs, charts and etcd's files.
type Directory struct {
	root string
	lock *os.File
}

// Open uses the existing directory root, or makes a fresh temporary one where root is empty.
func Open(root string) (*Directory, error) {
	directory := &Directory{root: root}
	if root == "" {
		if err := directory.create(); err != nil {
			return nil, fmt.Errorf("state directory: %w", err)
		}
		root = directory.root
	}
	root, err := filepath.Abs(root)
	if err != nil {
		return nil, fmt.Errorf("state directory: %w", err)
	}
	if len(root) > socketPathLimit {
		return nil, fmt.Errorf("state directory %s: a path of more than %d bytes is too long for the sockets in it", root, socketPathLimit)
	}
	if err := directory.refuseForeign(root); err != nil {
		return nil, err
	}
	for _, name := range []string{"logs", "charts"} {
		if err := os.MkdirAll(filepath.Join(root, name), 0o700); err != nil {
			return nil, fmt.Errorf("state directory: %w", err)
		}
	}
	directory.root = root
	return directory, nil
}

// create makes a fresh directory, locked for as long as this process lives.
func (d *Directory) create() error {
	parent := os.TempDir()
	if len(parent)+len(Prefix)+10 > socketPathLimit {
		parent = "/tmp"
	}
	var err error
	if d.root, err = os.MkdirTemp(parent, Prefix); err != nil {
		return err
	}
	if d.lock, err = os.OpenFile(d.Path("lock"), os.O_CREATE|os.O_RDWR, 0o600); err != nil {
		return err
	}
	return syscall.Flock(int(d.lock.Fd()), syscall.LOCK_EX)
}

// refuseForeign makes sure that nothing is in the directory beside what the starter puts there: all of it is removed.
func (d *Directory) refuseForeign(root string) error {
	entries, err := os.ReadDir(root)
	if err != nil {
		return fmt.Errorf("state directory: %w", err)
	}
	for _, entry := range entries {
		if name := entry.Name(); name != "lock" && name != "stderr.log" {
			return fmt.Errorf("state directory %s: it is not empty (%s), and all that is in it would be removed", root, name)
		}
	}
	return nil
}

// Path names something in the directory.
func (d *Directory) Path(name ...string) string {
	return filepath.Join(append([]string{d.root}, name...)...)
}

// Write makes a file that only this user can read.
func (d *Directory) Write(name string, content []byte) (string, error) {
	path := d.Path(name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		return "", fmt.Errorf("write %s: %w", name, err)
	}
	return path, nil
}

// Log opens the log of a part.
func (d *Directory) Log(part string) (io.Writer, error) {
	file, err := os.OpenFile(d.LogPath(part), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("log of %s: %w", part, err)
	}
	return file, nil
}

// LogPath is where the log of a part is.
func (d *Directory) LogPath(part string) string {
	return d.Path("logs", part+".log")
}

// Tail gives the last lines of the log of a part.
func (d *Directory) Tail(part string, lines int) []string {
	content, err := os.ReadFile(d.LogPath(part))
	if err != nil {
		return nil
	}
	all := strings.Split(strings.TrimRight(string(content), "\n"), "\n")
	if len(all) == 1 && all[0] == "" {
		return nil
	}
	return all[max(0, len(all)-lines):]
}

// Remove deletes the directory, also while parts of this process still write into it.
func (d *Directory) Remove() error {
	var err error
	for range 50 {
		if err = os.RemoveAll(d.root); err == nil || errors.Is(err, os.ErrPermission) {
			return err
		}
		time.Sleep(10 * time.Millisecond)
	}
	return err
}
