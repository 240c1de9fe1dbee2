package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
)

// container is what the test bed's node asks for: a process that sees files, user and variables of its own.
type container struct {
	// Root is an empty folder. Everything that the container writes outside of its mounts is in memory
	// and goes with it.
	Root   string  `json:"root"`
	Mounts []mount `json:"mounts"`
	// Traversable folders of the machine may be passed by every user, within the container alone.
	Traversable []string `json:"traversable"`
	// Cgroups are the cgroup.procs files of the groups that the process joins.
	Cgroups    []string `json:"cgroups"`
	UID        int      `json:"uid"`
	GID        int      `json:"gid"`
	Groups     []int    `json:"groups"`
	WorkingDir string   `json:"workingDir"`
	Args       []string `json:"args"`
	Env        []string `json:"env"`
}

type mount struct {
	Source   string `json:"source"`
	Target   string `json:"target"`
	ReadOnly bool   `json:"readOnly"`
}

// startFailed is what a container runtime exits with when it could not start the process at all.
const startFailed = 128

// runContainer starts the container's first process in mount and PID namespaces of its own, and ends as
// it does: with its exit status, or with 128 and the number of the signal that ended it.
func runContainer(specFile, errorFile string) error {
	first := exec.Command("/proc/self/exe", "first-process", specFile, errorFile)
	first.Stdout, first.Stderr = os.Stdout, os.Stderr
	first.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWPID,
		Pdeathsig:  syscall.SIGKILL,
	}
	var ended *exec.ExitError
	if err := first.Run(); err != nil && !errors.As(err, &ended) {
		return err
	}
	status := first.ProcessState.Sys().(syscall.WaitStatus)
	if status.Signaled() {
		os.Exit(128 + int(status.Signal()))
	}
	os.Exit(status.ExitStatus())
	return nil
}

// become turns this process, which has mount and PID namespaces of its own, into the container's first
// process. What keeps it from that is written to errorFile.
func become(specFile, errorFile string) {
	// Opened while it can still be found; a program that is started does not inherit it.
	complaint, err := os.Create(errorFile)
	if err == nil {
		err = enter(specFile)
	}
	if err != nil {
		_, _ = complaint.WriteString(err.Error())
		os.Exit(startFailed)
	}
}

func enter(specFile string) error {
	text, err := os.ReadFile(specFile)
	if err != nil {
		return err
	}
	var spec container
	if err := json.Unmarshal(text, &spec); err != nil {
		return err
	}
	for _, procs := range spec.Cgroups {
		if err := os.WriteFile(procs, []byte("0"), 0); err != nil {
			return err
		}
	}
	if err := layOut(spec); err != nil {
		return err
	}
	if err := syscall.Chroot(spec.Root); err != nil {
		return err
	}
	// A container runtime makes the working folder where the image has none.
	if err := os.MkdirAll(spec.WorkingDir, 0o755); err != nil {
		return err
	}
	if err := os.Chdir(spec.WorkingDir); err != nil {
		return err
	}
	program, err := find(spec)
	if err != nil {
		return err
	}
	if err := changeUser(spec); err != nil {
		return err
	}
	return syscall.Exec(program, spec.Args, spec.Env)
}

// find looks the program up as a container runtime does: in the container's own PATH.
func find(spec container) (string, error) {
	os.Clearenv()
	for _, variable := range spec.Env {
		for i := range variable {
			if variable[i] == '=' {
				_ = os.Setenv(variable[:i], variable[i+1:])
				break
			}
		}
	}
	return exec.LookPath(spec.Args[0])
}

func changeUser(spec container) error {
	if err := syscall.Setgroups(spec.Groups); err != nil {
		return err
	}
	if err := syscall.Setgid(spec.GID); err != nil {
		return err
	}
	if err := syscall.Setuid(spec.UID); err != nil {
		return err
	}
	// Another user's process loses the wish to die with its parent.
	return dieWithParent()
}

// layOut mounts the machine's own root, copied on write, with what belongs to this container alone above it.
func layOut(spec container) error {
	if err := syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
		return err
	}
	if err := syscall.Mount("layer", spec.Root, "tmpfs", 0, "mode=755"); err != nil {
		return err
	}
	layer := spec.Root
	for _, name := range []string{"upper", "work", "root"} {
		if err := os.Mkdir(filepath.Join(layer, name), 0o755); err != nil {
			return err
		}
	}
	root := filepath.Join(layer, "root")
	layers := fmt.Sprintf("lowerdir=/,upperdir=%s,workdir=%s", filepath.Join(layer, "upper"), filepath.Join(layer, "work"))
	if err := syscall.Mount("container", root, "overlay", 0, layers); err != nil {
		return fmt.Errorf("overlay over /: %w", err)
	}
	if err := systemFolders(root); err != nil {
		return err
	}
	for _, folder := range spec.Traversable {
		if err := open(filepath.Join(root, folder)); err != nil {
			return err
		}
	}
	for _, each := range spec.Mounts {
		if err := each.bind(root); err != nil {
			return fmt.Errorf("mount %s at %s: %w", each.Source, each.Target, err)
		}
	}
	return syscall.Mount(root, layer, "", syscall.MS_MOVE, "")
}

func open(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	return os.Chmod(path, info.Mode().Perm()|0o111)
}

func (m mount) bind(root string) error {
	target := filepath.Join(root, m.Target)
	info, err := os.Stat(m.Source)
	if err != nil {
		return err
	}
	if err := makeTarget(target, info.IsDir()); err != nil {
		return err
	}
	if err := syscall.Mount(m.Source, target, "", syscall.MS_BIND|syscall.MS_REC, ""); err != nil {
		return err
	}
	if !m.ReadOnly {
		return nil
	}
	return syscall.Mount("", target, "", syscall.MS_BIND|syscall.MS_REMOUNT|syscall.MS_RDONLY, "")
}

func makeTarget(target string, isFolder bool) error {
	if isFolder {
		return os.MkdirAll(target, 0o755)
	}
	if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
		return err
	}
	file, err := os.OpenFile(target, os.O_CREATE, 0o644)
	if err != nil {
		return err
	}
	return file.Close()
}

// systemFolders are those that every container has, none of them the machine's.
func systemFolders(root string) error {
	at := func(path string) string { return filepath.Join(root, path) }
	devices := []string{"null", "zero", "full", "random", "urandom", "tty"}
	steps := []func() error{
		func() error { return syscall.Mount("proc", at("proc"), "proc", 0, "") },
		func() error { return syscall.Mount("/sys", at("sys"), "", syscall.MS_BIND, "") },
		func() error {
			return syscall.Mount("", at("sys"), "", syscall.MS_BIND|syscall.MS_REMOUNT|syscall.MS_RDONLY, "")
		},
		func() error { return syscall.Mount("tmp", at("tmp"), "tmpfs", 0, "mode=1777") },
		func() error { return syscall.Mount("run", at("run"), "tmpfs", 0, "mode=755") },
		func() error { return syscall.Mount("dev", at("dev"), "tmpfs", 0, "mode=755") },
		func() error { return os.Mkdir(at("dev/shm"), 0o1777) },
		func() error { return syscall.Mount("shm", at("dev/shm"), "tmpfs", 0, "mode=1777,size=64m") },
		func() error { return os.Symlink("/proc/self/fd", at("dev/fd")) },
		func() error { return os.Symlink("/proc/self/fd/0", at("dev/stdin")) },
		func() error { return os.Symlink("/proc/self/fd/1", at("dev/stdout")) },
		func() error { return os.Symlink("/proc/self/fd/2", at("dev/stderr")) },
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return fmt.Errorf("the container's own folders: %w", err)
		}
	}
	for _, name := range devices {
		device := mount{Source: "/dev/" + name, Target: "/dev/" + name}
		if err := device.bind(root); err != nil {
			return err
		}
	}
	return nil
}
