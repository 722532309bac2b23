package session

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"oras.land/oras-go/v2/registry/remote/auth"
	"oras.land/oras-go/v2/registry/remote/credentials"
)

// logins are the credentials in one file of docker's format, or in the credential helpers that the file names.
//
// It follows oras' credentials.DynamicStore, which looks for helpers in the process's environment, lets them write to the
// process's stderr, and writes back what it read when it was made: of two logins at once one would be lost.
type logins struct {
	file string
	env  environment
}

// loginFile is what decides where credentials are.
type loginFile struct {
	Auths       map[string]json.RawMessage `json:"auths"`
	CredsStore  string                     `json:"credsStore"`
	CredHelpers map[string]string          `json:"credHelpers"`
}

func (l *logins) read() (loginFile, error) {
	var read loginFile
	text, err := os.ReadFile(l.file)
	if errors.Is(err, fs.ErrNotExist) || err == nil && len(bytes.TrimSpace(text)) == 0 {
		return read, nil
	}
	if err != nil {
		return read, err
	}
	// Like oras, what follows the first value does not matter.
	if err := json.NewDecoder(bytes.NewReader(text)).Decode(&read); err != nil {
		return read, errors.New("it is no JSON of docker's format") // the error could quote a secret
	}
	return read, nil
}

// helper names the credential helper of an address; "" where the file itself holds the credentials. Where nothing is
// configured at all, detected says that it is the platform's own.
func (l *logins) helper(read loginFile, address string) (suffix string, detected bool) {
	if named := cmp.Or(read.CredHelpers[address], read.CredsStore); named != "" {
		return named, false
	}
	if len(read.Auths) > 0 || len(read.CredHelpers) > 0 {
		return "", false
	}
	native := "secretservice" // oras: native_store_linux.go
	if _, found := l.env.find("pass"); found {
		native = "pass"
	}
	if _, found := l.env.find(helperPrefix + native); found {
		return native, true
	}
	return "", false
}

// Get gives what an address is logged in with.
func (l *logins) Get(ctx context.Context, address string) (auth.Credential, error) {
	read, err := l.read()
	if err != nil {
		return auth.EmptyCredential, l.unreadable(err)
	}
	if suffix, _ := l.helper(read, address); suffix != "" {
		return l.fromHelper(ctx, suffix, address)
	}
	store, err := credentials.NewFileStore(l.file)
	if err != nil {
		return auth.EmptyCredential, l.unreadable(err)
	}
	return store.Get(ctx, address)
}

// Put keeps what an address is logged in with.
func (l *logins) Put(ctx context.Context, address string, credential auth.Credential) error {
	// As oras' FileStore, and before a directory is made for what can not be kept.
	if read, err := l.read(); err == nil && strings.ContainsRune(credential.Username, ':') {
		if suffix, _ := l.helper(read, address); suffix == "" {
			return fmt.Errorf("%w: colons(:) are not allowed in username", credentials.ErrBadCredentialFormat)
		}
	}
	return l.change(ctx, func() error {
		read, err := l.read()
		if err != nil {
			return l.unreadable(err)
		}
		suffix, detected := l.helper(read, address)
		if suffix == "" {
			store, err := credentials.NewFileStore(l.file)
			if err != nil {
				return l.unreadable(err)
			}
			return store.Put(ctx, address, credential)
		}
		if err := l.toHelper(ctx, suffix, address, credential); err != nil || !detected {
			return err
		}
		return l.name(suffix)
	})
}

// Delete forgets an address; nothing happens where it is not logged in.
func (l *logins) Delete(ctx context.Context, address string) error {
	forget := func() error {
		read, err := l.read()
		if err != nil {
			return l.unreadable(err)
		}
		if suffix, _ := l.helper(read, address); suffix != "" {
			_, err := l.ask(ctx, suffix, "erase", []byte(address))
			return err
		}
		store, err := credentials.NewFileStore(l.file)
		if err != nil {
			return l.unreadable(err)
		}
		return store.Delete(ctx, address)
	}
	if _, err := os.Stat(filepath.Dir(l.file)); errors.Is(err, fs.ErrNotExist) {
		return forget() // no directory is made for that
	}
	return l.change(ctx, forget)
}

func (l *logins) unreadable(err error) error {
	return invalid("registry_config", "%s can not be read: %w", l.file, err)
}

// lockPause is how often a lock that another holds is tried again.
const lockPause = 5 * time.Millisecond

// change runs a change while no other of this library, in whatever process, changes a file of the directory. The lock is the
// directory's own, so that no file appears that helm does not make.
func (l *logins) change(ctx context.Context, change func() error) error {
	directory := filepath.Dir(l.file)
	if err := os.MkdirAll(directory, 0o700); err != nil { // oras: internal/config/config.go, saveFile
		return fmt.Errorf("failed to make directory %s: %w", directory, err)
	}
	held, err := os.Open(directory)
	if err != nil {
		return err
	}
	defer held.Close()
	for {
		err := syscall.Flock(int(held.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return change()
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR) {
			// A file system without locks: as helm, which takes none.
			return change()
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(lockPause):
		}
	}
}

// name writes the helper that was detected into the file, in the form that oras gives it.
func (l *logins) name(suffix string) error {
	content := map[string]json.RawMessage{}
	text, err := os.ReadFile(l.file)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if len(bytes.TrimSpace(text)) > 0 {
		if err := json.NewDecoder(bytes.NewReader(text)).Decode(&content); err != nil {
			return l.unreadable(err)
		}
	}
	if content["credsStore"], err = json.Marshal(suffix); err != nil {
		return err
	}
	content["auths"] = json.RawMessage("{}") // a helper is detected only where there are none
	made, err := json.MarshalIndent(content, "", "\t")
	if err != nil {
		return err
	}
	return writeWhole(l.file, made, 0o600)
}

// writeWhole puts the text where the file is, or leaves that as it is.
func writeWhole(file string, text []byte, mode os.FileMode) (err error) {
	made, err := os.CreateTemp(filepath.Dir(file), "oras_credstore_temp_*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(made.Name())
		}
	}()
	_, err = made.Write(text)
	err = errors.Join(err, made.Chmod(mode), made.Close())
	if err != nil {
		return err
	}
	return os.Rename(made.Name(), file)
}

const (
	helperPrefix = "docker-credential-"
	// tokenUser is the user name with which a helper says that the secret is a token.
	tokenUser = "<token>"
	// notFound is what a helper prints where it has nothing (docker-credential-helpers: credentials/error.go).
	notFound = "credentials not found in native keychain"
)

// secret is what goes to a helper and comes from one.
type secret struct {
	ServerURL string
	Username  string
	Secret    string
}

func (l *logins) fromHelper(ctx context.Context, suffix, address string) (auth.Credential, error) {
	text, err := l.ask(ctx, suffix, "get", []byte(address))
	if err != nil {
		if err.Error() == notFound {
			return auth.EmptyCredential, nil
		}
		return auth.EmptyCredential, err
	}
	var kept secret
	if err := json.Unmarshal(text, &kept); err != nil {
		// The error would quote what the helper printed, secrets and all.
		return auth.EmptyCredential, fmt.Errorf("%s%s get: what it printed is not the JSON of a credential", helperPrefix, suffix)
	}
	if kept.Username == tokenUser {
		return auth.Credential{RefreshToken: kept.Secret}, nil
	}
	return auth.Credential{Username: kept.Username, Password: kept.Secret}, nil
}

func (l *logins) toHelper(ctx context.Context, suffix, address string, credential auth.Credential) error {
	kept := secret{ServerURL: address, Username: credential.Username, Secret: credential.Password}
	if credential.RefreshToken != "" {
		kept.Username, kept.Secret = tokenUser, credential.RefreshToken
	}
	text, err := json.Marshal(kept)
	if err != nil {
		return err
	}
	_, err = l.ask(ctx, suffix, "store", text)
	return err
}

// ask runs a helper with the Configuration's environment. As in oras, an error is what it printed; what it wrote to stderr
// is part of ours and goes nowhere else.
func (l *logins) ask(ctx context.Context, suffix, action string, input []byte) ([]byte, error) {
	name := helperPrefix + suffix
	path, found := l.env.find(name)
	if !found {
		return nil, fmt.Errorf("credential helper %s is not on the PATH that the Configuration was made with", name)
	}
	var stdout, stderr bytes.Buffer
	command := exec.CommandContext(ctx, path, action)
	command.Stdin, command.Stdout, command.Stderr = bytes.NewReader(input), &stdout, &stderr
	command.WaitDelay = time.Second
	command.Env = l.env.list()
	err := command.Run()
	if err == nil {
		return stdout.Bytes(), nil
	}
	if gone := ctx.Err(); gone != nil {
		return nil, gone
	}
	var ended *exec.ExitError
	if printed := strings.TrimSpace(stdout.String()); errors.As(err, &ended) && printed == notFound {
		return nil, errors.New(notFound)
	}
	return nil, fmt.Errorf("credential helper %s %s: %w%s", name, action, err, complaint(stdout.String(), stderr.String()))
}

// complaint is the end of what a program said of its failure.
func complaint(texts ...string) string {
	said := ""
	for _, text := range texts {
		if text = strings.TrimSpace(text); text != "" {
			said += ": " + text[max(0, len(text)-stderrLimit):]
		}
	}
	return said
}
