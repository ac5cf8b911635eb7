package fact

import (
	"context"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/switchingtalent/switchboard/internal/platform/db"
)

// Partitioned are the tables whose rows are forgotten a partition at a time. Deliveries are not among them: each holds a
// place for its fact at its endpoint, which a unique key over all of them keeps.
var Partitioned = []string{"events", "webhook_attempts"}

// Forget drops the partitions of one of the Partitioned tables in which nothing was made after a time, makes those for the
// days to come, and returns how many of each. keep says how wide they are: a quarter of the time that rows are kept,
// between a day and a week. Rather than keep others waiting for a lock it fails, with PostgreSQL's 55P03; try again.
func Forget(ctx context.Context, d *db.DB, table string, before time.Time, keep time.Duration) (made, dropped int, err error) {
	days := min(max(int(keep/(4*24*time.Hour)), 1), 7)
	// Each on its own, so that where one has to wait for somebody the other is not undone.
	some := func(at *time.Time, before time.Time, made, dropped *int) error {
		return d.Platform(ctx, "partitions come and go", func(tx pgx.Tx) error {
			return tx.QueryRow(ctx, `select made, dropped from platform.keep_partitions($1, $2, $3, $4)`, table, days, at, before).Scan(made, dropped)
		})
	}
	var none int
	now := d.Now()
	err = some(nil, before, &none, &dropped)                      // up to no time: nothing is made
	err = errors.Join(err, some(&now, time.Time{}, &made, &none)) // from before all times: nothing is dropped
	return made, dropped, err
}

// made counts the facts of this process, from a place of its own.
var made atomic.Uint64

func init() { made.Store(rand.Uint64N(1 << 41)) }

// idAt is a UUIDv7 (RFC 9562, section 5.7) of a moment: the row goes to the partition of the time at which it became true,
// whatever the clock of the machine says. After the milliseconds comes a counter of 42 bits, so that the facts of one
// transaction keep the order in which they were recorded; 32 bits are random.
func idAt(at time.Time) uuid.UUID {
	n := made.Add(1)
	u := uuid.New()
	binary.BigEndian.PutUint64(u[:], uint64(at.UnixMilli())<<16|0x7000|n>>30&0xfff)
	binary.BigEndian.PutUint32(u[8:], 0x80000000|uint32(n&(1<<30-1)))
	return u
}
