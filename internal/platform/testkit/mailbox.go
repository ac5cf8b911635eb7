package testkit

import (
	"bufio"
	"io"
	"mime"
	"mime/quotedprintable"
	"net"
	"net/mail"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// Mailbox is a mail server on loopback that keeps what it gets.
type Mailbox struct {
	URL string // as SWITCHBOARD_SMTP_URL wants it

	listener net.Listener
	mu       sync.Mutex
	letters  []Letter
}

// Letter is what came in.
type Letter struct{ ID, From, To, Subject, Text string }

// NewMailbox starts one, for as long as the test lasts.
func NewMailbox(t testing.TB) *Mailbox {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	m := &Mailbox{URL: "smtp://" + l.Addr().String() + "?from=switchboard@voorbeeld.example", listener: l}
	t.Cleanup(m.Close)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go m.serve(c)
		}
	}()
	return m
}

// Close ends it; closing it again does nothing.
func (m *Mailbox) Close() { _ = m.listener.Close() }

// Letters are those that came in, in order.
func (m *Mailbox) Letters() []Letter {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]Letter{}, m.letters...)
}

// serve speaks as much of RFC 5321 as a client needs.
func (m *Mailbox) serve(c net.Conn) {
	defer c.Close()
	in := bufio.NewReader(c)
	say := func(s string) { _, _ = io.WriteString(c, s+"\r\n") }
	say("220 here")
	var l Letter
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		verb, rest, _ := strings.Cut(strings.TrimSpace(line), ":")
		switch strings.ToUpper(strings.Fields(verb + " x")[0]) {
		case "MAIL":
			l = Letter{From: address(rest)}
			say("250 ok")
		case "RCPT":
			l.To += address(rest)
			say("250 ok")
		case "DATA":
			say("354 go on")
			var b strings.Builder
			for {
				line, err := in.ReadString('\n')
				if err != nil {
					return
				}
				if line == ".\r\n" {
					break
				}
				b.WriteString(strings.TrimPrefix(line, "."))
			}
			if read, err := mail.ReadMessage(strings.NewReader(b.String())); err == nil {
				l.ID = read.Header.Get("Message-Id")
				l.Subject, _ = new(mime.WordDecoder).DecodeHeader(read.Header.Get("Subject"))
				text, _ := io.ReadAll(quotedprintable.NewReader(read.Body))
				l.Text = strings.TrimSpace(string(text))
			}
			m.mu.Lock()
			m.letters = append(m.letters, l)
			m.mu.Unlock()
			say("250 taken")
		case "QUIT":
			say("221 bye")
			return
		default:
			say("250 ok")
		}
	}
}

func address(s string) string {
	_, s, _ = strings.Cut(s, "<")
	s, _, _ = strings.Cut(s, ">")
	return s
}
