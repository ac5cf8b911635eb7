// Package outbound is the only room that dials out: it judges every address before it connects, and bounds what an answer may cost.
package outbound

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"code.dny.dev/ssrf"
	"golang.org/x/net/idna"
)

// MaxURL is the longest address that CheckURL lets through, in bytes.
const MaxURL = 2048

// Policy says which addresses may be called. The zero value is the one for production: https, to public addresses.
type Policy struct {
	// Insecure also allows http and loopback (SWITCHBOARD_INSECURE_WEBHOOKS), for demonstrations on one machine. Link-local,
	// metadata, private and all other special addresses stay closed.
	Insecure bool
	// LoopbackOnly calls nothing else, and asks no name server: for tests and machines that nothing may leave. What a URL looks like
	// is judged as without it.
	LoopbackOnly bool
}

// OnlyLoopback is the policy of every test: nothing leaves the machine.
func OnlyLoopback() Policy { return Policy{Insecure: true, LoopbackOnly: true} }

// Refused is an address that is wrong on sight, before any name is looked up. It depends on the text of the URL alone, so
// telling it betrays nothing about our network.
type Refused struct {
	// Code is for machines: url_too_long, malformed_url, fragment_not_allowed, scheme_not_allowed, user_info_not_allowed,
	// port_not_allowed or address_not_public.
	Code string
	// Text is one English sentence that is safe to show; it never repeats the URL.
	Text string
}

func (r *Refused) Error() string { return r.Text }

// errBlocked is why the guard of the dialer refused an address.
var errBlocked = errors.New("address blocked")

// guardian knows IANA's registries of special-purpose addresses: it lets through IPv4 outside of those, and of IPv6 only global
// unicast without them. What it leaves open and we close: Azure's platform address, which lies in public space though only a
// virtual machine's own host answers there, and the former 6bone, which nobody may announce (RFC 3701).
var guardian = ssrf.New(
	ssrf.WithAnyPort(),
	ssrf.WithDeniedV4Prefixes(netip.MustParsePrefix("168.63.129.16/32")),
	ssrf.WithDeniedV6Prefixes(netip.MustParsePrefix("3ffe::/16")),
)

// judge decides on one connection that is about to be made; the network is "tcp4" or "tcp6", the address a resolved "ip:port".
// It returns an error that wraps errBlocked, or nil.
func (p Policy) judge(network, address string) error {
	if network != "tcp4" && network != "tcp6" {
		return fmt.Errorf("%w: network %q", errBlocked, network)
	}
	to, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("%w: not an ip and port: %q", errBlocked, address)
	}
	if to.Port() == 0 {
		return fmt.Errorf("%w: port 0", errBlocked)
	}
	if p.LoopbackOnly && !to.Addr().IsLoopback() {
		return fmt.Errorf("%w: only loopback is called here, not %s", errBlocked, to.Addr())
	}
	return p.judgeAddr(to.Addr())
}

func (p Policy) judgeAddr(addr netip.Addr) error {
	if addr.Zone() != "" {
		// A zone names one of our own interfaces.
		return fmt.Errorf("%w: zone in %s", errBlocked, addr)
	}
	if p.Insecure && addr.IsLoopback() {
		return nil
	}
	if err := guardian.SafeAddr(addr); err != nil {
		return fmt.Errorf("%w: %w", errBlocked, err)
	}
	if isatap(addr) {
		return fmt.Errorf("%w: ISATAP address %s", errBlocked, addr)
	}
	return nil
}

// isatap recognises the interface identifier of RFC 5214 section 6.1, which carries an IPv4 address, perhaps a private one,
// under any prefix.
func isatap(addr netip.Addr) bool {
	b := addr.As16()
	return addr.Is6() && b[8]&^2 == 0 && b[9] == 0 && b[10] == 0x5e && b[11] == 0xfe
}

// CheckURL refuses what can be told without looking anything up: another scheme than https, user information, a fragment, a port
// outside 1–65535, no host, localhost, and an internal address in whatever spelling. The error is a *Refused. A URL that passes
// may still prove to lead inwards; that is judged when it is dialled.
func (p Policy) CheckURL(raw string) error {
	if len(raw) > MaxURL {
		return &Refused{"url_too_long", fmt.Sprintf("The URL is longer than %d bytes.", MaxURL)}
	}
	malformed := &Refused{"malformed_url", "This is not a valid absolute URL with a host."}
	if !utf8.ValidString(raw) || strings.ContainsFunc(raw, func(r rune) bool {
		// Browsers read a backslash as a slash; other parsers do not, and so disagree on the host.
		return unicode.IsSpace(r) || unicode.IsControl(r) || r == '\\'
	}) {
		return malformed
	}
	if strings.Contains(raw, "#") {
		return &Refused{"fragment_not_allowed", "The URL must not have a fragment (#…)."}
	}
	u, err := url.Parse(raw)
	if err != nil {
		return malformed
	}
	if u.Scheme != "https" && (!p.Insecure || u.Scheme != "http") {
		return &Refused{"scheme_not_allowed", "The URL must start with https://."}
	}
	if u.User != nil {
		return &Refused{"user_info_not_allowed", "The URL must not hold a user name or password."}
	}
	if u.Hostname() == "" || strings.HasSuffix(u.Host, ":") {
		return malformed
	}
	if port := u.Port(); port != "" {
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return &Refused{"port_not_allowed", "The port must be between 1 and 65535."}
		}
	}
	return p.checkHost(u.Hostname(), strings.HasPrefix(u.Host, "["), malformed)
}

func (p Policy) checkHost(host string, bracketed bool, malformed *Refused) error {
	internal := &Refused{"address_not_public", "The host must be a public name, or a public address in its usual spelling."}
	if bracketed {
		addr, err := netip.ParseAddr(host)
		switch {
		case err != nil || !addr.Is6():
			return malformed
		case p.judgeAddr(addr) != nil:
			return internal
		}
		return nil
	}
	// The same mapping as net/http applies when it dials: full-width and circled digits become plain ones here.
	name, err := idna.Lookup.ToASCII(host)
	if err != nil {
		if strings.ContainsFunc(host, func(r rune) bool { return r > unicode.MaxASCII }) {
			return malformed
		}
		name = strings.ToLower(host) // net/http dials ASCII names as they are, underscores included
	}
	name = strings.TrimSuffix(name, ".")
	if !hostname(name) {
		return malformed
	}
	if addr, err := netip.ParseAddr(name); err == nil {
		if p.judgeAddr(addr) != nil {
			return internal
		}
		return nil
	}
	// No top-level domain is a number, so what ends in one is an address in a spelling (127.1, 0x7f000001, 017700000001)
	// that resolvers read differently from each other.
	if last := name[strings.LastIndexByte(name, '.')+1:]; numeric(last) {
		return internal
	}
	// RFC 6761 section 6.3: these names always mean this machine.
	if (name == "localhost" || strings.HasSuffix(name, ".localhost")) && !p.Insecure {
		return internal
	}
	return nil
}

// hostname reports whether name can be looked up: labels of 1–63 letters, digits, hyphens and underscores, 253 bytes in all.
func hostname(name string) bool {
	if len(name) > 253 {
		return false
	}
	for label := range strings.SplitSeq(name, ".") {
		if len(label) == 0 || len(label) > 63 || strings.Trim(label, "abcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
			return false
		}
	}
	return true
}

func numeric(label string) bool {
	if hex, ok := strings.CutPrefix(label, "0x"); ok {
		return strings.Trim(hex, "0123456789abcdef") == ""
	}
	return strings.Trim(label, "0123456789") == ""
}
