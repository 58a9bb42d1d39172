//! The semantic convention names the kit emits, version 1.44 of OpenTelemetry's, spelled once. The Go kit has the same list.

/// Which version of the semantic conventions the names follow.
pub(crate) const SCHEMA_URL: &str = "https://opentelemetry.io/schemas/1.44.0";
/// Scope attribute with the version of the kits' own contract.
pub(crate) const CONTRACT: &str = "throughline.contract";
pub(crate) const CONTRACT_VERSION: i64 = 1;

/// Bounds, in seconds, of every duration histogram.
pub(crate) const DURATION_BUCKETS: [f64; 14] =
    [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0];

pub(crate) const ERROR_TYPE: &str = "error.type";
pub(crate) const SERVER_ADDRESS: &str = "server.address";
pub(crate) const SERVER_PORT: &str = "server.port";
#[cfg(any(feature = "http", feature = "tonic"))]
pub(crate) const CLIENT_ADDRESS: &str = "client.address";
pub(crate) const EXCEPTION_TYPE: &str = "exception.type";
pub(crate) const EXCEPTION_MESSAGE: &str = "exception.message";
pub(crate) const TASK_NAME: &str = "task.name";
pub(crate) const TASK_DETACHED: &str = "task.detached";

#[cfg(any(feature = "http", feature = "reqwest"))]
pub(crate) mod http {
    pub(crate) const METHOD: &str = "http.request.method";
    pub(crate) const METHOD_ORIGINAL: &str = "http.request.method_original";
    pub(crate) const STATUS_CODE: &str = "http.response.status_code";
    pub(crate) const PROTOCOL_VERSION: &str = "network.protocol.version";
    pub(crate) const SCHEME: &str = "url.scheme";
}

#[cfg(feature = "http")]
pub(crate) mod http_server {
    pub(crate) const ROUTE: &str = "http.route";
    pub(crate) const PATH: &str = "url.path";
    pub(crate) const USER_AGENT: &str = "user_agent.original";
}

#[cfg(feature = "reqwest")]
pub(crate) mod http_client {
    pub(crate) const RESEND_COUNT: &str = "http.request.resend_count";
    pub(crate) const FULL: &str = "url.full";
    pub(crate) const TEMPLATE: &str = "url.template";
}

#[cfg(feature = "tonic")]
pub(crate) mod rpc {
    pub(crate) const SYSTEM: &str = "rpc.system.name";
    pub(crate) const METHOD: &str = "rpc.method";
    pub(crate) const METHOD_ORIGINAL: &str = "rpc.method_original";
    pub(crate) const STATUS_CODE: &str = "rpc.response.status_code";
}

#[cfg(feature = "sqlx")]
pub(crate) mod db {
    pub(crate) const SYSTEM: &str = "db.system.name";
    pub(crate) const NAMESPACE: &str = "db.namespace";
    pub(crate) const OPERATION: &str = "db.operation.name";
    pub(crate) const SUMMARY: &str = "db.query.summary";
    pub(crate) const TEXT: &str = "db.query.text";
    pub(crate) const STATUS_CODE: &str = "db.response.status_code";
}

#[cfg(feature = "nats")]
pub(crate) mod messaging {
    pub(crate) const SYSTEM: &str = "messaging.system";
    pub(crate) const OPERATION_NAME: &str = "messaging.operation.name";
    pub(crate) const OPERATION_TYPE: &str = "messaging.operation.type";
    pub(crate) const DESTINATION: &str = "messaging.destination.name";
    pub(crate) const TEMPLATE: &str = "messaging.destination.template";
    pub(crate) const MESSAGE_ID: &str = "messaging.message.id";
    pub(crate) const CONSUMER_GROUP: &str = "messaging.consumer.group.name";
    pub(crate) const BATCH_COUNT: &str = "messaging.batch.message_count";
}
