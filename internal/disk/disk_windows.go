// Package disk says how much room a file system has.
package disk

import "golang.org/x/sys/windows"

// Free returns how many bytes this user may still write below a directory; ok is false where the
// system does not say.
func Free(dir string) (n uint64, ok bool) {
	path, err := windows.UTF16PtrFromString(dir)
	if err != nil {
		return 0, false
	}
	err = windows.GetDiskFreeSpaceEx(path, &n, nil, nil)
	return n, err == nil
}
