//go:build !unix

package sqlite

// syncDirectories does nothing where directories can't be synced.
func syncDirectories(string) error { return nil }
