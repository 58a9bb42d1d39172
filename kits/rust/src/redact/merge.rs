//! Data points that redaction made alike are one point again, because no two points of a metric may have the same attributes: the rules
//! of both kits are `spec/vectors/metric-points.json`.

use std::collections::{BTreeMap, HashMap};

use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::metrics::v1::exponential_histogram_data_point::Buckets;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value;
use opentelemetry_proto::tonic::metrics::v1::{
    Exemplar, ExponentialHistogramDataPoint, HistogramDataPoint, NumberDataPoint,
};
use prost::Message;

/// How many exemplars a merged point keeps.
const EXEMPLARS_MAX: usize = 20;
/// The SDK's own bound on the buckets of one side of a point.
const BUCKETS_MAX: i64 = 160;

pub(super) trait Point: Sized {
    fn parts(&mut self) -> (&mut Vec<KeyValue>, &mut Vec<Exemplar>);

    /// Its start and its time.
    fn times(&mut self) -> (&mut u64, &mut u64);

    /// What was measured twice adds up; gives the other back when they cannot be one.
    fn add(&mut self, other: Self) -> Option<Self>;

    /// The later of two counts.
    fn last(&mut self, mut other: Self) -> Option<Self> {
        if *other.times().1 >= *self.times().1 {
            *self = other;
        }
        None
    }

    /// Takes over the times and exemplars of one that was added.
    fn take_over(&mut self, other: &mut Self) {
        let (start, time) = other.times();
        let (start, time) = (*start, *time);
        let (own_start, own_time) = self.times();
        *own_start = (*own_start).min(start);
        *own_time = (*own_time).max(time);
        let exemplars = self.parts().1;
        exemplars.append(other.parts().1);
        exemplars.truncate(EXEMPLARS_MAX);
    }
}

/// Lets each point absorb the later ones of the same attributes.
pub(super) fn distinct<P: Point>(points: Vec<P>, absorb: fn(&mut P, P) -> Option<P>) -> Vec<P> {
    let mut out: Vec<P> = Vec::with_capacity(points.len());
    let mut seen: HashMap<Vec<u8>, Vec<usize>> = HashMap::new();
    for mut point in points {
        let places = seen.entry(key(point.parts().0)).or_default();
        let mut left = Some(point);
        for place in places.iter() {
            if let (Some(point), Some(earlier)) = (left.take(), out.get_mut(*place)) {
                left = absorb(earlier, point);
            }
            if left.is_none() {
                break;
            }
        }
        if let Some(point) = left {
            places.push(out.len());
            out.push(point);
        }
    }
    out
}

/// The same for the same set of attributes.
fn key(attributes: &[KeyValue]) -> Vec<u8> {
    let mut pairs: Vec<_> = attributes.iter().map(Message::encode_length_delimited_to_vec).collect();
    pairs.sort_unstable();
    pairs.concat()
}

impl Point for NumberDataPoint {
    fn parts(&mut self) -> (&mut Vec<KeyValue>, &mut Vec<Exemplar>) {
        (&mut self.attributes, &mut self.exemplars)
    }

    fn times(&mut self) -> (&mut u64, &mut u64) {
        (&mut self.start_time_unix_nano, &mut self.time_unix_nano)
    }

    fn add(&mut self, mut other: Self) -> Option<Self> {
        self.value = match (self.value, other.value) {
            (Some(Value::AsInt(a)), Some(Value::AsInt(b))) => Some(Value::AsInt(a.wrapping_add(b))),
            (Some(Value::AsDouble(a)), Some(Value::AsDouble(b))) => Some(Value::AsDouble(a + b)),
            _ => return Some(other),
        };
        self.take_over(&mut other);
        None
    }
}

impl Point for HistogramDataPoint {
    fn parts(&mut self) -> (&mut Vec<KeyValue>, &mut Vec<Exemplar>) {
        (&mut self.attributes, &mut self.exemplars)
    }

    fn times(&mut self) -> (&mut u64, &mut u64) {
        (&mut self.start_time_unix_nano, &mut self.time_unix_nano)
    }

    fn add(&mut self, mut other: Self) -> Option<Self> {
        if self.explicit_bounds != other.explicit_bounds || self.bucket_counts.len() != other.bucket_counts.len() {
            return Some(other);
        }
        for (own, more) in self.bucket_counts.iter_mut().zip(&other.bucket_counts) {
            *own += more;
        }
        self.count += other.count;
        self.sum = both(self.sum, other.sum, |a, b| a + b);
        self.min = both(self.min, other.min, f64::min);
        self.max = both(self.max, other.max, f64::max);
        self.take_over(&mut other);
        None
    }
}

impl Point for ExponentialHistogramDataPoint {
    fn parts(&mut self) -> (&mut Vec<KeyValue>, &mut Vec<Exemplar>) {
        (&mut self.attributes, &mut self.exemplars)
    }

    fn times(&mut self) -> (&mut u64, &mut u64) {
        (&mut self.start_time_unix_nano, &mut self.time_unix_nano)
    }

    fn add(&mut self, mut other: Self) -> Option<Self> {
        let (own, theirs) = (self.scale, other.scale);
        let mut scale = own.min(theirs);
        let (positive, negative) = loop {
            let sum = |a: &Option<Buckets>, b: &Option<Buckets>| sum((a.as_ref(), own), (b.as_ref(), theirs), scale);
            let sides = (sum(&self.positive, &other.positive), sum(&self.negative, &other.negative));
            if width(&sides.0) <= BUCKETS_MAX && width(&sides.1) <= BUCKETS_MAX {
                break sides;
            }
            scale -= 1;
        };
        (self.positive, self.negative, self.scale) = (buckets(positive), buckets(negative), scale);
        self.count += other.count;
        self.zero_count += other.zero_count;
        self.zero_threshold = self.zero_threshold.max(other.zero_threshold);
        self.sum = both(self.sum, other.sum, |a, b| a + b);
        self.min = both(self.min, other.min, f64::min);
        self.max = both(self.max, other.max, f64::max);
        self.take_over(&mut other);
        None
    }
}

fn both(a: Option<f64>, b: Option<f64>, join: fn(f64, f64) -> f64) -> Option<f64> {
    match (a, b) {
        (Some(a), Some(b)) => Some(join(a, b)),
        (a, b) => a.or(b),
    }
}

/// Counts by index, at a scale that is not finer than either's own.
fn sum(a: (Option<&Buckets>, i32), b: (Option<&Buckets>, i32), scale: i32) -> BTreeMap<i64, u64> {
    let mut counts = BTreeMap::new();
    for (buckets, own) in [a, b] {
        let indexed = buckets.into_iter().flat_map(|side| (i64::from(side.offset)..).zip(&side.bucket_counts));
        for (index, count) in indexed.filter(|(_, count)| **count > 0) {
            *counts.entry(index >> (own - scale).min(63)).or_default() += count;
        }
    }
    counts
}

fn width(counts: &BTreeMap<i64, u64>) -> i64 {
    match (counts.first_key_value(), counts.last_key_value()) {
        (Some((first, _)), Some((last, _))) => last - first + 1,
        _ => 0,
    }
}

fn buckets(counts: BTreeMap<i64, u64>) -> Option<Buckets> {
    let first = *counts.first_key_value()?.0;
    let bucket_counts = (first..first + width(&counts)).map(|index| counts.get(&index).copied().unwrap_or(0)).collect();
    Some(Buckets { offset: i32::try_from(first).unwrap_or_default(), bucket_counts })
}
