package sqlite

import (
	"crypto/sha256"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/caddy-relay/caddy-relay/relay"
)

// TestReleasedMigrationsDoNotChange has the hashes of what databases out there
// were made with. A new migration gets a line, an old one keeps it.
func TestReleasedMigrationsDoNotChange(t *testing.T) {
	released := []string{
		"e74bb28b90e3f271bf9fbfa0bde5918a27b9e38d337d32d9738acb417343e71f",
		"0c6457bfd8d118399920cfcdbb73d6a943a45d39c580703bb58c9cefd6994ab7",
	}
	for i, want := range released {
		assert.Equal(t, want, fmt.Sprintf("%x", sha256.Sum256([]byte(migrations[i]))), "migration %d", i)
	}
}

// writeVersion1 makes a queue as the first schema had it, with an event that
// was tried once for crm and delivered to erp.
func writeVersion1(t *testing.T, dir string) {
	t.Helper()
	conn, err := openConn(filepath.Join(dir, databaseName), 1<<10)
	require.NoError(t, err)
	require.NoError(t, migrateFrom(conn, 0))
	remembered := &relay.Event{Source: "shop", ID: "one"}
	first, rest := hashID(remembered).halves()
	require.NoError(t, sqlitex.ExecuteScript(conn, fmt.Sprintf(`
		UPDATE queue SET id = 'FIRST';
		INSERT INTO destinations VALUES (1, 'crm'), (2, 'erp');
		INSERT INTO events VALUES (7, 1700000000000, x'0102', 'shop', 'one', 'paid', 'k', x'', 'a=1', x'7b7d');
		INSERT INTO deliveries VALUES (1 << 40 | 7, 0, 1, 1700000000000), (2 << 40 | 7, 1, 1, 0);
		INSERT INTO attempts VALUES (1 << 40 | 7, 1, 1700000000000, 5, 503, 'status', '', x''), (2 << 40 | 7, 1, 1700000000000, 5, 200, '', '', x'');
		INSERT INTO remembered VALUES (%d, %d, %d);
	`, first, rest, time.Now().Add(time.Hour).UnixMilli()), nil))
	version, err := pragmaInt(conn, "user_version")
	require.NoError(t, err)
	require.EqualValues(t, 1, version)
	require.NoError(t, conn.Close())
}

func TestQueueOfVersion1(t *testing.T) {
	dir := t.TempDir()
	writeVersion1(t, dir)
	for restart := range 3 {
		s := open(t, dir)
		assert.Equal(t, "FIRST", s.ID())
		a := &relay.Acceptance{Event: &relay.Event{Source: "shop", ID: "one"}, To: []string{"crm"}, Dedup: time.Hour}
		require.NoError(t, s.Commit(t.Context(), &relay.Batch{Accepts: []*relay.Acceptance{a}}))
		assert.True(t, a.Duplicate)

		c, err := s.Claim(t.Context(), relay.ClaimQuery{Destination: "crm", Now: time.Now(), Max: 9, MaxBytes: 1 << 20, Held: func(int64) bool { return false }})
		require.NoError(t, err)
		require.Len(t, c.Due, 1)
		assert.Equal(t, "one", c.Due[0].Event.ID)
		assert.Equal(t, 1+restart, c.Due[0].Attempts)
		want := [][]byte{nil, []byte("note 2"), []byte("note 3")}[restart]
		assert.Equal(t, want, c.Due[0].Note)
		require.NoError(t, s.Commit(t.Context(), &relay.Batch{Finishes: []*relay.Finish{{
			Key: c.Due[0].Key, State: relay.StatePending, Attempt: 2 + restart, Due: time.Now().Add(-time.Second), Started: time.Now(),
			Result: relay.Result{
				Note:  fmt.Append(nil, "note ", 2+restart),
				Links: []relay.Link{linkOf(restart, fmt.Sprint(restart), time.Hour)},
			},
		}}}))
		requireLinks(t, s, 0, restart+1)
		maintain(t, s)
		require.NoError(t, s.Close())
	}
}
