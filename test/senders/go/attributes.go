package main

import (
	"math"

	"go.opentelemetry.io/otel/attribute"
)

// everyType has one attribute of each type OTLP knows, at its edges.
func everyType() []attribute.KeyValue {
	return []attribute.KeyValue{
		attribute.String("string", "zażółć gęślą jaźń 🦀 <&>\"\\\n"),
		attribute.String("string.empty", ""),
		attribute.Int64("int", 42),
		attribute.Int64("int.max", math.MaxInt64),
		attribute.Int64("int.min", math.MinInt64),
		attribute.Int64("int.beyond_double", 1<<53+1),
		attribute.Float64("double", 12.5),
		attribute.Float64("double.whole", 3),
		attribute.Float64("double.tenth", 0.1),
		attribute.Float64("double.max", math.MaxFloat64),
		attribute.Float64("double.tiny", math.SmallestNonzeroFloat64),
		attribute.Bool("bool.true", true),
		attribute.Bool("bool.false", false),
		attribute.StringSlice("strings", []string{"a", "", "ü"}),
		attribute.Int64Slice("ints", []int64{1, -2, math.MaxInt64}),
		attribute.Float64Slice("doubles", []float64{0.5, 2, -1e-9}),
		attribute.BoolSlice("bools", []bool{true, false}),
		attribute.StringSlice("list.empty", []string{}),
		attribute.ByteSlice("bytes", []byte{0, 1, 0x7f, 0xff}),
		attribute.Map("map", attribute.String("name", "nested"), attribute.Int("depth", 1),
			attribute.Map("inner", attribute.Bool("deep", true))),
		attribute.Slice("mixed", attribute.StringValue("x"), attribute.IntValue(1), attribute.BoolValue(true),
			attribute.Float64Value(0.25)),
	}
}
