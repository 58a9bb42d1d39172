//! What sampling decides by, as services write it.

use std::borrow::Cow;

use opentelemetry::KeyValue;
use opentelemetry::trace::SpanKind;

/// Which traces are recorded. A trace is decided once, where it begins, and followed by all who take part in it.
///
/// ```
/// use throughline::opentelemetry::trace::SpanKind;
/// use throughline::{Config, Sampling, SamplingRule};
///
/// let sampling = Sampling::probability(0.05)
///     .rule(SamplingRule::probability(0.0).kind(SpanKind::Server).name("GET /healthz"))
///     .rule(SamplingRule::probability(1.0).name_prefix("POST /checkout"))
///     .ceiling_per_second(200.0)
///     .floor_per_minute(1);
/// let config = Config::builder("orders").sampling(sampling).build();
/// # let _ = config;
/// ```
#[derive(Debug, Clone, PartialEq)]
#[must_use = "give it to ConfigBuilder::sampling"]
pub struct Sampling {
    pub(crate) independent: bool,
    pub(crate) default: f64,
    pub(crate) rules: Vec<SamplingRule>,
    pub(crate) ceiling_per_second: Option<f64>,
    pub(crate) floor_per_minute: u32,
    pub(crate) debug_keys: Vec<String>,
}

/// The probability of the operations it matches: of all that have everything it names.
#[derive(Debug, Clone, PartialEq)]
#[must_use = "give it to Sampling::rule"]
pub struct SamplingRule {
    pub(crate) probability: f64,
    pub(crate) kind: Option<SpanKind>,
    pub(crate) name: Cow<'static, str>,
    pub(crate) name_prefix: Cow<'static, str>,
    pub(crate) attributes: Vec<KeyValue>,
}

impl Sampling {
    /// The probability of the traces no rule matches, from 0 to 1.
    pub fn probability(probability: f64) -> Self {
        Sampling {
            independent: false,
            default: probability,
            rules: Vec::new(),
            ceiling_per_second: None,
            floor_per_minute: 0,
            debug_keys: Vec::new(),
        }
    }

    /// Adds a rule; the first that matches counts.
    pub fn rule(mut self, rule: SamplingRule) -> Self {
        self.rules.push(rule);
        self
    }

    /// How many traces this process begins at most, with bursts of a second's worth.
    pub fn ceiling_per_second(mut self, traces: f64) -> Self {
        self.ceiling_per_second = Some(traces);
        self
    }

    /// How many traces of each operation are recorded at least, unless its probability is 0.
    pub fn floor_per_minute(mut self, traces: u32) -> Self {
        self.floor_per_minute = traces;
        self
    }

    /// Who sends this key in `tracestate`, as `tl=debug:KEY`, has the trace recorded from here on.
    pub fn debug_key(mut self, key: impl Into<String>) -> Self {
        self.debug_keys.push(key.into());
        self
    }

    /// Decides each span by itself. Traces then have holes.
    pub fn ignoring_parents(mut self) -> Self {
        self.independent = true;
        self
    }

    /// What is wrong with it, one sentence each.
    pub(crate) fn problems(&self) -> Vec<String> {
        let probabilities = self.rules.iter().map(|rule| rule.probability).chain([self.default]);
        let wrong = probabilities.filter(|p| !(0.0..=1.0).contains(p));
        let mut problems: Vec<_> =
            wrong.map(|p| format!("the sampling option: {p} is not a probability between 0 and 1")).collect();
        if self.ceiling_per_second.is_some_and(|ceiling| ceiling.is_nan() || ceiling <= 0.0) {
            problems.push("the sampling option: a ceiling must be more than 0".into());
        }
        problems
    }
}

impl SamplingRule {
    /// A rule for everything; narrow it with the other methods.
    pub fn probability(probability: f64) -> Self {
        SamplingRule {
            probability,
            kind: None,
            name: Cow::Borrowed(""),
            name_prefix: Cow::Borrowed(""),
            attributes: Vec::new(),
        }
    }

    /// Only spans of this kind.
    pub fn kind(mut self, kind: SpanKind) -> Self {
        self.kind = Some(kind);
        self
    }

    /// Only spans of this name, such as `GET /orders/{id}`.
    pub fn name(mut self, name: impl Into<Cow<'static, str>>) -> Self {
        self.name = name.into();
        self
    }

    /// Only spans whose name begins so.
    pub fn name_prefix(mut self, prefix: impl Into<Cow<'static, str>>) -> Self {
        self.name_prefix = prefix.into();
        self
    }

    /// Only spans that have this attribute when they start.
    pub fn attribute(mut self, attribute: KeyValue) -> Self {
        self.attributes.push(attribute);
        self
    }

    pub(crate) fn matches(&self, kind: &SpanKind, name: &str, attributes: &[KeyValue]) -> bool {
        self.kind.as_ref().is_none_or(|own| own == kind)
            && (self.name.is_empty() || self.name == name)
            && name.starts_with(self.name_prefix.as_ref())
            && self.attributes.iter().all(|own| attributes.contains(own))
    }
}
