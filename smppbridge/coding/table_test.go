package coding

import (
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// readTables reads testdata/tables.txt: kind, language, 128 code points.
func readTables(t *testing.T) map[string][]rune {
	t.Helper()
	text, err := os.ReadFile("testdata/tables.txt")
	require.NoError(t, err)
	tables := make(map[string][]rune)
	name := ""
	for line := range strings.Lines(string(text)) {
		switch fields := strings.Fields(line); {
		case fields[0] == "#":
		case len(fields) == 2:
			name = line[:len(line)-1]
		case len(fields) == 16 && name != "":
			for _, field := range fields {
				code, err := strconv.ParseUint(field, 16, 16)
				require.NoError(t, err)
				tables[name] = append(tables[name], rune(code))
			}
		default:
			continue // The rest of the comment.
		}
	}
	return tables
}

func TestEverySeptetOfEveryTable(t *testing.T) {
	tables := readTables(t)
	// 13 languages and the default; Spanish has no locking table.
	require.Len(t, tables, 14+13)
	for l := range Language(languages) {
		a := alphabetOf(l, l)
		locking := tables["locking "+l.String()]
		if locking == nil {
			locking = tables["locking none"]
		}
		single := tables["single "+l.String()]
		require.Len(t, locking, 128, l)
		require.Len(t, single, 128, l)
		for septet := range byte(128) {
			want := string(locking[septet])
			if locking[septet] == 0 || septet == escape {
				want = " "
			}
			require.Equal(t, want, string(a.decode(nil, []byte{septet})), "%s 0x%02X", l, septet)
			switch {
			case septet == escape:
				want = " "
			case single[septet] != 0:
				want = string(single[septet])
			}
			require.Equal(t, want, string(a.decode(nil, []byte{escape, septet})), "%s escape 0x%02X", l, septet)
		}
	}
}

func TestEveryCharacterOfEveryTableIsWritten(t *testing.T) {
	for l := range Language(languages) {
		a := alphabetOf(l, l)
		written := 0
		for r := rune(0); r <= 0xffff; r++ {
			cost := a.cost(r)
			if cost == 0 {
				continue
			}
			written++
			septets := a.encode(nil, string(r))
			require.Len(t, septets, cost)
			require.Equal(t, string(r), string(a.decode(nil, septets)), "%s %U", l, r)
		}
		want := make(map[rune]bool)
		for i := range 128 {
			want[a.locking.chars[i]], want[a.single.chars[i]] = true, true
		}
		delete(want, 0)
		delete(want, escape)
		require.Len(t, want, written, l)
	}
}

func TestUnknownLanguagesAreTheDefault(t *testing.T) {
	require.Equal(t, gsm, alphabetOf(14, 255))
	require.Equal(t, gsm.locking, alphabetOf(Spanish, NoLanguage).locking)
	require.Equal(t, gsm.single, alphabetOf(Turkish, 14).single)
}

func TestDecodeBrokenSeptets(t *testing.T) {
	for name, c := range map[string]struct {
		septets string
		want    string
	}{
		"escape at the end":             {"a\x1b", "a "},
		"two escapes":                   {"\x1b\x1ba", " a"},
		"three escapes":                 {"\x1b\x1b\x1be", " €"},
		"extension without a character": {"\x1bA", "A"},
		"no septet":                     {"a\x80\xffb", "a\ufffd\ufffdb"},
		"no septet after an escape":     {"\x1b\xe5b", "\ufffdb"},
		"a NUL is an at sign":           {"\x00\x00", "@@"},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, c.want, string(gsm.decode(nil, []byte(c.septets))))
		})
	}
}
