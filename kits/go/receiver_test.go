package throughline_test

import (
	"compress/gzip"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	collogs "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	colmetrics "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	coltrace "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	logspb "go.opentelemetry.io/proto/otlp/logs/v1"
	metricspb "go.opentelemetry.io/proto/otlp/metrics/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
)

// receiver is an OTLP receiver, HTTP and gRPC, that keeps what it gets.
type receiver struct {
	coltrace.UnimplementedTraceServiceServer
	httpURL, grpcURL string

	mu        sync.Mutex
	spans     []*tracepb.ResourceSpans
	logs      []*logspb.ResourceLogs
	metrics   []*metricspb.ResourceMetrics
	encodings map[string]bool
}

func startReceiver(t *testing.T) *receiver {
	t.Helper()
	r := &receiver{encodings: map[string]bool{}}
	server := httptest.NewServer(http.HandlerFunc(r.serveHTTP))
	t.Cleanup(server.Close)
	r.httpURL = server.URL

	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	g := grpc.NewServer()
	coltrace.RegisterTraceServiceServer(g, r)
	collogs.RegisterLogsServiceServer(g, logService{r: r})
	colmetrics.RegisterMetricsServiceServer(g, metricService{r: r})
	go g.Serve(listener)
	t.Cleanup(g.Stop)
	r.grpcURL = "http://" + listener.Addr().String()
	return r
}

func (r *receiver) serveHTTP(w http.ResponseWriter, request *http.Request) {
	body := io.Reader(request.Body)
	if request.Header.Get("Content-Encoding") == "gzip" {
		plain, err := gzip.NewReader(request.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		body = plain
	}
	data, err := io.ReadAll(body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	r.mu.Lock()
	r.encodings[request.Header.Get("Content-Type")+" "+request.Header.Get("Content-Encoding")] = true
	r.mu.Unlock()
	switch {
	case strings.HasSuffix(request.URL.Path, "/v1/traces"):
		var m coltrace.ExportTraceServiceRequest
		if err = proto.Unmarshal(data, &m); err == nil {
			_, err = r.Export(request.Context(), &m)
		}
	case strings.HasSuffix(request.URL.Path, "/v1/logs"):
		var m collogs.ExportLogsServiceRequest
		if err = proto.Unmarshal(data, &m); err == nil {
			_, err = logService{r: r}.Export(request.Context(), &m)
		}
	case strings.HasSuffix(request.URL.Path, "/v1/metrics"):
		var m colmetrics.ExportMetricsServiceRequest
		if err = proto.Unmarshal(data, &m); err == nil {
			_, err = metricService{r: r}.Export(request.Context(), &m)
		}
	default:
		http.NotFound(w, request)
		return
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "application/x-protobuf")
}

func (r *receiver) Export(_ context.Context, m *coltrace.ExportTraceServiceRequest) (*coltrace.ExportTraceServiceResponse, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.spans = append(r.spans, m.ResourceSpans...)
	return &coltrace.ExportTraceServiceResponse{}, nil
}

type logService struct {
	collogs.UnimplementedLogsServiceServer
	r *receiver
}

func (s logService) Export(_ context.Context, m *collogs.ExportLogsServiceRequest) (*collogs.ExportLogsServiceResponse, error) {
	s.r.mu.Lock()
	defer s.r.mu.Unlock()
	s.r.logs = append(s.r.logs, m.ResourceLogs...)
	return &collogs.ExportLogsServiceResponse{}, nil
}

type metricService struct {
	colmetrics.UnimplementedMetricsServiceServer
	r *receiver
}

func (s metricService) Export(_ context.Context, m *colmetrics.ExportMetricsServiceRequest) (*colmetrics.ExportMetricsServiceResponse, error) {
	s.r.mu.Lock()
	defer s.r.mu.Unlock()
	s.r.metrics = append(s.r.metrics, m.ResourceMetrics...)
	return &colmetrics.ExportMetricsServiceResponse{}, nil
}

func stringsOf(attrs []*commonpb.KeyValue) map[string]string {
	m := map[string]string{}
	for _, kv := range attrs {
		m[kv.Key] = kv.Value.GetStringValue()
	}
	return m
}
