// The self-contained executable: Python and the program as a tree of files, which it unpacks once and then becomes.
package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

//go:embed tree.tar.gz
var tree []byte

// What the tree's folder is called: another tree has another name.
var name string

// As the program's own code for a disk that is full or read-only.
const temporary = 75

func main() {
	var failures []error
	for _, folder := range folders() {
		root, err := unpacked(folder)
		if err == nil {
			err = become(root)
		}
		failures = append(failures, err)
	}
	fmt.Fprintf(os.Stderr, "nomad-token needs 40 MB in a folder that it may write to and run programs from:\n%v\n"+
		"Set XDG_CACHE_HOME or TMPDIR to one.\n", errors.Join(failures...))
	os.Exit(temporary)
}

func folders() []string {
	cache, err := os.UserCacheDir()
	if err != nil {
		return []string{os.TempDir()}
	}
	cache = filepath.Join(cache, "nomad-token")
	_ = os.MkdirAll(cache, 0o700) // where that fails, what is made in it fails too
	return []string{cache, os.TempDir()}
}

// Two that start at once unpack each into a folder of its own, and the first to be ready gives the tree its name.
func unpacked(folder string) (string, error) {
	root := filepath.Join(folder, name)
	if found, err := ours(root); found || err != nil {
		return root, err
	}
	made, err := os.MkdirTemp(folder, name+".")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(made)
	if err := unpack(made); err != nil {
		return "", err
	}
	renamed := os.Rename(made, root)
	if found, err := ours(root); found || err != nil {
		return root, err
	}
	return "", renamed
}

// Whoever could write to the tree could run code as us: in a folder that is shared, its name can be taken by anybody.
func ours(root string) (bool, error) {
	info, err := os.Lstat(root)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	owner := info.Sys().(*syscall.Stat_t).Uid
	if !info.IsDir() || int(owner) != os.Geteuid() || info.Mode().Perm()&0o022 != 0 {
		return false, fmt.Errorf("%s is not a folder that is ours alone", root)
	}
	return true, nil
}

func unpack(root string) error {
	plain, err := gzip.NewReader(bytes.NewReader(tree))
	if err != nil {
		return err
	}
	for files := tar.NewReader(plain); ; {
		entry, err := files.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if err := write(filepath.Join(root, entry.Name), entry.FileInfo().Mode(), files); err != nil {
			return err
		}
	}
}

func write(path string, mode fs.FileMode, content io.Reader) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, mode)
	if err != nil {
		return err
	}
	_, err = io.Copy(file, content)
	return errors.Join(err, file.Close())
}

// The tree's own loader, named outright, needs no C library of the system's, and leaves no variable to what we start.
// -I and -S: no PYTHON* variable, no module of the working directory's and none of the system's runs in ours.
func become(root string) error {
	loader, python := filepath.Join(root, "loader"), filepath.Join(root, "bin", "python3")
	argv := []string{loader, "--inhibit-cache", "--library-path", filepath.Join(root, "lib"), python}
	argv = append(argv, "-I", "-S", "-m", "nomad_token")
	err := syscall.Exec(loader, append(argv, os.Args[1:]...), os.Environ())
	return fmt.Errorf("%s: %w", loader, err)
}
