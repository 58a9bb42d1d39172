//! Meters for the service's own instruments: the SDK's, and each measurement offers the span that is active as its exemplar. What is read
//! by a callback is about no span.

use std::borrow::Cow;
use std::sync::Arc;

use opentelemetry::metrics::{
    AsyncInstrumentBuilder, Counter, Gauge, Histogram, HistogramBuilder, InstrumentBuilder, InstrumentProvider, Meter,
    MeterProvider, ObservableCounter, ObservableGauge, ObservableUpDownCounter, SyncInstrument, UpDownCounter,
};
use opentelemetry::{Context, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::metrics::v1::exemplar::Value as Measured;
use opentelemetry_sdk::metrics::SdkMeterProvider;

use crate::exemplars::{Exemplars, Reservoir};

/// The SDK's bounds for a histogram that names none.
const USUAL_BOUNDS: &[f64] =
    &[0.0, 5.0, 10.0, 25.0, 50.0, 75.0, 100.0, 250.0, 500.0, 750.0, 1000.0, 2500.0, 5000.0, 7500.0, 10000.0];

/// Makes meters whose instruments keep exemplars.
#[derive(Clone)]
pub(crate) struct OwnMeters {
    pub(crate) provider: SdkMeterProvider,
    pub(crate) exemplars: Arc<Exemplars>,
}

impl MeterProvider for OwnMeters {
    fn meter_with_scope(&self, scope: InstrumentationScope) -> Meter {
        let name = scope.name().to_owned();
        let inner = self.provider.meter_with_scope(scope);
        Meter::new(Arc::new(OwnInstruments { scope: name, inner, exemplars: Arc::clone(&self.exemplars) }))
    }
}

struct OwnInstruments {
    scope: String,
    inner: Meter,
    exemplars: Arc<Exemplars>,
}

impl OwnInstruments {
    fn offered<I>(&self, metric: Cow<'static, str>, bounds: &[f64], instrument: I) -> Arc<Offered<I>> {
        let exemplars = self.exemplars.reservoir(self.scope.clone(), metric, bounds.to_vec());
        Arc::new(Offered { instrument, exemplars })
    }
}

/// An instrument that offers what it measures as an exemplar.
struct Offered<I> {
    instrument: I,
    exemplars: Arc<Reservoir>,
}

fn int(value: u64) -> Measured {
    Measured::AsInt(i64::try_from(value).unwrap_or(i64::MAX))
}

macro_rules! offer {
    ($($instrument:ident<$number:ty>, $record:ident, $measured:expr;)+) => {$(
        impl SyncInstrument<$number> for Offered<$instrument<$number>> {
            fn measure(&self, value: $number, attributes: &[KeyValue]) {
                self.instrument.$record(value, attributes);
                Context::map_current(|context| self.exemplars.offer($measured(value), attributes, context));
            }
        }
    )+};
}

offer! {
    Counter<u64>, add, int;
    Counter<f64>, add, Measured::AsDouble;
    UpDownCounter<i64>, add, Measured::AsInt;
    UpDownCounter<f64>, add, Measured::AsDouble;
    Gauge<u64>, record, int;
    Gauge<i64>, record, Measured::AsInt;
    Gauge<f64>, record, Measured::AsDouble;
    Histogram<u64>, record, int;
    Histogram<f64>, record, Measured::AsDouble;
}

/// The same instrument of the SDK, made as the builder says.
macro_rules! inner {
    ($own:ident, $make:ident, $builder:ident) => {{
        let mut inner = $own.inner.$make($builder.name.clone());
        inner.description = $builder.description;
        inner.unit = $builder.unit;
        inner
    }};
}

macro_rules! sync {
    ($($make:ident -> $instrument:ident<$number:ty>;)+) => {$(
        fn $make(&self, builder: InstrumentBuilder<'_, $instrument<$number>>) -> $instrument<$number> {
            let inner = inner!(self, $make, builder).build();
            $instrument::new(self.offered(builder.name, &[], inner))
        }
    )+};
}

macro_rules! histogram {
    ($($make:ident -> $number:ty;)+) => {$(
        fn $make(&self, builder: HistogramBuilder<'_, Histogram<$number>>) -> Histogram<$number> {
            let mut inner = inner!(self, $make, builder);
            inner.boundaries = builder.boundaries.clone();
            let bounds = builder.boundaries.as_deref().unwrap_or(USUAL_BOUNDS);
            Histogram::new(self.offered(builder.name, bounds, inner.build()))
        }
    )+};
}

macro_rules! observed {
    ($($make:ident -> $instrument:ident<$number:ty>;)+) => {$(
        fn $make(&self, builder: AsyncInstrumentBuilder<'_, $instrument<$number>, $number>) -> $instrument<$number> {
            let mut inner = inner!(self, $make, builder);
            inner.callbacks = builder.callbacks;
            inner.build()
        }
    )+};
}

impl InstrumentProvider for OwnInstruments {
    sync! {
        u64_counter -> Counter<u64>;
        f64_counter -> Counter<f64>;
        i64_up_down_counter -> UpDownCounter<i64>;
        f64_up_down_counter -> UpDownCounter<f64>;
        u64_gauge -> Gauge<u64>;
        i64_gauge -> Gauge<i64>;
        f64_gauge -> Gauge<f64>;
    }

    histogram! {
        u64_histogram -> u64;
        f64_histogram -> f64;
    }

    observed! {
        u64_observable_counter -> ObservableCounter<u64>;
        f64_observable_counter -> ObservableCounter<f64>;
        i64_observable_up_down_counter -> ObservableUpDownCounter<i64>;
        f64_observable_up_down_counter -> ObservableUpDownCounter<f64>;
        u64_observable_gauge -> ObservableGauge<u64>;
        i64_observable_gauge -> ObservableGauge<i64>;
        f64_observable_gauge -> ObservableGauge<f64>;
    }
}
