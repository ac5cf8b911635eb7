// Package signature signs and verifies messages as Standard Webhooks 1.0.0 lays down, with shared secrets and with key pairs.
package signature

import (
	"bytes"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// The headers of a message.
const (
	HeaderID        = "webhook-id"        // the same on every try of one message
	HeaderTimestamp = "webhook-timestamp" // of this try, in whole seconds since 1970
	HeaderSignature = "webhook-signature" // one or more signatures with spaces between
)

// Tolerance is how far a message's timestamp may lie from the clock of who verifies it, to either side.
const Tolerance = 5 * time.Minute

const (
	secretPrefix  = "whsec_"
	privatePrefix = "whsk_"
	publicPrefix  = "whpk_"
	symmetric     = "v1"
	asymmetric    = "v1a"

	minSecret, newSecret, maxSecret = 24, 32, 64 // bytes
)

var (
	// ErrSecret says that there is no secret or key, or that one has the wrong prefix, base64 or length.
	ErrSecret = errors.New("not a webhook secret or key")
	// ErrMessage says that an id is empty or holds a full stop, or that a time lies before 1970: what is signed joins the parts
	// with full stops, so an id that holds one could pass for another message.
	ErrMessage = errors.New("not the id or time of a webhook message")
	// ErrHeader says that a header is missing or cannot be read.
	ErrHeader = errors.New("a webhook header is missing or malformed")
	// ErrTimestamp says that a message is older or newer than Tolerance.
	ErrTimestamp = errors.New("the webhook timestamp is too far from now")
	// ErrWiped says that a Signer holds no keys any more.
	ErrWiped = errors.New("the webhook keys were wiped")
	// ErrSignature says that no signature of the message fits any of the secrets.
	ErrSignature = errors.New("no webhook signature matches")
)

// NewSecret makes a shared secret of 32 random bytes: whsec_ and base64.
func NewSecret() string {
	secret := make([]byte, newSecret)
	_, _ = rand.Read(secret) // never fails: crypto/rand ends the process instead
	return secretPrefix + base64.StdEncoding.EncodeToString(secret)
}

// NewKeyPair makes an Ed25519 key pair: the private key as whsk_ and base64 of its 32-byte seed (RFC 8032 section 5.1.5), the
// public key, which the receiver gets, as whpk_ and base64 of its 32 bytes.
func NewKeyPair() (private, public string) {
	seed := make([]byte, ed25519.SeedSize)
	_, _ = rand.Read(seed) // never fails: crypto/rand ends the process instead
	key := ed25519.NewKeyFromSeed(seed)
	return privatePrefix + base64.StdEncoding.EncodeToString(seed),
		publicPrefix + base64.StdEncoding.EncodeToString(key[ed25519.SeedSize:])
}

// PublicKey reads a public key as NewKeyPair writes it: whpk_ and base64 of 32 bytes. It returns ErrSecret.
func PublicKey(text string) (ed25519.PublicKey, error) {
	key, err := decode(publicPrefix, text)
	if err != nil || len(key) != ed25519.PublicKeySize {
		return nil, ErrSecret
	}
	return key, nil
}

// Signer signs with keys that were read and derived once. It is safe for concurrent use.
type Signer struct {
	mu     sync.RWMutex
	wiped  bool
	shared [][]byte
	own    []ed25519.PrivateKey
}

// NewSigner reads whsec_ secrets and whsk_ private keys; while a secret is rotated, the old and the new ones are given. It
// returns ErrSecret, also where there are none at all.
func NewSigner(secrets, privates []string) (*Signer, error) {
	if len(secrets)+len(privates) == 0 {
		return nil, ErrSecret
	}
	s := &Signer{}
	for _, text := range secrets {
		key, err := decodeSecret(text)
		if err != nil {
			return nil, err
		}
		s.shared = append(s.shared, key)
	}
	for _, text := range privates {
		key, err := decodePrivate(text)
		if err != nil {
			return nil, err
		}
		s.own = append(s.own, key)
	}
	return s, nil
}

// Sign makes the value of HeaderSignature: a v1 signature (HMAC-SHA256) of each secret and a v1a signature (Ed25519) of each
// private key, in their order. A receiver that knows both schemes takes either. It returns ErrMessage or ErrWiped.
func (s *Signer) Sign(id string, at time.Time, body []byte) (string, error) {
	if !validID(id) || at.Unix() < 0 {
		return "", ErrMessage
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.wiped {
		return "", ErrWiped
	}
	content := content(id, strconv.FormatInt(at.Unix(), 10), body)
	signatures := make([]string, 0, len(s.shared)+len(s.own))
	for _, key := range s.shared {
		signatures = append(signatures, symmetric+","+base64.StdEncoding.EncodeToString(authenticate(key, content)))
	}
	for _, key := range s.own {
		signatures = append(signatures, asymmetric+","+base64.StdEncoding.EncodeToString(ed25519.Sign(key, content)))
	}
	return strings.Join(signatures, " "), nil
}

// Sign signs one message with whsec_ secrets, for whoever does so seldom. It returns ErrSecret or ErrMessage.
func Sign(id string, at time.Time, body []byte, secrets ...string) (string, error) {
	s, err := NewSigner(secrets, nil)
	if err != nil {
		return "", err
	}
	return s.Sign(id, at, body)
}

// Wipe overwrites the keys: the Signer signs nothing any more. It waits for signatures that are being made.
func (s *Signer) Wipe() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wiped = true
	for _, key := range s.shared {
		clear(key)
	}
	for _, key := range s.own {
		clear(key)
	}
}

// Verify checks that one of the secrets signed the message and that it is fresh at now. A secret is a whsec_ shared secret or a
// whpk_ public key; each is held against the signatures of its own scheme alone, and schemes unknown to us are passed over. It
// returns ErrSecret (a mistake on our side), ErrHeader, ErrTimestamp or ErrSignature.
func Verify(header http.Header, body []byte, now time.Time, secrets ...string) error {
	if len(secrets) == 0 {
		return ErrSecret
	}
	id, stamp := header.Get(HeaderID), header.Get(HeaderTimestamp)
	at, err := strconv.ParseInt(stamp, 10, 64)
	// Compared with its canonical form: "+1" and "01" are no timestamps.
	if !validID(id) || err != nil || at < 0 || strconv.FormatInt(at, 10) != stamp {
		return ErrHeader
	}
	shared, public := readSignatures(header.Values(HeaderSignature))
	if len(shared)+len(public) == 0 {
		return ErrHeader
	}
	content := content(id, stamp, body)
	matched := false
	for _, secret := range secrets {
		if strings.HasPrefix(secret, publicPrefix) {
			key, err := PublicKey(secret)
			if err != nil {
				return err
			}
			matched = matched || slices.ContainsFunc(public, func(s []byte) bool { return ed25519.Verify(key, content, s) })
			continue
		}
		key, err := decodeSecret(secret)
		if err != nil {
			return err
		}
		mac := authenticate(key, content)
		matched = matched || slices.ContainsFunc(shared, func(s []byte) bool { return hmac.Equal(s, mac) })
	}
	if !matched {
		return ErrSignature
	}
	// Last, so that who does not know a secret learns nothing of our clock.
	if age := now.Unix() - at; age > int64(Tolerance/time.Second) || -age > int64(Tolerance/time.Second) {
		return ErrTimestamp
	}
	return nil
}

// readSignatures sorts the signatures of a header by scheme; what cannot be read may be meant for others.
func readSignatures(values []string) (shared, public [][]byte) {
	for _, value := range values {
		for _, entry := range strings.Fields(value) {
			scheme, text, _ := strings.Cut(entry, ",")
			raw, err := base64.StdEncoding.Strict().DecodeString(text)
			switch {
			case err != nil:
			case scheme == symmetric:
				shared = append(shared, raw)
			case scheme == asymmetric:
				public = append(public, raw)
			}
		}
	}
	return shared, public
}

func validID(id string) bool { return id != "" && !strings.Contains(id, ".") }

func content(id, stamp string, body []byte) []byte {
	return bytes.Join([][]byte{[]byte(id), []byte(stamp), body}, []byte("."))
}

func authenticate(key, content []byte) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write(content)
	return mac.Sum(nil)
}

func decodeSecret(text string) ([]byte, error) {
	key, err := decode(secretPrefix, text)
	if err != nil || len(key) < minSecret || len(key) > maxSecret {
		return nil, ErrSecret
	}
	return key, nil
}

// decodePrivate takes both forms in use: the seed, and the seed with the public key behind it.
func decodePrivate(text string) (ed25519.PrivateKey, error) {
	raw, err := decode(privatePrefix, text)
	if err != nil || (len(raw) != ed25519.SeedSize && len(raw) != ed25519.PrivateKeySize) {
		return nil, ErrSecret
	}
	key := ed25519.NewKeyFromSeed(raw[:ed25519.SeedSize])
	// Signing under another's public key would give the private one away.
	if len(raw) == ed25519.PrivateKeySize && !bytes.Equal(raw, key) {
		return nil, ErrSecret
	}
	return key, nil
}

func decode(prefix, text string) ([]byte, error) {
	encoded, ok := strings.CutPrefix(text, prefix)
	if !ok {
		return nil, ErrSecret
	}
	raw, err := base64.StdEncoding.Strict().DecodeString(encoded)
	if err != nil {
		return nil, ErrSecret
	}
	return raw, nil
}
