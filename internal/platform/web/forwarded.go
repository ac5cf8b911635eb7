package web

import (
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// proxies are those whose word on who calls is believed. Others' is not: everybody can write a header.
type proxies struct {
	trusted []netip.Prefix
	header  string
}

// The headers in which a proxy may say who called it. One is believed, because a proxy that writes the one lets the other
// pass as a caller wrote it.
const (
	forwardedFor = "X-Forwarded-For"
	forwarded    = "Forwarded" // RFC 7239
)

func readProxies(trusted []string, header string) (proxies, error) {
	p := proxies{header: forwardedFor}
	switch {
	case header == "" || strings.EqualFold(header, forwardedFor):
	case strings.EqualFold(header, forwarded):
		p.header = forwarded
	default:
		return p, fmt.Errorf("web: proxies say who calls in %s or %s, not in %q", forwardedFor, forwarded, header)
	}
	for _, t := range trusted {
		if a, err := netip.ParseAddr(t); err == nil && a.Zone() == "" {
			a = a.Unmap()
			p.trusted = append(p.trusted, netip.PrefixFrom(a, a.BitLen()))
			continue
		}
		n, err := netip.ParsePrefix(t)
		if err != nil || n.Addr().Is4In6() {
			return p, fmt.Errorf("web: %q is no address and no network of a trusted proxy", t)
		}
		p.trusted = append(p.trusted, n.Masked())
	}
	return p, nil
}

func (p proxies) trusts(a netip.Addr) bool {
	return slices.ContainsFunc(p.trusted, func(n netip.Prefix) bool { return n.Contains(a) })
}

// caller is the address that a request comes from: of the connection, or while that is a trusted proxy, of whom it names. Names
// are read from the last to the first, because each proxy adds the one that it saw at the end, and what stands before the
// first stranger is the stranger's own claim. A name that cannot be read ends that: then it was the last proxy that is known.
func (p proxies) caller(r *http.Request) netip.Addr {
	peer, ok := parseNode(r.RemoteAddr)
	if !ok || !p.trusts(peer) {
		return peer
	}
	lines := r.Header[p.header]
	for _, line := range slices.Backward(lines) {
		for rest, more := line, true; more; {
			var one string
			if i := strings.LastIndexByte(rest, ','); i >= 0 {
				rest, one = rest[:i], rest[i+1:]
			} else {
				one, more = rest, false
			}
			a, ok := p.node(one)
			if !ok {
				return peer
			}
			if peer = a; !p.trusts(a) {
				return a
			}
		}
	}
	return peer
}

// node reads one element of the header.
func (p proxies) node(element string) (netip.Addr, bool) {
	if p.header == forwarded {
		return parseFor(element)
	}
	return parseNode(strings.TrimSpace(element))
}

// parseFor reads the parameter for of an element of Forwarded (RFC 7239, section 4). A quoted value that holds a comma or
// semicolon was cut into pieces that no address can be read from.
func parseFor(element string) (netip.Addr, bool) {
	var found netip.Addr
	seen := false
	for pair := range strings.SplitSeq(element, ";") {
		name, value, _ := strings.Cut(strings.TrimSpace(pair), "=")
		if !strings.EqualFold(name, "for") {
			continue
		}
		if n := len(value); n >= 2 && value[0] == '"' && value[n-1] == '"' {
			value = value[1 : n-1]
		}
		a, ok := parseNode(value)
		if !ok || seen {
			return netip.Addr{}, false
		}
		found, seen = a, true
	}
	return found, seen
}

// parseNode reads an address with or without a port, IPv6 in brackets or not.
func parseNode(s string) (netip.Addr, bool) {
	a, err := netip.ParseAddr(s)
	if err != nil {
		ap, err := netip.ParseAddrPort(s)
		if err != nil {
			if n := len(s); n < 2 || s[0] != '[' || s[n-1] != ']' {
				return netip.Addr{}, false
			}
			if a, err = netip.ParseAddr(s[1 : len(s)-1]); err != nil {
				return netip.Addr{}, false
			}
		} else {
			a = ap.Addr()
		}
	}
	return a.Unmap().WithZone(""), true
}
