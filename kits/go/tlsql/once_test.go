package tlsql_test

import (
	"database/sql"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"throughline.dev/kits/go/internal/kittest"
	"throughline.dev/kits/go/tlsql"
)

func TestAQueryThatHasASpanGetsNoSecondOne(t *testing.T) {
	h := kittest.New(t)
	db := sql.OpenDB(tlsql.Connector(h.Kit, oldDriver{&[]string{}}, tlsql.Target{System: "other_sql"}))
	defer db.Close()
	another := sdktrace.NewTracerProvider().Tracer("another library")
	for _, key := range []attribute.Key{"db.system.name", "app.part"} {
		ctx, span := another.Start(t.Context(), "another", trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(key.String("x")))
		if _, err := db.ExecContext(ctx, "UPDATE a SET b = 1"); err != nil {
			t.Fatal(err)
		}
		span.End()
	}
	h.AssertTree("UPDATE a\n") // of the second: a CLIENT span that is not a database's
	var measured uint64
	for _, point := range h.Histogram("db.client.operation.duration") {
		measured += point.Count
	}
	if measured != 2 {
		t.Errorf("%d calls were measured", measured)
	}
}
