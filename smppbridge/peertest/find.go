package peertest

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// Find returns the directory with the scripts of other implementations, which
// SMPP_PEERS names, and otherwise stands beside the checkout. The error says what
// is missing if there is none, or if the program does not run there with the
// arguments of check.
func Find(program string, check ...string) (string, error) {
	dir := os.Getenv("SMPP_PEERS")
	if dir == "" {
		checkout, err := checkout()
		if err != nil {
			return "", err
		}
		dir = filepath.Join(checkout, "..", "shared", "peers", "smpp")
	}
	if _, err := os.Stat(filepath.Join(dir, "smsc.js")); err != nil { //nolint:gosec // The variable is set by whoever runs this.
		return "", errors.New("there are no foreign peers: set SMPP_PEERS to the directory of smsc.js")
	}
	cmd := exec.Command(program, check...) //nolint:gosec // The caller's own arguments.
	cmd.Dir = dir
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("%s in %s does not work (%w): for node run npm install there or set NODE_PATH, for perl install Net::SMPP, for Kannel its package",
			program, dir, err)
	}
	return dir, nil
}

// checkout returns the directory of the module that the working directory is in.
func checkout() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", errors.New("the working directory is outside of a module")
		}
		dir = parent
	}
}
