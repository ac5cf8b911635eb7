package access

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"hash/crc32"
	"strconv"
	"time"

	"github.com/google/uuid"

	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/id"
)

// How long secrets live when nobody says otherwise.
const (
	firstAdminLife = 72 * time.Hour // of a tenant's first secret, unless it is rotated (design section 3)
	defaultOverlap = 24 * time.Hour // of the old secret beside its successor
)

// prefix tells people and secret scanners what they look at.
func prefix(sandbox bool) string {
	if sandbox {
		return "sb_test_"
	}
	return "sb_live_"
}

// newSecret makes a secret: its prefix, 256 random bits, and a checksum by which scanners tell it from chance.
func newSecret(sandbox bool) string {
	b := make([]byte, 32)
	_, _ = rand.Read(b) // never fails: crypto/rand ends the process instead
	s := prefix(sandbox) + base64.RawURLEncoding.EncodeToString(b)
	return fmt.Sprintf("%s_%08x", s, crc32.ChecksumIEEE([]byte(s)))
}

type hash [sha256.Size]byte

func hashOf(secret string) hash { return sha256.Sum256([]byte(secret)) }

// matches compares with two live hashes whatever there is, so that the time tells nothing.
func (h hash) matches(live [][]byte) bool {
	var pair [2]hash
	for i := range min(len(live), len(pair)) {
		copy(pair[i][:], live[i])
	}
	first := subtle.ConstantTimeCompare(h[:], pair[0][:]) == 1 && len(live) > 0
	second := subtle.ConstantTimeCompare(h[:], pair[1][:]) == 1 && len(live) > 1
	return first || second
}

// issueSecret gives the client of this transaction's tenant another secret and returns it: nobody can read it again.
func issueSecret(tx *db.Tx, c id.ClientID, expires *time.Time) (string, error) {
	var sandbox bool
	if err := tx.Select(&sandbox, `select sandbox from tenants where tenant_id = ?`, tx.Scope.Tenant); err != nil {
		return "", err
	}
	s := newSecret(sandbox)
	h := hashOf(s)
	_, err := tx.Run(`insert into client_secrets (tenant_id, id, client_id, hash, created_at, expires_at) values (?, ?, ?, ?, ?, ?)`,
		tx.Scope.Tenant, uuid.Must(uuid.NewV7()), c, h[:], tx.Now, expires)
	if err != nil {
		return "", err
	}
	return s, tx.EnlistHash(secrets, h[:], c.UUID())
}

// endSecrets lets the newest secret of the client live until the given time, and ends all others now: with the one that
// follows there are never more than two.
func endSecrets(tx *db.Tx, c id.ClientID, newest time.Time) error {
	var ended [][]byte
	err := tx.Select(&ended, `with now_ends as (update client_secrets s set expires_at = case
			when s.id = (select n.id from client_secrets n where n.tenant_id = s.tenant_id and n.client_id = s.client_id order by n.created_at desc, n.id desc limit 1)
			then least(coalesce(s.expires_at, @newest), @newest) else @now end
		where s.tenant_id = @tenant and s.client_id = @client and (s.expires_at is null or s.expires_at > @now) returning s.hash, s.expires_at)
		select hash from now_ends where expires_at <= @now`,
		map[string]any{"tenant": tx.Scope.Tenant, "client": c, "newest": newest, "now": tx.Now})
	if err != nil {
		return err
	}
	return tx.DelistHashes(secrets, ended)
}

// retryAfter writes a time to wait in whole seconds, as the header Retry-After wants it.
func retryAfter(d time.Duration) string {
	return strconv.FormatInt(int64((d+time.Second-1)/time.Second), 10)
}
