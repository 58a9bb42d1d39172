//! The kit's hooks without the feature `telemetry`: each is what it wraps, and has no size of its own.

use std::borrow::Cow;
use std::fmt::Display;
#[cfg(feature = "http")]
use std::marker::PhantomData;

use opentelemetry::KeyValue;

#[cfg(feature = "http")]
use crate::http_bodies::{AnyBody, Axum};
use crate::kit::Kit;

/// A span that is none.
#[derive(Debug)]
#[must_use = "the future is what run() or observe() is given"]
pub struct Span(());

impl Span {
    /// Drops the attribute.
    pub fn attribute(self, _: KeyValue) -> Self {
        self
    }

    /// The future itself.
    pub fn run<T, E: Display>(self, future: impl Future<Output = Result<T, E>>) -> impl Future<Output = Result<T, E>> {
        future
    }

    /// The future itself.
    pub fn observe<T>(self, future: impl Future<Output = T>) -> impl Future<Output = T> {
        future
    }
}

impl Kit {
    /// A span that is none.
    pub fn span(&self, _: impl Into<Cow<'static, str>>) -> Span {
        Span(())
    }

    /// A layer that leaves services as they are.
    #[cfg(feature = "http")]
    #[must_use]
    pub fn http_layer(&self) -> HttpLayer {
        HttpLayer(PhantomData)
    }

    /// A layer that leaves services as they are. Panics of methods are tonic's affair.
    #[cfg(feature = "tonic")]
    #[must_use]
    pub fn grpc_server_layer(&self) -> GrpcServerLayer {
        GrpcServerLayer(())
    }

    /// A layer that leaves channels as they are.
    #[cfg(feature = "tonic")]
    #[must_use]
    pub fn grpc_client_layer(&self, _: &str) -> GrpcClientLayer {
        GrpcClientLayer(())
    }
}

/// Made by [`Kit::http_layer`].
#[cfg(feature = "http")]
#[derive(Debug)]
pub struct HttpLayer<W = Axum>(PhantomData<fn() -> W>);

#[cfg(feature = "http")]
impl<W> Clone for HttpLayer<W> {
    fn clone(&self) -> Self {
        HttpLayer(PhantomData)
    }
}

#[cfg(feature = "http")]
impl HttpLayer {
    /// For any body.
    #[must_use]
    pub fn any_body(self) -> HttpLayer<AnyBody> {
        HttpLayer(PhantomData)
    }
}

#[cfg(feature = "http")]
impl<W> HttpLayer<W> {
    /// For servers on the open internet.
    #[must_use]
    pub fn public(self) -> Self {
        self
    }
}

#[cfg(feature = "http")]
impl<S, W> tower_layer::Layer<S> for HttpLayer<W> {
    type Service = S;

    fn layer(&self, inner: S) -> S {
        inner
    }
}

/// Made by [`Kit::grpc_server_layer`].
#[cfg(feature = "tonic")]
#[derive(Debug, Clone)]
pub struct GrpcServerLayer(());

/// Made by [`Kit::grpc_client_layer`].
#[cfg(feature = "tonic")]
#[derive(Debug, Clone)]
pub struct GrpcClientLayer(());

#[cfg(feature = "tonic")]
impl<S> tower_layer::Layer<S> for GrpcServerLayer {
    type Service = S;

    fn layer(&self, inner: S) -> S {
        inner
    }
}

#[cfg(feature = "tonic")]
impl<S> tower_layer::Layer<S> for GrpcClientLayer {
    type Service = S;

    fn layer(&self, inner: S) -> S {
        inner
    }
}
