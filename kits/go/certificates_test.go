package throughline_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	coltrace "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	throughline "throughline.dev/kits/go"
)

// authority signs certificates for one test.
type authority struct {
	key         *ecdsa.PrivateKey
	certificate *x509.Certificate
	file        string
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{}
	a.key, a.certificate, a.file, _ = a.sign(t, "ca", &x509.Certificate{IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign})
	return a
}

// sign makes a certificate and writes it and its key to files.
func (a *authority) sign(t *testing.T, name string, template *x509.Certificate) (key *ecdsa.PrivateKey, certificate *x509.Certificate, certFile, keyFile string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template.SerialNumber, template.Subject = big.NewInt(time.Now().UnixNano()), pkix.Name{CommonName: name}
	template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	signer, parent := a.key, a.certificate
	if signer == nil {
		signer, parent = key, template
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	if certificate, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	write := func(file, kind string, der []byte) string {
		path := filepath.Join(t.TempDir(), file)
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	return key, certificate, write(name+".pem", "CERTIFICATE", der), write(name+".key", "PRIVATE KEY", keyDER)
}

// serve starts a receiver that wants to see a certificate of the authority.
func (a *authority) serve(t *testing.T, protocol string) string {
	t.Helper()
	_, _, certFile, keyFile := a.sign(t, "server", &x509.Certificate{IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}})
	pair, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(a.certificate)
	config := &tls.Config{Certificates: []tls.Certificate{pair}, ClientCAs: pool, ClientAuth: tls.RequireAndVerifyClientCert}
	if protocol == "grpc" {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		server := grpc.NewServer(grpc.Creds(credentials.NewTLS(config)))
		coltrace.RegisterTraceServiceServer(server, &receiver{})
		go server.Serve(listener)
		t.Cleanup(server.Stop)
		return "https://" + listener.Addr().String()
	}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/x-protobuf")
	}))
	server.TLS = config
	server.StartTLS()
	t.Cleanup(server.Close)
	return server.URL
}

// Encrypted exports, over either protocol, to a receiver whose certificate only a variable makes known, and that wants to see one.
// The Rust kit has the same test.
func TestExportsAreEncryptedAndBothEndsShowWhoTheyAre(t *testing.T) {
	a := newAuthority(t)
	_, _, client, key := a.sign(t, "client", &x509.Certificate{})
	trust := map[string]string{"OTEL_EXPORTER_OTLP_CERTIFICATE": a.file}
	show := map[string]string{"OTEL_EXPORTER_OTLP_TRACES_CLIENT_CERTIFICATE": client, "OTEL_EXPORTER_OTLP_TRACES_CLIENT_KEY": key}
	for _, protocol := range []string{"http/protobuf", "grpc"} {
		url := a.serve(t, protocol)
		for name, c := range map[string]struct {
			variables []map[string]string
			exported  uint64
		}{
			"both":               {[]map[string]string{trust, show}, 1},
			"the kit is unknown": {[]map[string]string{trust}, 0},
			"nobody is trusted":  {[]map[string]string{show}, 0},
		} {
			t.Run(protocol+", "+name, func(t *testing.T) {
				t.Setenv("OTEL_EXPORTER_OTLP_PROTOCOL", protocol)
				t.Setenv("OTEL_METRICS_EXPORTER", "none")
				t.Setenv("OTEL_LOGS_EXPORTER", "none")
				for _, variables := range c.variables {
					for name, value := range variables {
						t.Setenv(name, value)
					}
				}
				kit, err := throughline.Init(t.Context(), throughline.WithEndpoint(url), quiet())
				if err != nil {
					t.Fatal(err)
				}
				_, end := kit.Span(t.Context(), "work")
				end(nil)
				_ = kit.Shutdown(t.Context())
				if s := kit.Stats().Spans; s.Exported != c.exported || s.Dropped.ExportFailed != 1-c.exported {
					t.Errorf("the account is %+v", s)
				}
			})
		}
	}
}

// What is no certificate is told at the start, not at the first export.
func TestACertificateThatIsNoneIsTold(t *testing.T) {
	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, []byte("-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("OTEL_EXPORTER_OTLP_CERTIFICATE", file)
	if _, err := throughline.Init(t.Context(), quiet()); err == nil || !strings.Contains(err.Error(), "OTEL_EXPORTER_OTLP_CERTIFICATE") {
		t.Errorf("got %v", err)
	}
}
