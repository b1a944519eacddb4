package bridge

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
)

// Opening and authentication: PROTOCOL.md.

const (
	protocolName = "ors-bridge"
	version      = 1
	authHMAC     = "hmac-sha256"
	authNone     = "none"
	nonceSize    = 32
	// minSecret is the length that a secret has at least, in bytes.
	minSecret   = 16
	maxName     = 128
	proofClient = "ors-bridge client\x00"
	proofServer = "ors-bridge server\x00"
)

// proof is what one side sends to show that it has the secret.
func proof(secret []byte, label string, hello, challenge []byte) []byte {
	h, c := sha256.Sum256(hello), sha256.Sum256(challenge)
	m := hmac.New(sha256.New, secret)
	m.Write([]byte(label))
	m.Write(h[:])
	m.Write(c[:])
	return m.Sum(nil)
}

// sameProof compares in constant time.
func sameProof(a, b []byte) bool { return hmac.Equal(a, b) }

func checkSecret(secret []byte) error {
	if len(secret) < minSecret {
		return fmt.Errorf("bridge: a secret of %d bytes, want at least %d random ones", len(secret), minSecret)
	}
	return nil
}

func checkName(name string) error {
	if name == "" || len(name) > maxName {
		return errors.New("bridge: a client needs a name of 1 to 128 bytes")
	}
	return nil
}

// nonce returns fresh random bytes.
func nonce() []byte {
	b := make([]byte, nonceSize)
	rand.Read(b) // never fails
	return b
}
