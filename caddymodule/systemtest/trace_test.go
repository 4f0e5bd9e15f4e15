package systemtest

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// traced are the system calls that a queue can reach its files by. The model
// of fileSystem knows most of them, and fails the test when it sees another.
const traced = "open,openat,creat,close,dup,dup2,dup3,write,writev,pwrite64,pwritev,pwritev2,sendfile,copy_file_range," +
	"ftruncate,truncate,fallocate,fsync,fdatasync,sync_file_range,rename,renameat,renameat2,link,linkat,unlink,unlinkat,mkdir,mkdirat"

// call is a system call in a trace. Its moments are numbers of lines: strace
// writes one when a call begins, and another when it ends if something else
// was to be written in between.
type call struct {
	name       string
	args       []string // numbers and flags as they are, strings decoded
	data       []byte   // all strings joined
	result     int
	begin, end int // end is never if the process ended first
}

const never = 1 << 62

func (c *call) fd(t *testing.T) int {
	t.Helper()
	n, err := strconv.Atoi(c.args[0])
	require.NoError(t, err)
	return n
}

// last returns the last argument, a number.
func (c *call) last(t *testing.T) int {
	t.Helper()
	n, err := strconv.Atoi(c.args[len(c.args)-1])
	require.NoError(t, err)
	return n
}

// readTrace reads what "strace -f -xx" wrote, beginning with the number of a
// line, and returns the calls in the order of their ends.
func readTrace(t *testing.T, name string, line int) (calls []*call, next int) {
	t.Helper()
	file, err := os.Open(name)
	require.NoError(t, err)
	defer func() { _ = file.Close() }()
	open := make(map[string]*call) // by thread
	r := bufio.NewReaderSize(file, 1<<20)
	for ; ; line++ {
		text, err := r.ReadString('\n')
		if err != nil {
			break
		}
		thread, text, _ := strings.Cut(strings.TrimSuffix(text, "\n"), " ")
		text = strings.TrimLeft(text, " ")
		var c *call
		if strings.HasPrefix(text, "<... ") {
			c = open[thread]
			require.NotNil(t, c, text)
			delete(open, thread)
		} else {
			name, args, ok := strings.Cut(text, "(")
			if !ok {
				continue // the end of a thread
			}
			c = &call{name: name, begin: line, end: never}
			arguments, unfinished := strings.CutSuffix(args, " <unfinished ...>")
			if !unfinished {
				arguments = args[:strings.LastIndexByte(args, ')')]
			}
			c.parse(t, arguments)
			if unfinished {
				open[thread] = c
				continue
			}
		}
		c.end = line
		c.result = result(text)
		calls = append(calls, c)
	}
	for _, c := range open {
		if c.args[0] != "" { // Otherwise a kill was faster than strace.
			calls = append(calls, c)
		}
	}
	return calls, line
}

// parse splits arguments. Strings are in hex, so they have no commas.
func (c *call) parse(t *testing.T, arguments string) {
	t.Helper()
	require.NotContains(t, arguments, `"...`, "the trace has a shortened string")
	for arg := range strings.SplitSeq(arguments, ",") {
		arg = strings.TrimSpace(arg)
		if start := strings.IndexByte(arg, '"'); start >= 0 {
			text := arg[start+1 : strings.LastIndexByte(arg, '"')]
			data, err := hex.DecodeString(strings.ReplaceAll(text, `\x`, ""))
			require.NoError(t, err)
			c.data = append(c.data, data...)
			arg = string(data)
		}
		c.args = append(c.args, arg)
	}
}

// result returns what a call returned, or -1.
func result(text string) int {
	_, text, _ = strings.Cut(text[strings.LastIndexByte(text, ')'):], "= ")
	number, _, _ := strings.Cut(text, " ")
	n, err := strconv.Atoi(number)
	if err != nil {
		return -1
	}
	return n
}

// acknowledged returns the event that a call tells a sender to be accepted, if
// it does.
func (c *call) acknowledged() (id string, ok bool) {
	if c.name != "write" && c.name != "writev" || !bytes.HasPrefix(c.data, []byte("HTTP/1.1 202 ")) {
		return "", false
	}
	_, body, ok := bytes.Cut(c.data, []byte("\r\n\r\n"))
	return string(body), ok
}
