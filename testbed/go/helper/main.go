// Small jobs of the test bed that Node cannot do alone: tying a child's life to its parent's, making
// certificates, and becoming the first process of a container.
package main

import (
	"errors"
	"fmt"
	"os"
	"runtime"
)

// The parent-death signal belongs to the thread that asks for it, and exec keeps it for that thread only.
func init() { runtime.LockOSThread() }

func main() {
	if err := dispatch(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
}

func dispatch(args []string) error {
	switch {
	case len(args) >= 3 && args[0] == "run":
		return run(args[1], args[2:])
	case len(args) >= 2 && args[0] == "certs":
		return writeCerts(args[1], args[2:])
	case len(args) == 3 && args[0] == "container":
		return runContainer(args[1], args[2])
	case len(args) == 3 && args[0] == "first-process":
		become(args[1], args[2])
		return nil
	default:
		return errors.New("usage: helper run PARENT_PID PROGRAM [ARG...] | helper certs DIR [NAME=USER[/GROUP]...] | helper container SPEC ERRORS")
	}
}
