//! What a traced response's body becomes. axum has one type for all bodies and boxes what is not of it; so the layer for axum gives it its
//! own type back, and a request that is not traced costs no box.

use axum::body::Body as AxumBody;
use http_body::Body;

use crate::body::TracedBody;

/// The bodies an [`HttpLayer`](crate::HttpLayer) makes of a service's.
#[diagnostic::on_unimplemented(
    message = "`Kit::http_layer` is for axum's bodies, not for `{B}`",
    label = "this layer is for axum's bodies",
    note = "use `kit.http_layer().any_body()` around services with other bodies"
)]
pub trait Bodies<B> {
    /// The body of all responses.
    type Body: Body;
    /// That of a request which is not traced.
    fn untraced(body: B) -> Self::Body;
    /// That of a request which is.
    fn traced(body: TracedBody<B>) -> Self::Body;
}

/// Bodies of axum stay bodies of axum.
#[derive(Debug, Clone, Copy)]
pub struct Axum;

/// Bodies of any type are wrapped.
#[derive(Debug, Clone, Copy)]
pub struct AnyBody;

impl Bodies<AxumBody> for Axum {
    type Body = AxumBody;

    fn untraced(body: AxumBody) -> AxumBody {
        body
    }

    fn traced(body: TracedBody<AxumBody>) -> AxumBody {
        AxumBody::new(body)
    }
}

impl<B: Body> Bodies<B> for AnyBody {
    type Body = TracedBody<B>;

    fn untraced(body: B) -> TracedBody<B> {
        TracedBody::untraced(body)
    }

    fn traced(body: TracedBody<B>) -> TracedBody<B> {
        body
    }
}
