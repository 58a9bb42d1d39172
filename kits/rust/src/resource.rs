//! Who is speaking: the resource every signal carries, with the same attributes as the Go kit.

use opentelemetry::trace::TraceId;
use opentelemetry::{KeyValue, Value};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{IdGenerator, RandomIdGenerator};

use crate::config::Config;
use crate::environment::Settings;
use crate::names;

/// Version of this crate, `telemetry.distro.version`.
pub(crate) const KIT_VERSION: &str = env!("CARGO_PKG_VERSION");

/// Version of the OpenTelemetry SDK this crate is pinned to.
const SDK_VERSION: &str = "0.33.1";

/// Later entries win: what is found, then what the code says, then what the environment says, then what must not be faked.
pub(crate) fn build(config: &Config, settings: &Settings) -> Resource {
    let mut attributes = vec![
        KeyValue::new("service.instance.id", instance_id(random_bits())),
        KeyValue::new("process.pid", i64::from(std::process::id())),
    ];
    if let Some(host) = host_name() {
        attributes.push(KeyValue::new("host.name", host));
    }
    if let Some(version) = &config.service_version {
        attributes.push(KeyValue::new("service.version", version.clone()));
    }
    if let Some(name) = &config.environment_name {
        attributes.push(KeyValue::new("deployment.environment.name", name.clone()));
    }
    attributes.extend(config.attributes.iter().cloned());
    attributes.extend(settings.resource_overrides.iter().cloned());
    attributes.extend([
        KeyValue::new("service.name", settings.service_name.clone()),
        KeyValue::new("telemetry.sdk.name", "opentelemetry"),
        KeyValue::new("telemetry.sdk.language", "rust"),
        KeyValue::new("telemetry.sdk.version", SDK_VERSION),
        KeyValue::new("telemetry.distro.name", "throughline"),
        KeyValue::new("telemetry.distro.version", KIT_VERSION),
    ]);
    let attributes = crate::attributes::last_wins(attributes);
    Resource::builder_empty().with_schema_url(attributes, names::SCHEMA_URL).build()
}

fn host_name() -> Option<Value> {
    let read = |path: &str| std::fs::read_to_string(path).ok();
    let name = read("/proc/sys/kernel/hostname")
        .or_else(|| read("/etc/hostname"))
        .or_else(|| std::env::var("HOSTNAME").ok())?;
    let name = name.trim();
    (!name.is_empty()).then(|| Value::from(name.to_owned()))
}

fn random_bits() -> u128 {
    u128::from_be_bytes(<TraceId>::to_bytes(RandomIdGenerator::default().new_trace_id()))
}

/// A random UUID (RFC 9562 version 4) of these bits.
fn instance_id(bits: u128) -> String {
    let bits = bits & !(0xf << 76) | (0x4 << 76);
    let bits = bits & !(0x3 << 62) | (0x2 << 62);
    let hex = format!("{bits:032x}");
    let groups = [0..8, 8..12, 12..16, 16..20, 20..32];
    groups.map(|range| hex.get(range).unwrap_or_default().to_owned()).join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instance_id_is_a_version_4_uuid() {
        assert_eq!(instance_id(u128::MAX), "ffffffff-ffff-4fff-bfff-ffffffffffff");
        assert_eq!(instance_id(0), "00000000-0000-4000-8000-000000000000");
        assert_ne!(instance_id(random_bits()), instance_id(random_bits()));
    }

    #[test]
    fn the_pinned_sdk_version_is_the_one_in_the_lock_file() {
        let lock = include_str!("../../../Cargo.lock");
        let entry = format!("name = \"opentelemetry_sdk\"\nversion = \"{SDK_VERSION}\"");
        assert!(lock.contains(&entry), "change SDK_VERSION with the pin");
    }
}
