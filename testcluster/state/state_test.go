package state

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

func TestFreshDirectoryIsPrivateAndLocked(t *testing.T) {
	t.Setenv("TMPDIR", shortDirectory(t))
	directory, err := Open("")
	if err != nil {
		t.Fatal(err)
	}
	information, err := os.Stat(directory.Path())
	if err != nil {
		t.Fatal(err)
	}
	if information.Mode().Perm() != 0o700 {
		t.Errorf("mode is %v", information.Mode())
	}
	lock, err := os.Open(directory.Path("lock"))
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != syscall.EWOULDBLOCK {
		t.Errorf("locking it again gives %v", err)
	}
	if err := directory.Remove(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(directory.Path()); !os.IsNotExist(err) {
		t.Errorf("still there: %v", err)
	}
}

func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	full := shortDirectory(t)
	if err := os.WriteFile(filepath.Join(full, "precious"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(shortDirectory(t), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct{ root, message string }{
		"what holds something": {full, "precious"},
		"a file":               {file, "not a directory"},
		"what is not there":    {filepath.Join(full, "none"), "no such file"},
		"a path too long":      {"/" + strings.Repeat("x", 100), "too long"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := Open(test.root); err == nil || !strings.Contains(err.Error(), test.message) {
				t.Errorf("got %v, want %q in it", err, test.message)
			}
		})
	}
}

func TestTail(t *testing.T) {
	t.Parallel()
	directory, err := Open(shortDirectory(t))
	if err != nil {
		t.Fatal(err)
	}
	if lines := directory.Tail("etcd", 2); lines != nil {
		t.Errorf("a log that is not there has lines %q", lines)
	}
	log, err := directory.Log("etcd")
	if err != nil {
		t.Fatal(err)
	}
	if lines := directory.Tail("etcd", 2); lines != nil {
		t.Errorf("an empty log has lines %q", lines)
	}
	if _, err := log.Write([]byte("one\ntwo\nthree\n")); err != nil {
		t.Fatal(err)
	}
	if lines := directory.Tail("etcd", 2); !slices.Equal(lines, []string{"two", "three"}) {
		t.Errorf("last lines are %q", lines)
	}
}

// shortDirectory is one whose path leaves room for a socket's.
func shortDirectory(t *testing.T) string {
	t.Helper()
	directory, err := os.MkdirTemp("/tmp", "state")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(directory) })
	return directory
}
