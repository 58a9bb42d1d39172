//! Encrypted exports, over either protocol, to a receiver whose certificate only a variable makes known, and that wants to see one.
#![cfg(feature = "tls")]
#![allow(missing_docs, clippy::unwrap_used)]

mod support;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use throughline::{Config, Kit};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig, crypto};

const AMPLE: Duration = Duration::from_secs(10);

/// An authority, and certificates of it for a server at 127.0.0.1 and for a client.
struct Certificates(PathBuf);

impl Certificates {
    fn make(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("throughline-tls-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let made = Certificates(folder);
        made.openssl("req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -keyout ca.key -out ca.pem -subj /CN=test");
        std::fs::write(made.path("extensions"), "subjectAltName=IP:127.0.0.1").unwrap();
        for who in ["server", "client"] {
            made.openssl(&format!("req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout {who}.key -out {who}.csr -subj /CN={who}"));
            made.openssl(&format!("x509 -req -in {who}.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile extensions -out {who}.pem"));
        }
        made
    }

    fn openssl(&self, arguments: &str) {
        let out = Command::new("openssl").args(arguments.split(' ')).current_dir(&self.0).output().unwrap();
        assert!(out.status.success(), "openssl {arguments}: {}", String::from_utf8_lossy(&out.stderr));
    }

    fn path(&self, file: &str) -> PathBuf {
        self.0.join(file)
    }

    fn text(&self, file: &str) -> String {
        self.path(file).to_str().unwrap().to_owned()
    }
}

impl Drop for Certificates {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Answers every request over HTTP/1.1 with 200.
fn serve_http(certificates: &Certificates) -> String {
    let read = |file: &str| CertificateDer::from_pem_file(certificates.path(file)).unwrap();
    let key = PrivateKeyDer::from_pem_file(certificates.path("server.key")).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(read("ca.pem")).unwrap();
    let provider = Arc::new(crypto::aws_lc_rs::default_provider());
    let clients = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider)).build().unwrap();
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = config.with_client_cert_verifier(clients).with_single_cert(vec![read("server.pem")], key).unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            while let Ok((connection, _)) = listener.accept().await {
                let acceptor = acceptor.clone();
                tokio::spawn(async move {
                    let Ok(mut connection) = acceptor.accept(connection).await else { return };
                    let mut request = vec![0; 1 << 16];
                    // A request of the tests fits into one read.
                    while matches!(connection.read(&mut request).await, Ok(1..)) {
                        let answer =
                            b"HTTP/1.1 200 OK\r\nContent-Type: application/x-protobuf\r\nContent-Length: 0\r\n\r\n";
                        connection.write_all(answer).await.unwrap();
                    }
                });
            }
        });
    });
    url
}

fn serve_grpc(certificates: &Certificates) -> String {
    use tonic::transport::{Certificate, Identity, ServerTlsConfig};
    let _ = crypto::aws_lc_rs::default_provider().install_default(); // tonic's servers want one
    let read = |file: &str| std::fs::read(certificates.path(file)).unwrap();
    let identity = Identity::from_pem(read("server.pem"), read("server.key"));
    let authority = Certificate::from_pem(read("ca.pem"));
    support::grpc::start_tls(ServerTlsConfig::new().identity(identity).client_ca_root(authority))
}

fn sent(url: &str, protocol: &str, more: &[(&str, String)]) -> Kit {
    let fixed = [("OTEL_EXPORTER_OTLP_PROTOCOL", protocol.to_owned()), ("OTEL_METRICS_EXPORTER", "none".to_owned())];
    let variables = fixed.into_iter().chain(more.iter().cloned());
    let config = Config::builder("orders").endpoint(url).log_writer(std::io::sink()).variables(variables);
    let kit = throughline::init(config.build()).unwrap();
    futures_util::FutureExt::now_or_never(kit.span("work").observe(async {})).unwrap();
    let _ = kit.shutdown(AMPLE);
    kit
}

#[test]
fn exports_are_encrypted_and_both_ends_show_who_they_are() {
    if Command::new("openssl").arg("version").output().is_err() {
        return eprintln!("skipped: there is no openssl to make certificates with");
    }
    let certificates = Certificates::make("both");
    for (protocol, url) in [("http/protobuf", serve_http(&certificates)), ("grpc", serve_grpc(&certificates))] {
        let authority = ("OTEL_EXPORTER_OTLP_CERTIFICATE", certificates.text("ca.pem"));
        let client = [
            ("OTEL_EXPORTER_OTLP_TRACES_CLIENT_CERTIFICATE", certificates.text("client.pem")),
            ("OTEL_EXPORTER_OTLP_TRACES_CLIENT_KEY", certificates.text("client.key")),
        ];
        let spans = |more: &[(&str, String)]| sent(&url, protocol, more).stats().spans;
        let [certificate, key] = client;
        let known = spans(&[authority.clone(), certificate.clone(), key.clone()]);
        assert_eq!((known.exported, known.dropped.total()), (1, 0), "{protocol} {known:?}");
        let unknown = spans(&[authority]);
        assert_eq!((unknown.exported, unknown.dropped.export_failed), (0, 1), "{protocol} {unknown:?}");
        let distrusted = spans(&[certificate, key]);
        assert_eq!((distrusted.exported, distrusted.dropped.export_failed), (0, 1), "{protocol} {distrusted:?}");
    }
}

/// What is no certificate is told at the start, not at the first export.
#[test]
fn a_certificate_that_is_none_is_told() {
    let file: &Path = &std::env::temp_dir().join(format!("throughline-no-pem-{}", std::process::id()));
    std::fs::write(file, "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n").unwrap();
    for protocol in ["http/protobuf", "grpc"] {
        let variables = [
            ("OTEL_EXPORTER_OTLP_PROTOCOL", protocol),
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "https://127.0.0.1:1"),
            ("OTEL_EXPORTER_OTLP_CERTIFICATE", file.to_str().unwrap()),
        ];
        let error = throughline::init(Config::builder("orders").variables(variables).build()).unwrap_err();
        assert!(error.to_string().contains("OTEL_EXPORTER_OTLP_CERTIFICATE"), "{protocol}: {error}");
    }
    let _ = std::fs::remove_file(file);
}
