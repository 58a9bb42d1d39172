//! What a document must stand up to before it counts.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use ring::signature::{ED25519, UnparsedPublicKey};

use super::document::{Document, Redaction};

/// Carries `ed25519=` and the base64 of the signature.
pub(super) const SIGNATURE_HEADER: &str = "throughline-signature";
const KEY_BYTES: usize = 32;

/// An Ed25519 public key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PublicKey([u8; KEY_BYTES]);

impl PublicKey {
    /// Reads the base64 of its 32 bytes.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let bytes = BASE64_STANDARD.decode(text.trim()).ok()?;
        bytes.try_into().ok().map(PublicKey)
    }
}

pub(super) type Compile = Box<dyn Fn(&Redaction) -> Result<(), String> + Send>;

pub(super) struct Acceptance {
    pub(super) service: String,
    pub(super) environment: String,
    /// Without one documents need no signature.
    pub(super) key: Option<PublicKey>,
    /// The revision in force; older ones are refused.
    pub(super) applied: i64,
    pub(super) compile: Option<Compile>,
}

impl Acceptance {
    /// Checks and reads a document; the error says what is wrong with it.
    pub(super) fn read(&self, body: &[u8], signature: Option<&str>) -> Result<Document, String> {
        if let Some(key) = &self.key {
            self.verify(key, body, signature.unwrap_or_default())?;
        }
        let document = Document::parse(body).map_err(|problems| problems.join("; "))?;
        if document.revision < self.applied {
            let (old, new) = (document.revision, self.applied);
            return Err(format!("revision {old} is older than {new}, which is in force"));
        }
        if let (Some(redaction), Some(compile)) = (&document.redaction, &self.compile) {
            compile(redaction).map_err(|problem| format!("redact: {problem}"))?;
        }
        Ok(document)
    }

    /// Binds the document to service and environment, so that one cannot be given to another.
    fn verify(&self, key: &PublicKey, body: &[u8], signature: &str) -> Result<(), String> {
        let encoded = signature.strip_prefix("ed25519=").ok_or("the document has no Ed25519 signature")?;
        let raw = BASE64_STANDARD.decode(encoded).map_err(|error| format!("the signature is not base64: {error}"))?;
        let mut message = format!("throughline-control-v1\n{}\n{}\n", self.service, self.environment).into_bytes();
        message.extend_from_slice(body);
        let verified = UnparsedPublicKey::new(&ED25519, key.0).verify(&message, &raw);
        verified.map_err(|_| "the signature is not right".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    fn body(case: &Value) -> Vec<u8> {
        let text = case["text"].as_str().map(str::to_owned);
        let mut body = text.unwrap_or_else(|| case["document"].to_string()).into_bytes();
        let bytes = case["bytes"].as_u64().and_then(|bytes| usize::try_from(bytes).ok()).unwrap_or(0);
        body.resize(body.len().max(bytes), b' ');
        let tail = case["append_hex"].as_str().unwrap_or_default();
        let digits = |at: usize| u8::from_str_radix(tail.get(at..at + 2).expect("pair"), 16).expect("hex");
        body.extend((0..tail.len()).step_by(2).map(digits));
        body
    }

    #[test]
    fn the_shared_vectors_hold() {
        let vectors = include_str!("../../../../spec/vectors/control.json");
        let vectors: Value = serde_json::from_str(vectors).expect("JSON");
        let cases = vectors["cases"].as_array().expect("cases");
        assert!(cases.len() >= 180);
        for case in cases {
            let name = &case["name"];
            let text = |key: &str| case[key].as_str().unwrap_or_default().to_owned();
            let acceptance = Acceptance {
                service: text("service"),
                environment: text("environment"),
                key: case["public_key"].as_str().map(|key| PublicKey::parse(key).expect("key")),
                applied: case["applied"].as_i64().unwrap_or(0),
                compile: None,
            };
            let result = acceptance.read(&body(case), case["signature"].as_str());
            assert_eq!(case["accepted"], result.is_ok(), "{name}: {result:?}");
            let Ok(document) = result else {
                continue;
            };
            let all = crate::control::document::tests::effective(&document);
            for (key, expected) in case["effective"].as_object().into_iter().flatten() {
                assert!(same(&all[key], expected), "{name}: {key} is {}", all[key]);
            }
            for (instrumentation, on) in case["on"].as_object().into_iter().flatten() {
                assert_eq!(*on, document.is_on(instrumentation), "{name}: {instrumentation}");
            }
            for (scope, expected) in case["levels"].as_object().into_iter().flatten() {
                let level = document.levels.level_of(scope).map(|level| level.to_string().to_lowercase());
                assert_eq!(*expected, level.unwrap_or_default(), "{name}: {scope}");
            }
        }
    }

    /// Equal, where 1 and 1.0 are the same number.
    fn same(a: &Value, b: &Value) -> bool {
        match (a, b) {
            (Value::Number(a), Value::Number(b)) => a.as_f64() == b.as_f64(),
            (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
            (Value::Object(a), Value::Object(b)) => {
                a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| same(a, b)))
            }
            _ => a == b,
        }
    }
}
