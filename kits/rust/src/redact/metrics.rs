//! Metrics are redacted as the message that is sent, because the SDK's data points cannot be changed. Points that become alike are not
//! merged: a receiver sums them.

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::{Exemplar, Metric};

use super::{REDACTED, Rules};

impl Rules {
    pub(crate) fn metrics(&self, message: &mut ExportMetricsServiceRequest) {
        let scopes = message.resource_metrics.iter_mut().flat_map(|resource| &mut resource.scope_metrics);
        scopes.flat_map(|scope| &mut scope.metrics).for_each(|metric| self.metric(metric));
    }

    fn metric(&self, metric: &mut Metric) {
        let point = |attributes: &mut Vec<KeyValue>, exemplars: &mut Vec<Exemplar>| {
            self.pairs(attributes);
            exemplars.iter_mut().for_each(|exemplar| self.pairs(&mut exemplar.filtered_attributes));
        };
        match &mut metric.data {
            Some(Data::Gauge(data)) => {
                data.data_points.iter_mut().for_each(|one| point(&mut one.attributes, &mut one.exemplars));
            }
            Some(Data::Sum(data)) => {
                data.data_points.iter_mut().for_each(|one| point(&mut one.attributes, &mut one.exemplars));
            }
            Some(Data::Histogram(data)) => {
                data.data_points.iter_mut().for_each(|one| point(&mut one.attributes, &mut one.exemplars));
            }
            Some(Data::ExponentialHistogram(data)) => {
                data.data_points.iter_mut().for_each(|one| point(&mut one.attributes, &mut one.exemplars));
            }
            Some(Data::Summary(data)) => {
                data.data_points.iter_mut().for_each(|one| point(&mut one.attributes, &mut Vec::new()));
            }
            None => {}
        }
    }

    fn pairs(&self, pairs: &mut [KeyValue]) {
        for pair in pairs {
            if self.denied(&pair.key) {
                pair.value = Some(AnyValue { value: Some(Value::StringValue(REDACTED.into())) });
            } else if let Some(value) = &mut pair.value {
                self.value(value);
            }
        }
    }

    fn value(&self, value: &mut AnyValue) {
        match &mut value.value {
            Some(Value::StringValue(text)) => {
                if let Some(redacted) = self.text(text) {
                    *text = redacted;
                }
            }
            Some(Value::IntValue(int)) if Self::is_card_number(*int) => {
                value.value = Some(Value::StringValue(REDACTED.into()));
            }
            Some(Value::ArrayValue(list)) => list.values.iter_mut().for_each(|item| self.value(item)),
            Some(Value::KvlistValue(map)) => self.pairs(&mut map.values),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use opentelemetry_proto::tonic::metrics::v1::{NumberDataPoint, ResourceMetrics, ScopeMetrics, Sum};

    #[test]
    fn attributes_of_points_and_exemplars_are_redacted() {
        let text = |key: &str, text: &str| KeyValue {
            key: key.into(),
            value: Some(AnyValue { value: Some(Value::StringValue(text.into())) }),
            ..KeyValue::default()
        };
        let secret = vec![text("password", "hunter2"), text("url", "/?token=hunter2"), text("n", "1")];
        let exemplar = Exemplar { filtered_attributes: secret.clone(), ..Exemplar::default() };
        let point = NumberDataPoint { attributes: secret, exemplars: vec![exemplar], ..NumberDataPoint::default() };
        let sum = Data::Sum(Sum { data_points: vec![point], ..Sum::default() });
        let metrics = vec![Metric { data: Some(sum), ..Metric::default() }];
        let scope_metrics = vec![ScopeMetrics { metrics, ..ScopeMetrics::default() }];
        let resource_metrics = vec![ResourceMetrics { scope_metrics, ..ResourceMetrics::default() }];
        let mut message = ExportMetricsServiceRequest { resource_metrics };
        Rules::default().metrics(&mut message);
        let told = format!("{message:?}");
        assert!(!told.contains("hunter2") && told.matches("/?token=[redacted]").count() == 2, "{told}");
    }
}
