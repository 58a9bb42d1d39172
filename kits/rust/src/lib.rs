//! Instrumentation for Rust services: traces, metrics and logs over OpenTelemetry, with the same span names, kinds, attributes,
//! status rules, metrics and log lines as the Go kit of the same name.
//!
//! ```no_run
//! use std::time::Duration;
//! use throughline::{Config, InitError};
//!
//! let kit = throughline::init(Config::builder("orders").version("1.4.2").build()).unwrap_or_else(InitError::report);
//! kit.install_logs();
//! // serve …
//! let _ = kit.shutdown(Duration::from_secs(5)); // what was lost is told on standard error
//! ```
//!
//! # What it promises
//! - [`init`] never waits for the network and never fails the service: a bad configuration gives a kit that records nothing.
//! - No request waits for telemetry. Queues are bounded, exports are bounded, what does not fit is dropped and counted.
//! - A panic in an exporter stays there. Futures that are dropped, by a timeout or a client that went away, end their spans.
//! - Context flows where it should and no further: see [`Kit::spawn`], [`Kit::spawn_blocking`] and [`Kit::detach`].
//!
//! # Features
//! | feature | gives |
//! |---|---|
//! | `telemetry` (default) | recording; without it [`Kit::span`], [`Kit::http_layer`], the gRPC layers and [`Kit::spawn`] are what they wrap |
//! | `control` (default) | remote control and the kill file: [`ConfigBuilder::control_endpoint`] |
//! | `http` (default) | [`Kit::http_layer`]: HTTP servers, for axum and any tower service |
//! | `reqwest` | `Kit::send`: HTTP clients |
//! | `tonic` | `Kit::grpc_server_layer`, `Kit::grpc_client_layer` |
//! | `sqlx` | `Kit::postgres`: SQL |
//! | `nats` | `nats`: publish, process, batches |
//! | `jetstream` | `jetstream`: publish until stored, process until acknowledged |
//! | `kafka` | `kafka`: produce, fetch, process |
//! | `redis` | `Kit::redis`: commands of redis-rs |
//! | `grpc-export` | OTLP over gRPC beside OTLP over HTTP |
//! | `tls` | `https://` endpoints, over either |
//! | `testing` | `testing::Memory`: telemetry kept in memory, for tests |

// What one integration needs is dead code without it. The full build checks for code that is dead everywhere.
#![cfg_attr(
    not(all(
        feature = "telemetry",
        feature = "control",
        feature = "http",
        feature = "reqwest",
        feature = "tonic",
        feature = "sqlx",
        feature = "nats",
        feature = "jetstream",
        feature = "kafka",
        feature = "redis"
    )),
    allow(dead_code)
)]

mod attributes;
mod b3;
mod baggage;
#[cfg(any(feature = "http", feature = "reqwest", feature = "tonic"))]
mod body;
mod config;
#[cfg(feature = "control")]
mod control;
mod core;
mod diagnostics;
mod environment;
mod exemplars;
mod export;
#[cfg(feature = "grpc-export")]
mod export_grpc;
mod export_metrics;
mod guard;
#[cfg(feature = "http")]
mod http_bodies;
#[cfg(any(feature = "http", feature = "reqwest", feature = "tonic", feature = "nats"))]
mod http_names;
#[cfg(all(feature = "http", feature = "telemetry"))]
mod http_server;
#[cfg(feature = "jetstream")]
pub mod jetstream;
mod jobs;
#[cfg(feature = "kafka")]
pub mod kafka;
mod kit;
mod limits;
mod logs;
#[cfg(any(feature = "nats", feature = "kafka"))]
mod messaging;
mod meter;
mod names;
#[cfg(feature = "nats")]
pub mod nats;
mod observed;
#[cfg(not(feature = "telemetry"))]
mod off;
mod once;
mod operation;
mod pipeline;
mod propagate;
mod redact;
#[cfg(feature = "redis")]
pub mod redis;
#[cfg(feature = "reqwest")]
mod reqwest_client;
mod resource;
mod running;
mod runtime;
mod sampling;
mod self_metrics;
mod signals;
#[cfg(feature = "telemetry")]
mod span;
#[cfg(feature = "sqlx")]
mod sql;
#[cfg(feature = "sqlx")]
mod sql_text;
mod stacks;
mod switches;
mod targets;
mod task;
#[cfg(feature = "testing")]
pub mod testing;
#[cfg(all(feature = "tonic", feature = "telemetry"))]
mod tonic_layer;
mod words;

/// Whether the kit records at all, known when it is compiled.
pub(crate) const TELEMETRY: bool = cfg!(feature = "telemetry");

#[cfg(any(feature = "http", feature = "reqwest", feature = "tonic"))]
pub use body::TracedBody;
pub use config::{Config, ConfigBuilder, Protocol};
pub use guard::{Drops, SignalStats};
#[cfg(feature = "http")]
pub use http_bodies::{AnyBody, Axum, Bodies};
#[cfg(all(feature = "http", feature = "telemetry"))]
pub use http_server::{HttpLayer, HttpService, ResponseFuture};
pub use jobs::{Origin, WorkError};
pub use kit::{FlushError, InitError, Kit, Stats, init};
#[cfg(all(feature = "http", not(feature = "telemetry")))]
pub use off::HttpLayer;
#[cfg(not(feature = "telemetry"))]
pub use off::Span;
#[cfg(all(feature = "tonic", not(feature = "telemetry")))]
pub use off::{GrpcClientLayer, GrpcServerLayer};
/// The code of the guide and the README, compiled by the doctests. Both are in the repository, not in the crate.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/guide-rust.md")]
#[doc = include_str!("../README.md")]
pub struct Guide;
/// The exact version this kit is built on; use it instead of a dependency of your own, which might be another version.
pub use opentelemetry;
pub use opentelemetry_sdk;
pub use propagate::Propagator;
#[cfg(feature = "reqwest")]
pub use reqwest_client::Send;
pub use sampling::{Sampling, SamplingRule};
#[cfg(feature = "telemetry")]
pub use span::Span;
#[cfg(feature = "sqlx")]
pub use sql::{Database, Query};
pub use switches::Switch;
#[cfg(all(feature = "tonic", feature = "telemetry"))]
pub use tonic_layer::{CallFuture, GrpcClient, GrpcClientLayer, GrpcServer, GrpcServerLayer};
