package main

import (
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"

	collogs "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	coltrace "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/protobuf/proto"
)

// received is what came below one path: each shop sends to a path of its own.
type received struct {
	Requests, Bytes, Spans, Logs int64
}

type receiver struct {
	mu     sync.Mutex
	counts map[string]*received
}

// sink is an OTLP/HTTP receiver that takes everything, decodes it to count it, and keeps nothing.
func sink() error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("cannot listen: %w", err)
	}
	fmt.Printf("ready http://%s\n", listener.Addr())
	return http.Serve(listener, &receiver{counts: map[string]*received{}})
}

func (s *receiver) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodGet {
		s.mu.Lock()
		defer s.mu.Unlock()
		_ = json.NewEncoder(w).Encode(s.counts)
		return
	}
	from, signal, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/v1/")
	got, err := read(r, signal)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	sum := s.counts[from]
	if sum == nil {
		sum = &received{}
		s.counts[from] = sum
	}
	sum.Requests++
	sum.Bytes += got.Bytes
	sum.Spans += got.Spans
	sum.Logs += got.Logs
	w.Header().Set("Content-Type", "application/x-protobuf") // an empty answer: all taken
}

func read(r *http.Request, signal string) (got received, err error) {
	var body io.Reader = r.Body
	if r.Header.Get("Content-Encoding") == "gzip" {
		if body, err = gzip.NewReader(r.Body); err != nil {
			return got, fmt.Errorf("cannot inflate: %w", err)
		}
	}
	content, err := io.ReadAll(body)
	if err != nil {
		return got, fmt.Errorf("cannot read: %w", err)
	}
	got.Bytes = int64(len(content))
	switch signal {
	case "traces":
		var request coltrace.ExportTraceServiceRequest
		err = proto.Unmarshal(content, &request)
		for _, resource := range request.GetResourceSpans() {
			for _, scope := range resource.GetScopeSpans() {
				got.Spans += int64(len(scope.GetSpans()))
			}
		}
	case "logs":
		var request collogs.ExportLogsServiceRequest
		err = proto.Unmarshal(content, &request)
		for _, resource := range request.GetResourceLogs() {
			for _, scope := range resource.GetScopeLogs() {
				got.Logs += int64(len(scope.GetLogRecords()))
			}
		}
	}
	return got, err
}
