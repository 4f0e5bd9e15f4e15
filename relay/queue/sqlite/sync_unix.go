//go:build unix

package sqlite

import (
	"errors"
	"os"
	"path/filepath"
)

// syncDirectories makes the entries of dir durable, and the entry of dir
// itself, which may be new too.
func syncDirectories(dir string) error {
	for _, d := range []string{dir, filepath.Dir(dir)} {
		f, err := os.Open(d)
		if err != nil {
			return err
		}
		if err := errors.Join(f.Sync(), f.Close()); err != nil {
			return err
		}
	}
	return nil
}
