package provider

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// checkSecretFile returns an error if no file can be at a path, so that this is
// known before a handshake fails for it.
func checkSecretFile(path string) error {
	if path == "" {
		return errors.New("no file for the secret")
	}
	info, err := os.Stat(filepath.Dir(path))
	if err != nil {
		return fmt.Errorf("directory of the secret: %w", err)
	}
	if !info.IsDir() {
		return fmt.Errorf("directory of the secret: %s is no directory", filepath.Dir(path))
	}
	return nil
}

// readSecretFile returns the secret in a file. The error says nothing of it.
func readSecretFile(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("reading the secret: %w", err)
	}
	b, err := io.ReadAll(io.LimitReader(f, maxToken+2))
	if err := errors.Join(err, f.Close()); err != nil {
		return "", fmt.Errorf("reading the secret: %w", err)
	}
	secret := strings.TrimSuffix(string(b), "\n")
	if !isToken(secret, maxToken) {
		return "", fmt.Errorf("%s holds no secret; delete it to enroll again", path)
	}
	return secret, nil
}

// createSecretFile makes a file with a secret, for the owner only, durable
// before it returns. The error is [fs.ErrExist] if there is such a file: it is
// never replaced, whoever made it. A crash leaves all of the file or none.
func createSecretFile(path, secret string) error {
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, filepath.Base(path)+".*.tmp") // with mode 0600
	if err != nil {
		return fmt.Errorf("keeping the secret: %w", err)
	}
	defer func() { _ = os.Remove(f.Name()) }()
	_, err = io.WriteString(f, secret+"\n")
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		// Unlike a rename, a link fails if the file exists.
		err = os.Link(f.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("keeping the secret: %w", err)
	}
	if err := syncDirectory(dir); err != nil {
		// The sender won't use a secret that it was not told to be kept.
		return fmt.Errorf("keeping the secret: %w", errors.Join(err, os.Remove(path)))
	}
	return nil
}

// syncDirectory makes the entries of dir durable. Windows can't sync
// directories.
func syncDirectory(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
