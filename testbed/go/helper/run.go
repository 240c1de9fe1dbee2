package main

import (
	"errors"
	"os"
	"strconv"
	"syscall"
)

// run becomes the program, which the kernel kills as soon as the parent is gone, however it went.
func run(parent string, command []string) error {
	if err := dieWithParent(); err != nil {
		return err
	}
	if strconv.Itoa(os.Getppid()) != parent {
		return errors.New("the launcher ended before its child started")
	}
	return syscall.Exec(command[0], command, os.Environ())
}

func dieWithParent() error {
	_, _, errno := syscall.RawSyscall(syscall.SYS_PRCTL, syscall.PR_SET_PDEATHSIG, uintptr(syscall.SIGKILL), 0)
	if errno != 0 {
		return errno
	}
	return nil
}
