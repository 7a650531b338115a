//go:build linux || darwin || freebsd

// Package disk says how much room a file system has.
package disk

import "golang.org/x/sys/unix"

// Free returns how many bytes this user may still write below a directory; ok is false where the
// system does not say.
func Free(dir string) (n uint64, ok bool) {
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil || s.Blocks == 0 || s.Bsize <= 0 || int64(s.Bavail) < 0 {
		return 0, false
	}
	return uint64(s.Bavail) * uint64(s.Bsize), true
}
