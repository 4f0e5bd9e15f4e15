//go:build linux

package main

import (
	"errors"
	"fmt"
	"os/exec"

	"github.com/caddy-relay/caddy-relay/smppbridge/peertest"
)

// findPeers returns the directory of the scripts of others, or all that is missing.
func findPeers() (string, error) {
	dir, noNode := peertest.Find("node", "-e", "require.resolve('smpp')")
	_, noKannel := peertest.Find("bearerbox", "--version")
	_, noBatch := exec.LookPath("mtbatch")
	if noBatch != nil {
		noBatch = fmt.Errorf("%w: it comes with the package of Kannel", noBatch)
	}
	return dir, errors.Join(noNode, noKannel, noBatch)
}
