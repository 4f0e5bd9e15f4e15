//go:build unix

package sqlite

import (
	"errors"
	"os"
)

// syncDirectory makes the entries of dir durable.
func syncDirectory(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
