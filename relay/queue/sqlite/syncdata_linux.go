package sqlite

import (
	"errors"
	"os"
	"syscall"
)

// syncData syncs a file's content, and the metadata needed to read it.
func syncData(f *os.File) error {
	for {
		err := syscall.Fdatasync(int(f.Fd()))
		if !errors.Is(err, syscall.EINTR) {
			return os.NewSyscallError("fdatasync", err)
		}
	}
}
