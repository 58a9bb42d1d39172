package control

import (
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
)

// SignatureHeader carries "ed25519=" and the base64 of the signature.
const SignatureHeader = "Throughline-Signature"

// Acceptance is what a document must stand up to.
type Acceptance struct {
	Service, Environment string
	Key                  ed25519.PublicKey // nil: documents need no signature
	Applied              int64             // the revision in force; older ones are refused
	Compile              func(*Redaction) error
}

// Read checks and reads a document.
func (a Acceptance) Read(body []byte, signature string) (*Document, error) {
	if a.Key != nil {
		if err := a.verify(body, signature); err != nil {
			return nil, err
		}
	}
	d, err := Parse(body)
	if err != nil {
		return nil, err
	}
	if d.Revision < a.Applied {
		return nil, fmt.Errorf("revision %d is older than %d, which is in force", d.Revision, a.Applied)
	}
	if d.Redaction != nil && a.Compile != nil {
		if err := a.Compile(d.Redaction); err != nil {
			return nil, fmt.Errorf("redact: %w", err)
		}
	}
	return d, nil
}

// verify binds the document to service and environment, so that one cannot be given to another.
func (a Acceptance) verify(body []byte, signature string) error {
	encoded, found := strings.CutPrefix(signature, "ed25519=")
	if !found {
		return errors.New("the document has no Ed25519 signature")
	}
	raw, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return fmt.Errorf("the signature is not base64: %w", err)
	}
	message := append([]byte("throughline-control-v1\n"+a.Service+"\n"+a.Environment+"\n"), body...)
	if !ed25519.Verify(a.Key, message, raw) {
		return errors.New("the signature is not right")
	}
	return nil
}

// ParseKey reads a public key: the base64 of its 32 bytes.
func ParseKey(text string) (ed25519.PublicKey, error) {
	raw, err := base64.StdEncoding.DecodeString(strings.TrimSpace(text))
	if err != nil || len(raw) != ed25519.PublicKeySize {
		return nil, errors.New("not the base64 of an Ed25519 public key, 32 bytes")
	}
	return raw, nil
}
