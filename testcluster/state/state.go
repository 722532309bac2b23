// Package state is the one directory in which a test cluster keeps all that it writes.
package state

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// socketPathLimit is the length of sun_path on Linux, less its closing zero and the longest socket name used here.
const socketPathLimit = 107 - len("/etcd.sock:0")

// Directory holds certificates, sockets, logs, charts and etcd's files.
type Directory struct {
	root string
}

// Open uses the existing directory root, or makes a fresh temporary one where root is empty.
func Open(root string) (*Directory, error) {
	if root == "" {
		var err error
		if root, err = os.MkdirTemp("", "testcluster-"); err != nil {
			return nil, fmt.Errorf("state directory: %w", err)
		}
	}
	root, err := filepath.Abs(root)
	if err != nil {
		return nil, fmt.Errorf("state directory: %w", err)
	}
	if len(root) > socketPathLimit {
		return nil, fmt.Errorf("state directory %s: a path of more than %d bytes is too long for the sockets in it", root, socketPathLimit)
	}
	for _, name := range []string{"logs", "charts"} {
		if err := os.MkdirAll(filepath.Join(root, name), 0o700); err != nil {
			return nil, fmt.Errorf("state directory: %w", err)
		}
	}
	return &Directory{root: root}, nil
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
