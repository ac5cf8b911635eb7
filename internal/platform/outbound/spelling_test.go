package outbound

import (
	"errors"
	"net"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestTheHookStandsBehindEverySpelling dials without the check of what is wrong on sight, as if that had been tricked: a
// resolver that reads every spelling of an address as the most lenient ones do, or that lies, leads to the hook all the same.
func TestTheHookStandsBehindEverySpelling(t *testing.T) {
	t.Parallel()
	spellings := map[string][]string{ // by what they mean to somebody
		"127.0.0.1": {"127.0.0.1", "127.0.0.1.", "127.1", "127.0.1", "127.000.000.001", "0177.0.0.1", "0177.0.0.01", "0x7f.0.0.1", "0x7f.1", "0x7F000001",
			"2130706433", "017700000001", "00000000177.1", "①②⑦.⓪.⓪.①", "１２７.０.０.１", "127。0。0。1", "127%2e0%2e0%2e1", "localhost", "LOCALHOST", "localhost.",
			"a.localhost", "localhost.localdomain", "ⓛⓞⓒⓐⓛⓗⓞⓢⓣ", "loopback.example.com"},
		"169.254.169.254": {"169.254.169.254", "169.254.43518", "169.16689662", "2852039166", "0xa9fea9fe", "0xA9.0xFE.0xA9.0xFE", "0251.0376.0251.0376",
			"025177524776", "metadata", "metadata.google.internal", "instance-data", "metadata.example.com"},
		"10.0.0.7":       {"10.0.0.7", "10.7", "167772167", "0xa000007", "012.0.0.7", "intranet", "db", "kubernetes.default.svc", "private.example.com"},
		"0.0.0.0":        {"0", "0.0", "0x0", "000", "0.0.0.0", "unspecified.example.com"},
		"168.63.129.16":  {"168.63.129.16", "2822734096", "azure.example.com"},
		"::1":            {"::1", "0:0:0:0:0:0:0:1", "0000::0001", "::0001", "ip6-localhost", "ip6-loopback"},
		"fd00::7":        {"fd00::7", "FD00:0::7", "local6.example.com"},
		"fe80::7":        {"fe80::7", "fe80::7%lo", "link6.example.com"},
		"64:ff9b::a00:7": {"64:ff9b::10.0.0.7", "64:ff9b::a00:7", "nat64.example.com"},
	}
	n, blocked := 0, 0
	for meant, all := range spellings {
		c := build(Policy{}, nameServer(t, func(string) []string { return []string{meant} }), nil)
		for _, host := range all {
			n++
			conn, err := c.transport.DialContext(t.Context(), "tcp", net.JoinHostPort(host, "443"))
			require.Error(t, err, host)
			require.Nil(t, conn, host)
			if errors.Is(err, errBlocked) {
				blocked++
				continue
			}
			var none *net.DNSError // it is no name that can be looked up, and no address
			require.ErrorAs(t, err, &none, host)
		}
	}
	require.GreaterOrEqual(t, n, 60)
	require.GreaterOrEqual(t, blocked, 40, "the others are nothing that can be looked up")
}
