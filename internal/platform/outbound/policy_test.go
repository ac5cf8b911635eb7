package outbound

import (
	"net"
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// bad are addresses as they reach the hook of the dialer, resolved.
var bad = map[string]string{
	"0.0.0.0":                   "unspecified",
	"0.1.2.3":                   "this network",
	"10.0.0.1":                  "private",
	"10.255.255.255":            "private",
	"100.64.0.1":                "carrier-grade NAT",
	"100.100.100.200":           "metadata of Alibaba",
	"127.0.0.1":                 "loopback",
	"127.255.255.254":           "loopback",
	"169.254.0.1":               "link-local",
	"169.254.169.254":           "metadata",
	"169.254.170.2":             "metadata of ECS",
	"168.63.129.16":             "metadata of Azure",
	"172.16.0.1":                "private",
	"172.31.255.255":            "private",
	"192.0.0.192":               "metadata of Oracle",
	"192.0.2.1":                 "documentation",
	"192.88.99.1":               "6to4 relay",
	"192.168.0.1":               "private",
	"198.18.0.1":                "benchmark",
	"198.19.255.255":            "benchmark",
	"198.51.100.1":              "documentation",
	"203.0.113.1":               "documentation",
	"224.0.0.1":                 "multicast",
	"239.255.255.250":           "multicast",
	"240.0.0.1":                 "class E",
	"255.255.255.255":           "broadcast",
	"::":                        "unspecified",
	"::1":                       "loopback",
	"::127.0.0.1":               "IPv4-compatible",
	"::8.8.8.8":                 "IPv4-compatible",
	"::ffff:127.0.0.1":          "mapped",
	"::ffff:10.0.0.1":           "mapped",
	"::ffff:169.254.169.254":    "mapped",
	"::ffff:0:127.0.0.1":        "translated, RFC 2765",
	"64:ff9b::7f00:1":           "NAT64",
	"64:ff9b::a9fe:a9fe":        "NAT64",
	"64:ff9b:1::a00:1":          "local NAT64",
	"100::1":                    "discard",
	"2001::7f00:1":              "Teredo",
	"2001:2::1":                 "benchmark",
	"2001:10::1":                "ORCHID",
	"2001:20::1":                "ORCHIDv2",
	"2001:db8::1":               "documentation",
	"2002:7f00:1::":             "6to4 of loopback",
	"2002:a00:1::1":             "6to4 of a private address",
	"2606:4700::5efe:a00:1":     "ISATAP of a private address",
	"2606:4700::200:5efe:a00:1": "ISATAP of a private address",
	"3ffe::1":                   "6bone",
	"3fff::1":                   "documentation",
	"5f00::1":                   "SRv6",
	"fc00::1":                   "unique local",
	"fd00:ec2::254":             "metadata of AWS",
	"fd20:ce::254":              "metadata of Google",
	"fe80::1":                   "link-local",
	"fe80::1%lo":                "link-local, with a zone",
	"2606:4700::1%lo":           "a zone",
	"fec0::1":                   "site-local",
	"ff02::1":                   "multicast",
	"ff0e::1":                   "multicast",
}

var good = []string{
	"1.1.1.1", "8.8.8.8", "9.9.9.9", "100.63.255.255", "100.128.0.1", "168.63.129.17", "172.15.255.255", "172.32.0.1", "192.167.255.255",
	"223.255.255.254", "2606:4700:4700::1111", "2001:4860:4860::8888", "2a00:1450:4001::1", "2620:fe::fe",
}

func TestTheHookRefusesInternalAddresses(t *testing.T) {
	t.Parallel()
	for ip, what := range bad {
		network := "tcp4"
		if strings.Contains(ip, ":") {
			network = "tcp6"
		}
		for _, port := range []string{"443", "8443", "22"} {
			err := Policy{}.judge(network, net.JoinHostPort(ip, port))
			require.ErrorIs(t, err, errBlocked, "%s (%s)", ip, what)
		}
		// On one machine loopback opens, and nothing else.
		err := Policy{Insecure: true}.judge(network, net.JoinHostPort(ip, "8080"))
		if netip.MustParseAddr(ip).IsLoopback() {
			require.NoError(t, err, "%s (%s)", ip, what)
		} else {
			require.ErrorIs(t, err, errBlocked, "%s (%s)", ip, what)
		}
	}
}

func TestTheHookLetsPublicAddressesThrough(t *testing.T) {
	t.Parallel()
	for _, ip := range good {
		network := "tcp4"
		if strings.Contains(ip, ":") {
			network = "tcp6"
		}
		for _, p := range []Policy{{}, {Insecure: true}} {
			require.NoError(t, p.judge(network, net.JoinHostPort(ip, "443")), ip)
			require.NoError(t, p.judge(network, net.JoinHostPort(ip, "65535")), ip)
		}
	}
}

func TestTheHookOfOnlyLoopbackRefusesAllElse(t *testing.T) {
	t.Parallel()
	p := OnlyLoopback()
	for ip := range bad {
		good := netip.MustParseAddr(ip).IsLoopback()
		network := "tcp4"
		if strings.Contains(ip, ":") {
			network = "tcp6"
		}
		require.Equal(t, good, p.judge(network, net.JoinHostPort(ip, "443")) == nil, ip)
	}
	for _, ip := range good {
		network := "tcp4"
		if strings.Contains(ip, ":") {
			network = "tcp6"
		}
		require.ErrorIs(t, p.judge(network, net.JoinHostPort(ip, "443")), errBlocked, ip)
		require.NoError(t, p.CheckURL("https://"+net.JoinHostPort(ip, "443")), "on sight it is a public address")
	}
}

func TestTheHookRefusesWhatItCannotRead(t *testing.T) {
	t.Parallel()
	for _, c := range [][2]string{
		{"udp4", "8.8.8.8:443"}, {"unix", "/run/secret.sock"}, {"tcp", "8.8.8.8:443"}, {"ip4", "8.8.8.8"}, {"", "8.8.8.8:443"},
		{"tcp4", "8.8.8.8"}, {"tcp4", "8.8.8.8:0"}, {"tcp4", "8.8.8.8:65536"}, {"tcp4", "example.com:443"}, {"tcp4", "0177.0.0.1:443"},
		{"tcp4", "127.1:443"}, {"tcp4", "2130706433:443"}, {"tcp4", ""}, {"tcp6", "2606:4700::1111:443x"},
	} {
		require.ErrorIs(t, Policy{}.judge(c[0], c[1]), errBlocked, c)
		require.ErrorIs(t, Policy{Insecure: true}.judge(c[0], c[1]), errBlocked, c)
	}
}

func TestURLsThatAreRefusedOnSight(t *testing.T) {
	t.Parallel()
	cases := map[string][]string{
		"scheme_not_allowed": {
			"http://example.com/", "ftp://example.com/", "file:///etc/passwd", "gopher://example.com/", "//example.com/", "/hook", "example.com",
			"javascript:alert(1)", "unix:///run/x.sock", "",
		},
		"user_info_not_allowed": {"https://user@example.com/", "https://user:word@example.com/", "https://@example.com/", "https://example.com@127.0.0.1/"},
		"port_not_allowed":      {"https://example.com:0/", "https://example.com:65536/", "https://example.com:99999999999999999999/"},
		"fragment_not_allowed":  {"https://example.com/#top", "https://example.com/#", "https://example.com#@127.0.0.1/"},
		"url_too_long":          {"https://example.com/" + strings.Repeat("a", MaxURL)},
		"malformed_url": {
			"https://", "https:///hook", "https:example.com", "https://:443/", "https://example.com:/", "https://example.com:https/", "https://example.com:-1/",
			" https://example.com/", "https://example.com /", "https://exa\tmple.com/", "https://example.com/\n", "https://example.com/a b",
			"https://exam\x00ple.com/", "https://example.com\\@127.0.0.1/", "https://example..com/", "https://.example.com/", "https://example.com../",
			"https://127.0.0.1../", "https://[::1/", "https://::1/", "https://[127.0.0.1]/", "https://[v1.x]/", "https://[]/", "https://[::1]x/",
			"https://%31%32%37.0.0.1/", "https://127%2e0%2e0%2e1/", "https://127.0.0.1%00.example.com/", "https://exa$mple.com/", "https://ex*mple.com/",
			"https://\xff.example.com/", "https://" + strings.Repeat("a", 64) + ".com/", "https://" + strings.Repeat("abc.", 63) + "be.com/",
		},
		"address_not_public": {
			"https://localhost/", "https://LOCALHOST/", "https://localhost./", "https://a.localhost/", "https://a.b.LocalHost.:8443/", "https://ⓛocalhost/",
			"https://127.0.0.1/", "https://127.0.0.1./", "https://127.1/", "https://127.0.1/", "https://2130706433/", "https://017700000001/",
			"https://0x7f000001/", "https://0X7F.0.0.1/", "https://0x7f.1/", "https://0177.0.0.1/", "https://0177.0.0.0x1/", "https://127.0.0.01/",
			"https://00000127.0.0.1/", "https://127.0.0.1.:443/", "https://0/", "https://0x/", "https://0.0.0.0/", "https://256.256.256.256/", "https://1.2.3.4.5/",
			"https://10.0.0.1/", "https://192.168.1.1:8443/", "https://172.16.0.1/", "https://169.254.169.254/latest/meta-data/", "https://2852039166/",
			"https://0xa9fea9fe/", "https://0251.0376.0251.0376/", "https://168.63.129.16/", "https://100.64.0.1/", "https://255.255.255.255/",
			"https://①②⑦.⓪.⓪.①/", "https://１２７.０.０.１/", "https://127。0。0。1/", "https://127.0.0.1/", "https://１６９.254.169.254/", "https://%EF%BC%91%EF%BC%92%EF%BC%97.0.0.1/",
			"https://12\u00ad7.0.0.1/", "https://0ｘ7f000001/",
			"https://[::1]/", "https://[::]/", "https://[0:0:0:0:0:0:0:1]/", "https://[::ffff:127.0.0.1]/", "https://[::ffff:7f00:1]/", "https://[::127.0.0.1]/",
			"https://[64:ff9b::127.0.0.1]/", "https://[2002:7f00:1::]/", "https://[2001::1]/", "https://[fe80::1]/", "https://[fe80::1%25lo]/", "https://[fe80::1%25eth0]:8443/",
			"https://[fd00:ec2::254]/", "https://[fec0::1]/", "https://[ff02::1]/", "https://[5f00::1]/",
		},
	}
	for code, urls := range cases {
		for _, raw := range urls {
			err := Policy{}.CheckURL(raw)
			var refused *Refused
			require.ErrorAs(t, err, &refused, "%q", raw)
			require.Equal(t, code, refused.Code, "%q", raw)
			require.Equal(t, refused.Text, refused.Error())
			require.NotContains(t, refused.Text, "127.0.0.1")
			// Demonstrations get no more than http and loopback.
			if code != "scheme_not_allowed" && code != "address_not_public" {
				require.ErrorAs(t, Policy{Insecure: true}.CheckURL(raw), &refused, "%q", raw)
				require.Equal(t, code, refused.Code, "%q", raw)
			}
		}
	}
}

func TestURLsThatPass(t *testing.T) {
	t.Parallel()
	for _, raw := range []string{
		"https://example.com", "https://example.com/hooks/1?key=a&b=c%20d", "HTTPS://Example.COM/", "https://example.com.:8443/", "https://example.com:65535/",
		"https://hook_1.example.com/", "https://xn--caf-dma.example/", "https://café.example/pad/ë", "https://8.8.8.8/", "https://[2606:4700:4700::1111]:8443/",
		"https://127.example.com/", "https://notlocalhost/", "https://localhost.example.com/", "https://1e100.net/", "https://0xabc.example/", "https://intranet/",
		"https://a--b.example.com/", "https://example.com/" + strings.Repeat("a", MaxURL-len("https://example.com/")),
	} {
		require.NoError(t, Policy{}.CheckURL(raw), raw)
		require.NoError(t, Policy{Insecure: true}.CheckURL(raw), raw)
	}
}

func TestInsecureAllowsHTTPAndLoopbackAlone(t *testing.T) {
	t.Parallel()
	p := Policy{Insecure: true}
	for _, raw := range []string{
		"http://example.com/", "http://localhost:8080/", "https://a.localhost/", "http://127.0.0.1:8080/", "http://127.9.9.9/", "http://[::1]:8080/",
	} {
		require.NoError(t, p.CheckURL(raw), raw)
	}
	for raw, code := range map[string]string{
		"ftp://localhost/":                 "scheme_not_allowed",
		"http://169.254.169.254/":          "address_not_public",
		"http://10.0.0.1/":                 "address_not_public",
		"http://192.168.1.1/":              "address_not_public",
		"http://0.0.0.0/":                  "address_not_public",
		"http://2130706433/":               "address_not_public",
		"http://127.1/":                    "address_not_public",
		"http://[fe80::1]/":                "address_not_public",
		"http://[::1%25lo]/":               "address_not_public",
		"http://[::ffff:169.254.169.254]/": "address_not_public",
		"http://168.63.129.16/":            "address_not_public",
	} {
		var refused *Refused
		require.ErrorAs(t, p.CheckURL(raw), &refused, raw)
		require.Equal(t, code, refused.Code, raw)
	}
}

func FuzzCheckURL(f *testing.F) {
	for ip := range bad {
		f.Add("https://" + ip + "/")
		f.Add("https://[" + ip + "]/")
	}
	f.Add("https://①②⑦.1/")
	f.Fuzz(func(t *testing.T, raw string) {
		err := Policy{}.CheckURL(raw)
		if err != nil {
			var refused *Refused
			require.ErrorAs(t, err, &refused)
			return
		}
		u, err := url.Parse(raw)
		require.NoError(t, err)
		require.Equal(t, "https", u.Scheme)
		require.NotEmpty(t, u.Hostname())
		if addr, err := netip.ParseAddr(strings.TrimSuffix(u.Hostname(), ".")); err == nil {
			require.NoError(t, Policy{}.judgeAddr(addr))
		}
	})
}
