// What a receiver answered, overheard on the wire: the official exporters give an error, which has no status and no Retry-After.

package throughline

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"time"

	collogs "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	colmetrics "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	coltrace "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protowire"
	"throughline.dev/kits/go/internal/breaker"
)

const answerBytesMax = 64 << 10

// answer is the outcome of one try.
type answer struct {
	known    bool // something was overheard; a caller's own exporter says nothing
	outcome  breaker.Outcome
	askedMs  int64  // what Retry-After said, or -1
	rejected uint64 // items of a batch that was otherwise taken
	timedOut bool
	err      error
}

type answerKey struct{}

// listen gives the context of one try and what will be overheard in it.
func listen(ctx context.Context) (context.Context, *answer) {
	a := &answer{askedMs: -1}
	return context.WithValue(ctx, answerKey{}, a), a
}

// conclude joins what was overheard with what the exporter says.
func (a *answer) conclude(ctx context.Context, err error) answer {
	out := *a
	if out.known && out.outcome == breaker.Delivered {
		if out.rejected > 0 {
			out.err = err
		}
		return out
	}
	if err == nil && !out.known {
		return out
	}
	if err == nil {
		err = errors.New("the receiver answered with a failure")
	}
	out.err = err
	if ctx.Err() != nil {
		out.outcome, out.timedOut = breaker.Failed, true
	} else if !out.known {
		out.outcome = breaker.Failed
	}
	return out
}

// overhearHTTP notes the answers on the way to the exporter.
type overhearHTTP struct{ next http.RoundTripper }

func (o overhearHTTP) RoundTrip(request *http.Request) (*http.Response, error) {
	a, _ := request.Context().Value(answerKey{}).(*answer)
	response, err := o.next.RoundTrip(request)
	if a == nil {
		return response, err
	}
	*a = answer{known: true, outcome: breaker.Retryable, askedMs: -1}
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, answerBytesMax))
	response.Body.Close()
	if err != nil {
		return nil, err
	}
	response.Body = io.NopCloser(bytes.NewReader(body))
	a.outcome = breaker.OfHTTP(response.StatusCode)
	if a.outcome == breaker.Retryable {
		a.askedMs = breaker.RetryAfter(response.Header.Get("Retry-After"), time.Now())
	}
	if a.outcome == breaker.Delivered && response.Header.Get("Content-Type") != "application/json" {
		var valid bool
		if a.rejected, valid = rejectedItems(body); !valid {
			a.outcome = breaker.Failed // an answer, but not of an OTLP receiver
		}
	}
	return response, nil
}

// rejectedItems reads partial_success.rejected_… of an OTLP response: field 1 of field 1, in all three signals.
func rejectedItems(response []byte) (uint64, bool) {
	partial, valid := protobufField(response, protowire.BytesType)
	if !valid || partial == nil {
		return 0, valid
	}
	inner, n := protowire.ConsumeBytes(partial)
	if n < 0 {
		return 0, false
	}
	count, valid := protobufField(inner, protowire.VarintType)
	if !valid || count == nil {
		return 0, valid
	}
	rejected, _ := protowire.ConsumeVarint(count)
	return uint64(max(int64(rejected), 0)), true
}

// protobufField finds field 1 of a message; nil when it is not there.
func protobufField(message []byte, want protowire.Type) (value []byte, valid bool) {
	for len(message) > 0 {
		number, kind, n := protowire.ConsumeTag(message)
		if n < 0 {
			return nil, false
		}
		message = message[n:]
		size := protowire.ConsumeFieldValue(number, kind, message)
		if size < 0 || number == 1 && kind != want {
			return nil, false
		}
		if number == 1 {
			value = message[:size]
		}
		message = message[size:]
	}
	return value, true
}

// overhearGRPC is overhearHTTP for gRPC.
func overhearGRPC(ctx context.Context, method string, request, reply any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
	err := invoke(ctx, method, request, reply, cc, opts...)
	a, _ := ctx.Value(answerKey{}).(*answer)
	if a == nil {
		return err
	}
	var told *time.Duration
	for _, detail := range status.Convert(err).Details() {
		if info, ok := detail.(*errdetails.RetryInfo); ok {
			told = new(info.GetRetryDelay().AsDuration())
		}
	}
	*a = answer{known: true}
	a.outcome, a.askedMs = breaker.OfGRPC(uint32(status.Code(err)), told)
	if err != nil {
		return err
	}
	var refused int64
	switch reply := reply.(type) {
	case *coltrace.ExportTraceServiceResponse:
		refused = reply.GetPartialSuccess().GetRejectedSpans()
	case *collogs.ExportLogsServiceResponse:
		refused = reply.GetPartialSuccess().GetRejectedLogRecords()
	case *colmetrics.ExportMetricsServiceResponse:
		refused = reply.GetPartialSuccess().GetRejectedDataPoints()
	}
	a.rejected = uint64(max(refused, 0))
	return nil
}
