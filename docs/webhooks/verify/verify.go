// Package verify shows how a receiver in Go checks that a delivery comes from Switchboard (Standard Webhooks 1.0.0).
package verify

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Tolerance is how far the clocks of sender and receiver may differ, and so how long a stolen delivery is of any use.
const Tolerance = 5 * time.Minute

// ErrRefused says that a delivery is not to be believed: answer 401 and do nothing with it.
var ErrRefused = errors.New("not a delivery of ours")

// Delivery returns nil when the secret (whsec_…) of your endpoint signed this body, just now. The body is what was
// received, byte by byte: verify before you parse.
func Delivery(secret string, header http.Header, body []byte, now time.Time) error {
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
	if err != nil || len(key) == 0 {
		return errors.New("this is no secret of an endpoint")
	}
	return check("v1,", header, body, now, func(content, signature []byte) bool {
		mac := hmac.New(sha256.New, key)
		mac.Write(content)
		return hmac.Equal(mac.Sum(nil), signature) // takes as long for a wrong one
	})
}

// DeliveryByKey is Delivery for who holds the public key (whpk_…) of an endpoint alone, and so could not have signed.
func DeliveryByKey(public string, header http.Header, body []byte, now time.Time) error {
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(public, "whpk_"))
	if err != nil || len(key) != ed25519.PublicKeySize {
		return errors.New("this is no public key of an endpoint")
	}
	return check("v1a,", header, body, now, func(content, signature []byte) bool { return ed25519.Verify(key, content, signature) })
}

func check(scheme string, header http.Header, body []byte, now time.Time, holds func(content, signature []byte) bool) error {
	id, stamp := header.Get("webhook-id"), header.Get("webhook-timestamp")
	sent, err := strconv.ParseInt(stamp, 10, 64)
	if err != nil || id == "" || now.Sub(time.Unix(sent, 0)).Abs() > Tolerance {
		return ErrRefused
	}
	content := append([]byte(id+"."+stamp+"."), body...)
	// While a secret is being replaced there is a signature of each.
	for signature := range strings.SplitSeq(header.Get("webhook-signature"), " ") {
		text, ok := strings.CutPrefix(signature, scheme)
		got, err := base64.StdEncoding.DecodeString(text)
		if ok && err == nil && holds(content, got) {
			return nil
		}
	}
	return ErrRefused
}
