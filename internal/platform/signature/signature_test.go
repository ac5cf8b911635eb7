package signature_test

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/switchingtalent/switchboard/internal/platform/signature"
)

// The example that the specification's own libraries and the documentation of its authors all sign.
const (
	id     = "msg_p5jXN8AQM9LWM0D4loKWxJek"
	secret = "whsec_" + "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	mac    = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="

	// The specification shows this signature in its example headers; its authors' server tests it with this pair.
	pair       = "whsk_" + "6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg=="
	pairPublic = "whpk_" + "1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4="
	pairSigned = "v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg=="

	// From the tests of the specification's Go library, whose private keys are seeds.
	seed       = "whsk_" + "VEVTVFNJR05JTkdLRVlET05PVFVTRVRISVNGT1JBTlk="
	seedSigned = "v1a,tQ9V2XOqn7jL/DQenEFpqIugdBVtiMmER5mhSkXBNwM0mkATuDe6KYYUuxqtaiHeYGb7KaaBRdM5WqyeFiL8Ag=="
)

var (
	at   = time.Unix(1614265330, 0)
	body = []byte(`{"test": 2432232314}`)
)

func headers(id, stamp string, signatures ...string) http.Header {
	h := http.Header{}
	h.Set(signature.HeaderID, id)
	h.Set(signature.HeaderTimestamp, stamp)
	for _, s := range signatures {
		h.Add(signature.HeaderSignature, s)
	}
	return h
}

func signAsymmetric(id string, at time.Time, body []byte, privates ...string) (string, error) {
	s, err := signature.NewSigner(nil, privates)
	if err != nil {
		return "", err
	}
	return s.Sign(id, at, body)
}

func TestSigner_SignsWithAllThatItWasGivenAndIsWiped(t *testing.T) {
	t.Parallel()
	s, err := signature.NewSigner([]string{secret}, []string{pair, seed})
	require.NoError(t, err)
	var together sync.WaitGroup
	for range 8 { // while it is wiped: whole signatures or none
		together.Go(func() {
			for range 50 {
				signed, err := s.Sign(id, at, body)
				if err == nil {
					assert.Equal(t, mac+" "+pairSigned+" "+seedSigned, signed)
				} else {
					assert.ErrorIs(t, err, signature.ErrWiped)
				}
			}
		})
	}
	signed, err := s.Sign(id, at, body)
	require.NoError(t, err)
	require.Equal(t, mac+" "+pairSigned+" "+seedSigned, signed)
	s.Wipe()
	together.Wait()
	_, err = s.Sign(id, at, body)
	require.ErrorIs(t, err, signature.ErrWiped)
	s.Wipe()
}

func TestPublicVectors(t *testing.T) {
	t.Parallel()
	signed, err := signature.Sign(id, at, body, secret)
	require.NoError(t, err)
	require.Equal(t, mac, signed)

	signed, err = signAsymmetric(id, at, body, pair, seed)
	require.NoError(t, err)
	require.Equal(t, pairSigned+" "+seedSigned, signed)

	require.NoError(t, signature.Verify(headers(id, "1614265330", mac), body, at, secret))
	require.NoError(t, signature.Verify(headers(id, "1614265330", pairSigned), body, at, pairPublic))
}

// hmacByHand is RFC 2104 spelled out, so that Sign is not held against the same library call.
func hmacByHand(key, content []byte) []byte {
	const block = 64
	inner, outer := make([]byte, block), make([]byte, block)
	copy(inner, key)
	copy(outer, key)
	for i := range block {
		inner[i] ^= 0x36
		outer[i] ^= 0x5c
	}
	first := sha256.Sum256(append(inner, content...))
	second := sha256.Sum256(append(outer, first[:]...))
	return second[:]
}

func TestSignAgainstAnIndependentHMAC(t *testing.T) {
	t.Parallel()
	for _, size := range []int{24, 32, 63, 64} {
		key := []byte(strings.Repeat("k", size))
		signed, err := signature.Sign("evt_1", at, []byte("{}"), "whsec_"+base64.StdEncoding.EncodeToString(key))
		require.NoError(t, err)
		want := hmacByHand(key, []byte("evt_1.1614265330.{}"))
		require.Equal(t, "v1,"+base64.StdEncoding.EncodeToString(want), signed, "key of %d bytes", size)
	}
	// And the helper against RFC 4231, test case 2.
	require.Equal(t, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
		hex.EncodeToString(hmacByHand([]byte("Jefe"), []byte("what do ya want for nothing?"))))
}

func TestRotationKeepsBothSecretsWorking(t *testing.T) {
	t.Parallel()
	old, fresh, other := signature.NewSecret(), signature.NewSecret(), signature.NewSecret()
	signed, err := signature.Sign(id, at, body, fresh, old)
	require.NoError(t, err)
	require.Len(t, strings.Fields(signed), 2)
	h := headers(id, "1614265330", signed)
	require.NoError(t, signature.Verify(h, body, at, old))
	require.NoError(t, signature.Verify(h, body, at, fresh))
	require.NoError(t, signature.Verify(h, body, at, other, old))
	require.ErrorIs(t, signature.Verify(h, body, at, other), signature.ErrSignature)
}

func TestBothSchemesInOneHeader(t *testing.T) {
	t.Parallel()
	shared := signature.NewSecret()
	private, public := signature.NewKeyPair()
	v1, err := signature.Sign(id, at, body, shared)
	require.NoError(t, err)
	v1a, err := signAsymmetric(id, at, body, private)
	require.NoError(t, err)
	for _, h := range []http.Header{
		headers(id, "1614265330", v1+" "+v1a),
		headers(id, "1614265330", v1a, v1), // as two header lines
		headers(id, "1614265330", "v2,unknown v1 v1,!!! v1a, "+v1a+" "+v1),
	} {
		require.NoError(t, signature.Verify(h, body, at, shared))
		require.NoError(t, signature.Verify(h, body, at, public))
	}
	// A signature counts for its own scheme alone.
	crossed := headers(id, "1614265330", strings.Replace(v1, "v1,", "v1a,", 1)+" "+strings.Replace(v1a, "v1a,", "v1,", 1))
	require.ErrorIs(t, signature.Verify(crossed, body, at, shared, public), signature.ErrSignature)
}

func TestVerifyRefuses(t *testing.T) {
	t.Parallel()
	good := "1614265330"
	for name, c := range map[string]struct {
		header http.Header
		body   string
		want   error
	}{
		"other body":            {headers(id, good, mac), `{"test": 2432232315}`, signature.ErrSignature},
		"other id":              {headers("msg_other", good, mac), string(body), signature.ErrSignature},
		"other time":            {headers(id, "1614265331", mac), string(body), signature.ErrSignature},
		"cut signature":         {headers(id, good, "v1,g0hM9SsE+OTPJTGt/tmIKg=="), string(body), signature.ErrSignature},
		"empty signature":       {headers(id, good, "v1,"), string(body), signature.ErrSignature},
		"only unknown schemes":  {headers(id, good, "v2,"+strings.TrimPrefix(mac, "v1,")), string(body), signature.ErrHeader},
		"no signature":          {headers(id, good), string(body), signature.ErrHeader},
		"no id":                 {headers("", good, mac), string(body), signature.ErrHeader},
		"id with a full stop":   {headers("msg.1", good, mac), string(body), signature.ErrHeader},
		"no time":               {headers(id, "", mac), string(body), signature.ErrHeader},
		"time in words":         {headers(id, "now", mac), string(body), signature.ErrHeader},
		"time with a sign":      {headers(id, "+1614265330", mac), string(body), signature.ErrHeader},
		"time with a zero":      {headers(id, "01614265330", mac), string(body), signature.ErrHeader},
		"time before 1970":      {headers(id, "-1", mac), string(body), signature.ErrHeader},
		"time beyond an int64":  {headers(id, "9999999999999999999", mac), string(body), signature.ErrHeader},
		"all headers missing":   {http.Header{}, string(body), signature.ErrHeader},
		"signature of key pair": {headers(id, good, pairSigned), string(body), signature.ErrSignature},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.ErrorIs(t, signature.Verify(c.header, []byte(c.body), at, secret), c.want)
		})
	}
}

func TestToleranceIsFiveMinutesBothWays(t *testing.T) {
	t.Parallel()
	h := headers(id, "1614265330", mac)
	for _, off := range []time.Duration{0, signature.Tolerance, -signature.Tolerance} {
		require.NoError(t, signature.Verify(h, body, at.Add(off), secret), off)
	}
	for _, off := range []time.Duration{signature.Tolerance + time.Second, -signature.Tolerance - time.Second, 24 * time.Hour} {
		require.ErrorIs(t, signature.Verify(h, body, at.Add(off), secret), signature.ErrTimestamp, off)
	}
	// The largest time that fits must not wrap round to now.
	far, err := signature.Sign(id, time.Unix(1<<62, 0), body, secret)
	require.NoError(t, err)
	require.ErrorIs(t, signature.Verify(headers(id, "4611686018427387904", far), body, at, secret), signature.ErrTimestamp)
}

func TestSecretsAndKeysMustHaveTheirForm(t *testing.T) {
	t.Parallel()
	bytes := func(n int) string { return base64.StdEncoding.EncodeToString(make([]byte, n)) }
	h := headers(id, "1614265330", mac+" "+pairSigned)
	for _, bad := range []string{
		"", "whsec_", bytes(32), "whsec_" + bytes(23), "whsec_" + bytes(65), "whsec_***", "WHSEC_" + bytes(32), "whpk_" + bytes(31), seed,
	} {
		if !strings.HasPrefix(bad, "whpk_") {
			_, err := signature.Sign(id, at, body, secret, bad)
			require.ErrorIs(t, err, signature.ErrSecret, bad)
		}
		// Even behind one that matches: a secret that cannot be read is a mistake to be seen, not passed over.
		require.ErrorIs(t, signature.Verify(h, body, at, secret, bad), signature.ErrSecret, bad)
	}
	for _, bad := range []string{"", "whsk_", secret, pairPublic, "whsk_" + bytes(31), "whsk_" + bytes(33), "whsk_" + bytes(64)} {
		_, err := signAsymmetric(id, at, body, bad)
		require.ErrorIs(t, err, signature.ErrSecret, bad)
	}
	_, err := signature.Sign(id, at, body)
	require.ErrorIs(t, err, signature.ErrSecret)
	require.ErrorIs(t, signature.Verify(h, body, at), signature.ErrSecret)
}

func TestSignRefusesWhatCannotBeTold(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{"", "msg.1"} {
		_, err := signature.Sign(bad, at, body, secret)
		require.ErrorIs(t, err, signature.ErrMessage)
	}
	_, err := signAsymmetric(id, time.Unix(-1, 0), body, seed)
	require.ErrorIs(t, err, signature.ErrMessage)
}

func TestNewSecretsAndPairsAreFreshAndWellFormed(t *testing.T) {
	t.Parallel()
	one, two := signature.NewSecret(), signature.NewSecret()
	require.NotEqual(t, one, two)
	raw, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(one, "whsec_"))
	require.NoError(t, err)
	require.Len(t, raw, 32)

	private, public := signature.NewKeyPair()
	other, _ := signature.NewKeyPair()
	require.NotEqual(t, private, other)
	rawSeed, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(private, "whsk_"))
	require.NoError(t, err)
	want := ed25519.NewKeyFromSeed(rawSeed).Public().(ed25519.PublicKey)
	require.Equal(t, "whpk_"+base64.StdEncoding.EncodeToString(want), public)
}
