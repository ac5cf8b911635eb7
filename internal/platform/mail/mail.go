// Package mail sends letters through the mail server that the operator configured.
package mail

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	stdmail "net/mail"
	"net/url"
	"strconv"
	"time"

	"github.com/wneessen/go-mail"
)

// timeout bounds the sending of one letter; it is shorter than a job may take.
const timeout = 20 * time.Second

// ErrAddress says that the address of the mail server, or of who sends, cannot be used. Its text never repeats a password.
var ErrAddress = errors.New("the mail server must be smtps://user:password@host:port or smtp://user:password@host:port, with a from=… that is an e-mail address; smtp uses STARTTLS, which only a server on this machine may lack")

// Sender sends letters. It is safe for concurrent use. The server is the operator's own choice, so unlike the addresses
// that callers give us it may be an internal one.
type Sender struct {
	host    string
	from    string
	options []mail.Option
}

// Open reads the address of a mail server: smtps://user:password@host:465?from=switchboard@example.org, or smtp:// with
// STARTTLS. It connects to nobody yet. It returns ErrAddress.
func Open(address string) (*Sender, error) {
	u, err := url.Parse(address)
	if err != nil || u.Hostname() == "" || u.Path != "" && u.Path != "/" {
		return nil, ErrAddress
	}
	from, err := stdmail.ParseAddress(u.Query().Get("from"))
	if err != nil {
		return nil, ErrAddress
	}
	s := &Sender{host: u.Hostname(), from: from.Address}
	port := 587
	tlsConfig := &tls.Config{ServerName: s.host, MinVersion: tls.VersionTLS12}
	s.options = []mail.Option{mail.WithTimeout(timeout), mail.WithTLSConfig(tlsConfig), mail.WithoutNoop()}
	ip := net.ParseIP(s.host)
	switch {
	case u.Scheme == "smtps":
		port, s.options = 465, append(s.options, mail.WithSSL())
	case u.Scheme == "smtp" && (s.host == "localhost" || ip != nil && ip.IsLoopback()):
		s.options = append(s.options, mail.WithTLSPolicy(mail.TLSOpportunistic))
	case u.Scheme == "smtp":
		s.options = append(s.options, mail.WithTLSPolicy(mail.TLSMandatory))
	default:
		return nil, ErrAddress
	}
	if p := u.Port(); p != "" {
		if port, err = strconv.Atoi(p); err != nil || port < 1 || port > 65535 {
			return nil, ErrAddress
		}
	}
	s.options = append(s.options, mail.WithPort(port))
	if u.User != nil {
		password, _ := u.User.Password()
		s.options = append(s.options, mail.WithSMTPAuth(mail.SMTPAuthAutoDiscover), mail.WithUsername(u.User.Username()), mail.WithPassword(password))
	}
	if _, err := mail.NewClient(s.host, s.options...); err != nil {
		return nil, ErrAddress
	}
	return s, nil
}

// Letter is one plain text to one address.
type Letter struct {
	ID      string // names the letter: one that is sent twice has the same Message-ID
	To      string // an e-mail address
	Subject string
	Text    string
}

// Send hands a letter to the mail server. An error says that it may not have been taken: send it again.
func (s *Sender) Send(ctx context.Context, l Letter) error {
	m := mail.NewMsg()
	if err := errors.Join(m.From(s.from), m.To(l.To)); err != nil {
		return fmt.Errorf("mail: %w", err)
	}
	m.SetMessageIDWithValue(l.ID + "@" + s.host)
	m.SetDate()
	m.SetGenHeader("Auto-Submitted", "auto-generated") // RFC 3834, section 5: nobody's vacation answers it
	m.Subject(l.Subject)
	m.SetBodyString(mail.TypeTextPlain, l.Text)
	c, err := mail.NewClient(s.host, s.options...)
	if err != nil {
		return fmt.Errorf("mail: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	if err := c.DialAndSendWithContext(ctx, m); err != nil {
		return fmt.Errorf("mail: %w", err)
	}
	return nil
}
