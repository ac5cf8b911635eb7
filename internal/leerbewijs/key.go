package leerbewijs

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"strings"

	"github.com/google/uuid"

	"github.com/switchingtalent/switchboard/internal/platform/id"
	"github.com/switchingtalent/switchboard/internal/platform/seal"
)

// newKey is 128 random bits for the printed link: enough to keep names from whoever only knows or guesses an id.
func newKey() string {
	b := make([]byte, 16)
	_, _ = rand.Read(b) // never fails: crypto/rand ends the process instead
	return base64.RawURLEncoding.EncodeToString(b)
}

func place(tenant uuid.UUID, lid id.LeerbewijsID) seal.Where {
	return seal.Where{Tenant: tenant, Table: "leerbewijzen", Column: "key_sealed", Row: lid.UUID()}
}

// address is the public check without the key.
func (s Service) address(lid id.LeerbewijsID) string {
	return strings.TrimSuffix(s.PublicURL, "/") + "/check/" + lid.String()
}

// checkURL is the public check as it is printed: with the key that makes the name show.
func (s Service) checkURL(l Leerbewijs) (string, error) {
	key, err := s.Box.Open(l.KeySealed, place(l.TenantID.UUID(), l.ID))
	if err != nil {
		return "", err
	}
	return s.address(l.ID) + "?k=" + string(key), nil
}

// unlocks reports whether a key is the printed one, in a time that tells nothing about it.
func (s Service) unlocks(l Leerbewijs, key string) (bool, error) {
	if key == "" {
		return false, nil
	}
	want, err := s.Box.Open(l.KeySealed, place(l.TenantID.UUID(), l.ID))
	if err != nil {
		return false, err
	}
	return subtle.ConstantTimeCompare(want, []byte(key)) == 1, nil
}
