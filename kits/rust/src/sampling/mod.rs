//! Which traces are recorded: OpenTelemetry's consistent probability sampling, rules per operation, a ceiling, a floor, and traces that
//! are forced. It is tested with `spec/vectors/sampling.json`, as its twin in Go is.

mod handover;
mod limits;
mod policy;
mod state;
mod threshold;

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;
use opentelemetry::trace::{Link, SpanBuilder, SpanContext, SpanKind, TraceContextExt, TraceId, TraceState};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::trace::{SamplingDecision, SamplingResult, ShouldSample};

pub(crate) use handover::{Ids, decided};
#[cfg(feature = "control")]
pub(crate) use limits::{RATE_MAX, RATE_MIN};
pub use policy::{Sampling, SamplingRule};

use crate::switches::Switch;
use limits::{Ceiling, Floor, Ticket};
use threshold::Odds;

/// What decided, in the order they are asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Why {
    Parent,
    Probability,
    Ceiling,
    Floor,
    Force,
}

/// A span about to start.
pub(crate) struct Candidate<'a> {
    pub(crate) parent: &'a SpanContext,
    pub(crate) trace_id: TraceId,
    pub(crate) name: &'a str,
    pub(crate) kind: &'a SpanKind,
    pub(crate) attributes: &'a [KeyValue],
}

/// What became of a span about to start, and the state it carries.
pub(crate) enum Verdict {
    Dropped(TraceState),
    Kept(SpanBuilder, TraceState),
}

/// A policy at work.
#[derive(Debug)]
pub(crate) struct Decider {
    pub(crate) policy: Sampling,
    odds: Odds,
    of_rules: Vec<Odds>,
    ceiling: Option<Ceiling>,
    floor: Option<Floor>,
}

impl Decider {
    pub(crate) fn new(policy: Sampling) -> Self {
        Decider {
            odds: Odds::of(policy.default),
            of_rules: policy.rules.iter().map(|rule| Odds::of(rule.probability)).collect(),
            ceiling: policy.ceiling_per_second.map(Ceiling::new),
            floor: (policy.floor_per_minute > 0).then(|| Floor::new(policy.floor_per_minute)),
            policy,
        }
    }

    /// Whether a span is kept, why, and the state it carries.
    pub(crate) fn decide(&self, span: &Candidate<'_>, now: impl Fn() -> Duration) -> (bool, Why, TraceState) {
        let state = span.parent.trace_state();
        if span.parent.is_valid() && !self.policy.independent {
            if span.parent.is_sampled() {
                return (true, Why::Parent, state::consistent(state, span.trace_id));
            }
            let forced = self.forces(state);
            return (forced, if forced { Why::Force } else { Why::Parent }, state::with_threshold(state, ""));
        }
        let odds = self.odds_of(span);
        let randomness = threshold::randomness(state::member(state), span.trace_id);
        let mut keep = odds.threshold.is_some_and(|threshold| randomness >= threshold);
        let mut why = Why::Probability;
        if let (Some(ceiling), true) = (&self.ceiling, keep) {
            let ticket = ceiling.take(now());
            keep = ticket != Ticket::Refused;
            if ticket != Ticket::Free {
                why = Why::Ceiling;
            }
        }
        if let (Some(floor), Some(_)) = (&self.floor, odds.threshold)
            && floor.raise(span.kind, span.name, keep, now())
        {
            (keep, why) = (true, Why::Floor);
        }
        if !keep && self.forces(state) {
            (keep, why) = (true, Why::Force);
        }
        let state = match (keep && why == Why::Probability, state == &TraceState::NONE) {
            (true, true) => odds.alone.clone(),
            (true, false) => state::with_threshold(state, &odds.digits),
            (false, _) => state::with_threshold(state, ""),
        };
        (keep, why, state)
    }

    fn odds_of(&self, span: &Candidate<'_>) -> &Odds {
        let rules = self.policy.rules.iter().zip(&self.of_rules);
        let mut matching = rules.filter(|(rule, _)| rule.matches(span.kind, span.name, span.attributes));
        matching.next().map_or(&self.odds, |(_, odds)| odds)
    }

    /// Whether what a span is called, or has, makes a difference.
    fn looks_at_spans(&self) -> bool {
        self.floor.is_some() || !self.policy.rules.is_empty()
    }

    fn forces(&self, state: &TraceState) -> bool {
        !self.policy.debug_keys.is_empty()
            && state::debug_key(state).is_some_and(|key| self.policy.debug_keys.iter().any(|known| known == key))
    }
}

/// The kit's sampler: what was said remotely, else the service's own policy.
#[derive(Clone)]
pub(crate) struct Sampler(Arc<Inner>);

struct Inner {
    own: Decider,
    remote: ArcSwapOption<Decider>,
    traces: Switch,
    began: Instant,
}

impl fmt::Debug for Sampler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sampler").field("own", &self.0.own.policy).finish_non_exhaustive()
    }
}

impl Sampler {
    /// `traces` drops everything while it is off.
    pub(crate) fn new(own: Sampling, traces: Switch) -> Self {
        let (own, remote) = (Decider::new(own), ArcSwapOption::empty());
        Sampler(Arc::new(Inner { own, remote, traces, began: Instant::now() }))
    }

    /// Decides a span before it is made: `describe` is called for those that are kept, and where rules or a floor look at spans.
    pub(crate) fn decide(
        &self,
        parent: &SpanContext,
        trace_id: TraceId,
        kind: &SpanKind,
        describe: impl FnOnce() -> SpanBuilder,
    ) -> Verdict {
        let inner = &self.0;
        let now = || inner.began.elapsed();
        let remote = inner.remote.load();
        let decider = remote.as_deref().unwrap_or(&inner.own);
        if decider.looks_at_spans() {
            let builder = describe();
            let attributes = builder.attributes.as_deref().unwrap_or_default();
            let candidate = Candidate { parent, trace_id, name: &builder.name, kind, attributes };
            return match decider.decide(&candidate, now) {
                (true, _, state) => Verdict::Kept(builder, state),
                (false, _, state) => Verdict::Dropped(state),
            };
        }
        match decider.decide(&Candidate { parent, trace_id, name: "", kind, attributes: &[] }, now) {
            (true, _, state) => Verdict::Kept(describe(), state),
            (false, _, state) => Verdict::Dropped(state),
        }
    }

    /// Takes what was said remotely. The same again keeps its ceiling and its floor as they stand.
    pub(crate) fn steer(&self, policy: Option<&Sampling>) {
        let current = self.0.remote.load();
        if current.as_ref().map(|decider| &decider.policy) != policy {
            self.0.remote.store(policy.map(|policy| Arc::new(Decider::new(policy.clone()))));
        }
    }
}

impl ShouldSample for Sampler {
    fn should_sample(
        &self,
        parent_context: Option<&Context>,
        trace_id: TraceId,
        name: &str,
        kind: &SpanKind,
        attributes: &[KeyValue],
        _: &[Link],
    ) -> SamplingResult {
        if let Some(trace_state) = handover::take() {
            return SamplingResult { decision: SamplingDecision::RecordAndSample, attributes: Vec::new(), trace_state };
        }
        let span = parent_context.map(TraceContextExt::span);
        let nobody = SpanContext::empty_context();
        let parent = span.as_ref().map_or(&nobody, |span| span.span_context());
        let inner = &self.0;
        let now = || inner.began.elapsed();
        let candidate = Candidate { parent, trace_id, name, kind, attributes };
        let remote = inner.remote.load();
        let decider = remote.as_deref().unwrap_or(&inner.own);
        let (keep, _, trace_state) = decider.decide(&candidate, now);
        let decision =
            if keep && inner.traces.is_on() { SamplingDecision::RecordAndSample } else { SamplingDecision::Drop };
        SamplingResult { decision, attributes: Vec::new(), trace_state }
    }
}

#[cfg(all(test, feature = "control"))]
mod tests;
