//! A span around a future of the service's own.

use std::borrow::Cow;
use std::fmt::Display;
use std::sync::Arc;

use opentelemetry::KeyValue;

use crate::kit::Kit;
use crate::observed::{Observed, Stage};
use crate::operation::Outcome;
use crate::task::outcome_of;

/// A span about to be started. Nothing happens before [`run`](Span::run) or [`observe`](Span::observe).
#[must_use = "a span starts when run() or observe() is awaited"]
pub struct Span(
    /// None when nothing is traced. Boxed, because then this is all there is to move about, and in the futures it becomes part of.
    Option<Box<Stage>>,
);

impl std::fmt::Debug for Span {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let name = match self.0.as_deref() {
            Some(Stage::Described { name, .. }) => Some(name),
            _ => None,
        };
        f.debug_struct("Span").field("name", &name).finish_non_exhaustive()
    }
}

impl Span {
    /// Adds an attribute.
    #[inline]
    pub fn attribute(mut self, attribute: KeyValue) -> Self {
        if let Some(Stage::Described { attributes, .. }) = self.0.as_deref_mut() {
            attributes.push(attribute);
        }
        self
    }

    /// Runs a fallible future inside the span. An error makes the span's status an error, with `error.type`; so do a panic and
    /// being dropped before completion.
    ///
    /// # Errors
    /// Whatever the future returns.
    pub fn run<T, E: Display>(self, future: impl Future<Output = Result<T, E>>) -> impl Future<Output = Result<T, E>> {
        Observed::new(self.0, future, outcome_of)
    }

    /// Runs a future that cannot fail inside the span.
    pub fn observe<T>(self, future: impl Future<Output = T>) -> impl Future<Output = T> {
        Observed::new(self.0, future, |_: &T| Outcome::Success)
    }
}

impl Kit {
    /// A span for a part of the service's own work, a child of the active one.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// # let kit = throughline::init(throughline::Config::builder("orders").build()).unwrap();
    /// let cents = kit.span("price basket").run(async { Ok::<_, std::fmt::Error>(1250) }).await;
    /// assert_eq!(cents, Ok(1250));
    /// # });
    /// ```
    pub fn span(&self, name: impl Into<Cow<'static, str>>) -> Span {
        let described = |core| Box::new(Stage::Described { core, name: name.into(), attributes: Vec::new() });
        Span(self.core().is_tracing().then(|| described(Arc::clone(self.core()))))
    }
}
