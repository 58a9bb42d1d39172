package redact

import (
	"encoding/json"
	"os"
	"reflect"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

// vectorPoint is a data point of any kind, as the vectors write it.
type vectorPoint struct {
	Attributes  map[string]string
	Value       float64
	Start, Time int64
	Exemplars   []float64
	Bounds      []float64
	Counts      []uint64
	Sum         float64
	Min, Max    float64
	Scale       int32
	Zeros       uint64
	Positive    []int32 // the index of the first, then counts
	Negative    []int32
}

func (p vectorPoint) set() attribute.Set {
	var list []attribute.KeyValue
	for key, value := range p.Attributes {
		list = append(list, attribute.String(key, value))
	}
	return attribute.NewSet(list...)
}

func (p vectorPoint) times() (start, end time.Time) {
	if p.Time == 0 {
		p.Time = 2
	}
	if p.Start == 0 {
		p.Start = 1
	}
	return time.Unix(0, p.Start), time.Unix(0, p.Time)
}

func (p vectorPoint) exemplars() []metricdata.Exemplar[float64] {
	var list []metricdata.Exemplar[float64]
	for _, value := range p.Exemplars {
		list = append(list, metricdata.Exemplar[float64]{Value: value})
	}
	return list
}

func buckets(list []int32) metricdata.ExponentialBucket {
	var out metricdata.ExponentialBucket
	for i, n := range list {
		if i == 0 {
			out.Offset = n
		} else {
			out.Counts = append(out.Counts, uint64(n))
		}
	}
	return out
}

func total(counts ...[]uint64) (n uint64) {
	for _, list := range counts {
		for _, each := range list {
			n += each
		}
	}
	return n
}

func dataOf(kind string, points []vectorPoint) metricdata.Aggregation {
	var numbers []metricdata.DataPoint[float64]
	var histograms []metricdata.HistogramDataPoint[float64]
	var exponentials []metricdata.ExponentialHistogramDataPoint[float64]
	for _, p := range points {
		start, end := p.times()
		least, most := metricdata.NewExtrema(p.Min), metricdata.NewExtrema(p.Max)
		positive, negative := buckets(p.Positive), buckets(p.Negative)
		numbers = append(numbers, metricdata.DataPoint[float64]{Attributes: p.set(), StartTime: start, Time: end, Value: p.Value, Exemplars: p.exemplars()})
		histograms = append(histograms, metricdata.HistogramDataPoint[float64]{Attributes: p.set(), StartTime: start, Time: end,
			Count: total(p.Counts), Bounds: p.Bounds, BucketCounts: p.Counts, Sum: p.Sum, Min: least, Max: most, Exemplars: p.exemplars()})
		exponentials = append(exponentials, metricdata.ExponentialHistogramDataPoint[float64]{Attributes: p.set(), StartTime: start, Time: end,
			Count: p.Zeros + total(positive.Counts, negative.Counts), Sum: p.Sum, Min: least, Max: most, Scale: p.Scale, ZeroCount: p.Zeros,
			PositiveBucket: positive, NegativeBucket: negative, Exemplars: p.exemplars()})
	}
	switch kind {
	case "counter":
		return metricdata.Sum[float64]{DataPoints: numbers}
	case "gauge":
		return metricdata.Gauge[float64]{DataPoints: numbers}
	case "histogram":
		return metricdata.Histogram[float64]{DataPoints: histograms}
	default:
		return metricdata.ExponentialHistogram[float64]{DataPoints: exponentials}
	}
}

func TestPointsThatBecomeAlikeAreOne(t *testing.T) {
	data, err := os.ReadFile("../../../../spec/vectors/metric-points.json")
	if err != nil {
		t.Fatal(err)
	}
	var vectors struct {
		Cases []struct {
			Name, Kind   string
			Points, Sent []vectorPoint
		}
	}
	if err := json.Unmarshal(data, &vectors); err != nil || len(vectors.Cases) < 15 {
		t.Fatalf("%d cases, %v", len(vectors.Cases), err)
	}
	for _, c := range vectors.Cases {
		t.Run(c.Name, func(t *testing.T) {
			rm := metricdata.ResourceMetrics{ScopeMetrics: []metricdata.ScopeMetrics{{Metrics: []metricdata.Metrics{{Data: dataOf(c.Kind, c.Points)}}}}}
			Default().Metrics(&rm)
			// What is empty and what is not there are one in OTLP.
			got, _ := json.Marshal(rm.ScopeMetrics[0].Metrics[0].Data)
			want, _ := json.Marshal(dataOf(c.Kind, c.Sent))
			if !reflect.DeepEqual(plain(got), plain(want)) {
				t.Errorf("got  %s\nwant %s", got, want)
			}
		})
	}
}

// plain drops empty lists, and the place of buckets that hold nothing.
func plain(data []byte) any {
	var value any
	_ = json.Unmarshal(data, &value)
	return withoutEmpty(value)
}

func withoutEmpty(value any) any {
	switch value := value.(type) {
	case map[string]any:
		for key, inner := range value {
			if inner = withoutEmpty(inner); inner == nil {
				delete(value, key)
			} else {
				value[key] = inner
			}
		}
		if offset, buckets := value["Offset"]; buckets && value["Counts"] == nil && offset != nil {
			return nil
		}
	case []any:
		if len(value) == 0 {
			return nil
		}
		for i := range value {
			value[i] = withoutEmpty(value[i])
		}
	}
	return value
}
