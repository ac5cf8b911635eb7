package web

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"

	"github.com/google/uuid"

	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/fault"
)

// stored is the first answer to a request with an Idempotency-Key. It stays 24 hours, sealed under a key that is made
// from the caller's own key: whoever reads the table without it reads nothing.
type stored struct {
	Status int         `json:"status"`
	Header http.Header `json:"header"`
	Body   []byte      `json:"body"`
}

const maxKey = 255

// once runs verb the first time, and finds its answer again every other time. The answer is stored in the transaction
// that made it, so what rolled back is not remembered.
func (s *Server) once(c *call, r Route, tx *db.Tx, replay **stored, verb func() (any, error)) error {
	key := c.idempotencyKey()
	if len(key) > maxKey || !printableASCII(key) {
		return fault.BadParameter.New().In("Idempotency-Key", fault.BadFormat, "format", "1 to 255 printable ASCII characters")
	}
	client := c.principal.ClientID.UUID()
	keyHash := sha256.Sum256(append([]byte(key), client[:]...))
	print := sha256.Sum256([]byte(c.req.Method + "\n" + c.req.URL.Path + "\n" + c.req.URL.RawQuery + "\n" + string(c.body)))
	free, err := tx.TryLock("idempotency:" + hex.EncodeToString(keyHash[:]))
	if err != nil {
		return err
	}
	if !free {
		return fault.KeyBusy.New()
	}
	var row struct{ Fingerprint, Answer []byte }
	n := tx.Raw(`select fingerprint, answer from idempotency_keys where client_id = ? and key_hash = ? and created_at > ?`,
		client, keyHash[:], tx.Now.Add(-keyLife)).Scan(&row)
	if n.Error != nil {
		return n.Error
	}
	if n.RowsAffected > 0 {
		if string(row.Fingerprint) != string(print[:]) {
			return fault.KeyReused.New()
		}
		plain, err := openAnswer(key, client, row.Answer)
		if err != nil {
			return err
		}
		*replay = &stored{}
		return json.Unmarshal(plain, *replay)
	}
	out, err := verb()
	if err != nil {
		return err
	}
	a := stored{Header: http.Header{}}
	a.Status = s.describe(c, r, out, a.Header)
	if _, none := out.(None); none {
		a.Status = http.StatusNoContent
	} else {
		a.Body = encode(out)
	}
	plain, err := json.Marshal(a)
	if err != nil {
		return err
	}
	sealed, err := sealAnswer(key, client, plain)
	if err != nil {
		return err
	}
	_, err = tx.Run(`insert into idempotency_keys (tenant_id, client_id, key_hash, fingerprint, answer, created_at) values (?, ?, ?, ?, ?, ?)
		on conflict (tenant_id, client_id, key_hash) do update set fingerprint = excluded.fingerprint, answer = excluded.answer, created_at = excluded.created_at`,
		tx.Scope.Tenant, client, keyHash[:], print[:], sealed, tx.Now)
	return err
}

func (s *Server) replay(c *call, a *stored) {
	h := c.gin.Writer.Header()
	for k, v := range a.Header {
		h[k] = v
	}
	h.Set("Idempotency-Replayed", "true")
	if a.Body == nil {
		c.write(a.Status, "", nil)
		return
	}
	c.write(a.Status, "application/json", a.Body)
}

func answerKey(key string, client uuid.UUID) (cipher.AEAD, error) {
	k, err := hkdf.Key(sha256.New, []byte(key), client[:], "switchboard idempotency answer", 32)
	if err != nil {
		return nil, err
	}
	b, err := aes.NewCipher(k)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(b)
}

func sealAnswer(key string, client uuid.UUID, plain []byte) ([]byte, error) {
	a, err := answerKey(key, client)
	if err != nil {
		return nil, err
	}
	nonce := make([]byte, a.NonceSize())
	if _, err := rand.Read(nonce); err != nil {
		return nil, err
	}
	return a.Seal(nonce, nonce, plain, nil), nil
}

func openAnswer(key string, client uuid.UUID, sealed []byte) ([]byte, error) {
	a, err := answerKey(key, client)
	if err != nil || len(sealed) < a.NonceSize() {
		return nil, errors.Join(errors.New("web: stored answer is damaged"), err)
	}
	return a.Open(nil, sealed[:a.NonceSize()], sealed[a.NonceSize():], nil)
}

func printableASCII(s string) bool {
	for i := range len(s) {
		if s[i] < 0x20 || s[i] > 0x7e {
			return false
		}
	}
	return s != ""
}
