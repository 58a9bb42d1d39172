//! Metrics are redacted as the message that is sent, because the SDK's data points cannot be changed. Points that become alike are made
//! one (`merge.rs`).

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::metrics::v1::Metric;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;

use super::merge::{Point, distinct};
use super::{REDACTED, Rules};

impl Rules {
    pub(crate) fn metrics(&self, message: &mut ExportMetricsServiceRequest) {
        let scopes = message.resource_metrics.iter_mut().flat_map(|resource| &mut resource.scope_metrics);
        scopes.flat_map(|scope| &mut scope.metrics).for_each(|metric| self.metric(metric));
    }

    fn metric(&self, metric: &mut Metric) {
        match &mut metric.data {
            Some(Data::Gauge(data)) => self.points(&mut data.data_points, Point::last),
            Some(Data::Sum(data)) => self.points(&mut data.data_points, Point::add),
            Some(Data::Histogram(data)) => self.points(&mut data.data_points, Point::add),
            Some(Data::ExponentialHistogram(data)) => self.points(&mut data.data_points, Point::add),
            // The SDK makes none.
            Some(Data::Summary(_)) | None => {}
        }
    }

    fn points<P: Point>(&self, points: &mut Vec<P>, absorb: fn(&mut P, P) -> Option<P>) {
        let mut touched = false;
        for point in points.iter_mut() {
            let (attributes, exemplars) = point.parts();
            touched |= self.pairs(attributes);
            for exemplar in exemplars {
                self.pairs(&mut exemplar.filtered_attributes);
            }
        }
        if touched {
            *points = distinct(std::mem::take(points), absorb);
        }
    }

    /// Whether anything was withheld.
    fn pairs(&self, pairs: &mut [KeyValue]) -> bool {
        let mut touched = false;
        for pair in pairs {
            if self.denied(&pair.key) {
                pair.value = Some(AnyValue { value: Some(Value::StringValue(REDACTED.into())) });
                touched = true;
            } else if let Some(value) = &mut pair.value {
                touched |= self.value(value);
            }
        }
        touched
    }

    fn value(&self, value: &mut AnyValue) -> bool {
        match &mut value.value {
            Some(Value::StringValue(text)) => match self.text(text) {
                Some(redacted) => {
                    *text = redacted;
                    true
                }
                None => false,
            },
            Some(Value::IntValue(int)) if Self::is_card_number(*int) => {
                value.value = Some(Value::StringValue(REDACTED.into()));
                true
            }
            Some(Value::ArrayValue(list)) => {
                list.values.iter_mut().fold(false, |touched, item| self.value(item) | touched)
            }
            Some(Value::KvlistValue(map)) => self.pairs(&mut map.values),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use opentelemetry_proto::tonic::metrics::v1::exemplar::Value as Measured;
    use opentelemetry_proto::tonic::metrics::v1::exponential_histogram_data_point::Buckets;
    use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value as Number;
    use opentelemetry_proto::tonic::metrics::v1::{
        Exemplar, ExponentialHistogram, ExponentialHistogramDataPoint, Gauge, Histogram, HistogramDataPoint,
        NumberDataPoint, ResourceMetrics, ScopeMetrics, Sum,
    };
    use serde_json::Value as Json;

    fn text(key: &str, text: &str) -> KeyValue {
        let value = Some(AnyValue { value: Some(Value::StringValue(text.into())) });
        KeyValue { key: key.into(), value, ..KeyValue::default() }
    }

    fn message(data: Data) -> ExportMetricsServiceRequest {
        let metrics = vec![Metric { data: Some(data), ..Metric::default() }];
        let scope_metrics = vec![ScopeMetrics { metrics, ..ScopeMetrics::default() }];
        let resource_metrics = vec![ResourceMetrics { scope_metrics, ..ResourceMetrics::default() }];
        ExportMetricsServiceRequest { resource_metrics }
    }

    #[test]
    fn attributes_of_points_and_exemplars_are_redacted() {
        let secret = vec![text("password", "hunter2"), text("url", "/?token=hunter2"), text("n", "1")];
        let exemplar = Exemplar { filtered_attributes: secret.clone(), ..Exemplar::default() };
        let point = NumberDataPoint { attributes: secret, exemplars: vec![exemplar], ..NumberDataPoint::default() };
        let mut message = message(Data::Sum(Sum { data_points: vec![point], ..Sum::default() }));
        Rules::default().metrics(&mut message);
        let told = format!("{message:?}");
        assert!(!told.contains("hunter2") && told.matches("/?token=[redacted]").count() == 2, "{told}");
    }

    fn list<T>(json: &Json, read: impl Fn(&Json) -> T) -> Vec<T> {
        json.as_array().into_iter().flatten().map(read).collect()
    }

    fn number(json: &Json) -> f64 {
        json.as_f64().expect("number")
    }

    fn attributes(point: &Json) -> Vec<KeyValue> {
        let pairs = point["attributes"].as_object().expect("attributes").iter();
        pairs.map(|(key, value)| text(key, value.as_str().expect("text"))).collect()
    }

    fn exemplars(point: &Json) -> Vec<Exemplar> {
        list(&point["exemplars"], |value| Exemplar {
            value: Some(Measured::AsDouble(number(value))),
            ..Exemplar::default()
        })
    }

    /// The index of the first, then counts.
    fn buckets(json: &Json) -> Option<Buckets> {
        let numbers = list(json, |each| each.as_i64().expect("integer"));
        let (offset, counts) = numbers.split_first()?;
        let bucket_counts: Vec<_> = counts.iter().map(|count| u64::try_from(*count).expect("count")).collect();
        let offset = i32::try_from(*offset).expect("index");
        (!bucket_counts.is_empty()).then_some(Buckets { offset, bucket_counts })
    }

    fn data(kind: &str, points: &Json) -> Data {
        let start = |point: &Json| point["start"].as_u64().unwrap_or(1);
        let time = |point: &Json| point["time"].as_u64().unwrap_or(2);
        let numbers = || {
            list(points, |point| NumberDataPoint {
                attributes: attributes(point),
                start_time_unix_nano: start(point),
                time_unix_nano: time(point),
                exemplars: exemplars(point),
                value: Some(Number::AsDouble(number(&point["value"]))),
                ..NumberDataPoint::default()
            })
        };
        match kind {
            "counter" => Data::Sum(Sum { data_points: numbers(), ..Sum::default() }),
            "gauge" => Data::Gauge(Gauge { data_points: numbers() }),
            "histogram" => Data::Histogram(Histogram {
                data_points: list(points, |point| {
                    let bucket_counts = list(&point["counts"], |count| count.as_u64().expect("count"));
                    HistogramDataPoint {
                        attributes: attributes(point),
                        start_time_unix_nano: start(point),
                        time_unix_nano: time(point),
                        count: bucket_counts.iter().sum(),
                        sum: Some(number(&point["sum"])),
                        bucket_counts,
                        explicit_bounds: list(&point["bounds"], number),
                        min: Some(number(&point["min"])),
                        max: Some(number(&point["max"])),
                        ..HistogramDataPoint::default()
                    }
                }),
                ..Histogram::default()
            }),
            _ => Data::ExponentialHistogram(ExponentialHistogram {
                data_points: list(points, |point| {
                    let (positive, negative) = (buckets(&point["positive"]), buckets(&point["negative"]));
                    let zero_count = point["zeros"].as_u64().expect("zeros");
                    let counted = positive.iter().chain(&negative).flat_map(|side| &side.bucket_counts);
                    ExponentialHistogramDataPoint {
                        attributes: attributes(point),
                        start_time_unix_nano: start(point),
                        time_unix_nano: time(point),
                        count: zero_count + counted.sum::<u64>(),
                        sum: Some(number(&point["sum"])),
                        scale: i32::try_from(point["scale"].as_i64().expect("scale")).expect("scale"),
                        zero_count,
                        positive,
                        negative,
                        min: Some(number(&point["min"])),
                        max: Some(number(&point["max"])),
                        ..ExponentialHistogramDataPoint::default()
                    }
                }),
                ..ExponentialHistogram::default()
            }),
        }
    }

    #[test]
    fn points_that_become_alike_are_one() {
        let vectors = include_str!("../../../../spec/vectors/metric-points.json");
        let vectors: Json = serde_json::from_str(vectors).expect("JSON");
        let cases = vectors["cases"].as_array().expect("cases");
        assert!(cases.len() >= 15);
        for case in cases {
            let kind = case["kind"].as_str().expect("kind");
            let mut sent = message(data(kind, &case["points"]));
            Rules::default().metrics(&mut sent);
            assert_eq!(sent, message(data(kind, &case["sent"])), "{}", case["name"]);
        }
    }
}
