// Package seal encrypts what must not lie readable in the database: signing keys, webhook secrets, credentials of others.
package seal

import (
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/uuid"
	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/aead/xaesgcm"
	"github.com/tink-crypto/tink-go/v2/insecuresecretdataaccess"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/secretdata"
	"github.com/tink-crypto/tink-go/v2/tink"
)

const (
	masterBytes = 32
	// label keeps the keys made here apart from any other use of the master key (RFC 5869 section 3.2). Changing it makes
	// everything that was ever sealed unreadable.
	label = "switchboard seal v1"
)

var (
	// ErrMaster says that a master key is missing or has the wrong form. Its text never repeats the key.
	ErrMaster = errors.New("the master key must be 32 random bytes in base64 (openssl rand -base64 32), or several of those with commas between, the newest first")
	// ErrMode says that others than its owner may read the file of the master key, or that it is no file.
	ErrMode = errors.New("the file of the master key must be a regular file that only its owner can read (chmod 600)")
	// ErrPlace says that a Where has no proper table or column.
	ErrPlace = errors.New("a sealed value needs the names of its table and column")
	// ErrUnsealed says that a value does not open: it was changed, was sealed for another place, or under a key that the Box lacks.
	ErrUnsealed = errors.New("the sealed value does not open here")
)

// Where is the place that a sealed value belongs to; moved to another row, column or tenant it does not open.
type Where struct {
	Tenant uuid.UUID // uuid.Nil for what belongs to the platform
	Table  string    // the SQL name, [a-z0-9_]
	Column string    // the SQL name, [a-z0-9_]
	Row    uuid.UUID
}

// associated is tenant|table|column|row. It cannot be read in two ways, since no part of it may hold a bar.
func (w Where) associated() ([]byte, error) {
	for _, name := range []string{w.Table, w.Column} {
		if name == "" || strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789_") != "" {
			return nil, ErrPlace
		}
	}
	return []byte(w.Tenant.String() + "|" + w.Table + "|" + w.Column + "|" + w.Row.String()), nil
}

// Box seals and opens. It is safe for concurrent use.
type Box struct{ aead tink.AEAD }

// Open makes a Box from SWITCHBOARD_MASTER_KEY: base64 of 32 random bytes, or a comma-separated list of those, of which the first
// seals and all open. To rotate, put the new key in front, seal everything anew, and drop the old one. It returns ErrMaster.
func Open(master string) (*Box, error) {
	keys := keyset.NewManager()
	for i, text := range strings.Split(master, ",") {
		secret, err := base64.StdEncoding.Strict().DecodeString(strings.TrimSpace(text))
		if err != nil || len(secret) != masterBytes {
			return nil, ErrMaster
		}
		derived, err := derive(secret)
		if err != nil {
			return nil, err
		}
		id, err := keys.AddKey(derived)
		if err != nil {
			return nil, fmt.Errorf("%w: key %d stands there twice", ErrMaster, i+1)
		}
		if i == 0 {
			if err := keys.SetPrimary(id); err != nil {
				return nil, fmt.Errorf("sealing key: %w", err)
			}
		}
	}
	handle, err := keys.Handle()
	if err != nil {
		return nil, fmt.Errorf("sealing keys: %w", err)
	}
	primitive, err := aead.New(handle)
	if err != nil {
		return nil, fmt.Errorf("sealing keys: %w", err)
	}
	return &Box{primitive}, nil
}

// derive makes the XAES-256-GCM key of a master key, and the id by which a sealed value names it. That cipher's nonces are long
// enough to be random however many values a key seals, which those of plain AES-GCM are not.
func derive(secret []byte) (*xaesgcm.Key, error) {
	const keyBytes, idBytes, saltBytes = 32, 4, 12
	material, err := hkdf.Key(sha256.New, secret, nil, label, keyBytes+idBytes)
	if err != nil {
		return nil, fmt.Errorf("deriving a sealing key: %w", err)
	}
	params, err := xaesgcm.NewParameters(xaesgcm.VariantTink, saltBytes)
	if err != nil {
		return nil, fmt.Errorf("deriving a sealing key: %w", err)
	}
	id := binary.BigEndian.Uint32(material[keyBytes:])
	key, err := xaesgcm.NewKey(secretdata.NewBytesFromData(material[:keyBytes], insecuresecretdataaccess.Token{}), id, params)
	if err != nil {
		return nil, fmt.Errorf("deriving a sealing key: %w", err)
	}
	return key, nil
}

// OpenFile makes a Box from a file with what Open takes. Where there is no file it writes one with a fresh key, mode 0600; of
// several processes that do so at once, all get the same key. It returns ErrMode or ErrMaster, or why the file cannot be read.
func OpenFile(path string) (*Box, error) {
	text, err := read(path)
	if errors.Is(err, fs.ErrNotExist) {
		if err := create(path); err != nil {
			return nil, fmt.Errorf("making the file of the master key: %w", err)
		}
		text, err = read(path)
	}
	if err != nil {
		return nil, fmt.Errorf("master key in %s: %w", path, err)
	}
	box, err := Open(text)
	if err != nil {
		return nil, fmt.Errorf("master key in %s: %w", path, err)
	}
	return box, nil
}

func read(path string) (string, error) {
	// Looked at before it is opened: opening a pipe would wait for ever.
	info, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	if !info.Mode().IsRegular() || info.Mode().Perm()&0o077 != 0 {
		return "", ErrMode
	}
	text, err := os.ReadFile(path)
	return string(text), err
}

// create writes beside path and links the whole file into place, so that nobody reads half a key and nobody's key is replaced.
func create(path string) (err error) {
	secret := make([]byte, masterBytes)
	_, _ = rand.Read(secret) // never fails: crypto/rand ends the process instead
	file, err := os.CreateTemp(filepath.Dir(path), ".master-key-*")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.Remove(file.Name())) }()
	_, err = file.WriteString(base64.StdEncoding.EncodeToString(secret) + "\n")
	if err = errors.Join(err, file.Sync(), file.Close()); err != nil {
		return err
	}
	if err = os.Link(file.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	// The name must outlive a power cut too: values sealed under a lost key are lost.
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// Seal encrypts plain for one place; the result is 45 bytes longer and names its key. It returns ErrPlace.
func (b *Box) Seal(plain []byte, where Where) ([]byte, error) {
	associated, err := where.associated()
	if err != nil {
		return nil, err
	}
	sealed, err := b.aead.Encrypt(plain, associated)
	if err != nil {
		return nil, fmt.Errorf("sealing: %w", err)
	}
	return sealed, nil
}

// Open decrypts what Seal made for the same place. It returns ErrUnsealed or ErrPlace.
func (b *Box) Open(sealed []byte, where Where) ([]byte, error) {
	associated, err := where.associated()
	if err != nil {
		return nil, err
	}
	plain, err := b.aead.Decrypt(sealed, associated)
	if err != nil {
		return nil, ErrUnsealed
	}
	return plain, nil
}
