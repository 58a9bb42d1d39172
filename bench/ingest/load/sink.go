package main

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/http"
	"sync/atomic"

	"google.golang.org/grpc"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/mem"
)

// rawCodec hands messages through as the bytes they are.
type rawCodec struct{}

func (rawCodec) Name() string { return "proto" }

func (rawCodec) Marshal(v any) (mem.BufferSlice, error) {
	return mem.BufferSlice{mem.SliceBuffer(*v.(*[]byte))}, nil
}

func (rawCodec) Unmarshal(data mem.BufferSlice, v any) error {
	*v.(*[]byte) = data.Materialize()
	return nil
}

var _ encoding.CodecV2 = rawCodec{}

// sink is where the Collector exports to: it counts spans and keeps nothing.
func sink(listen string) error {
	var spans, requests atomic.Int64
	server := grpc.NewServer(
		grpc.ForceServerCodecV2(rawCodec{}),
		grpc.MaxRecvMsgSize(64<<20),
		grpc.UnknownServiceHandler(func(_ any, stream grpc.ServerStream) error {
			var body []byte
			if err := stream.RecvMsg(&body); err != nil {
				return err
			}
			count, err := countSpans(body)
			if err != nil {
				return err
			}
			spans.Add(count)
			requests.Add(1)
			return stream.SendMsg(&[]byte{})
		}),
	)
	otlp, err := net.Listen("tcp", listen)
	if err != nil {
		return err
	}
	counts, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	go http.Serve(counts, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `{"spans":%d,"requests":%d}`, spans.Load(), requests.Load())
	}))
	fmt.Printf("ready %s http://%s\n", otlp.Addr(), counts.Addr())
	return server.Serve(otlp)
}

// Spans in an ExportTraceServiceRequest: resource_spans (1) of scope_spans (2) of spans (2).
func countSpans(request []byte) (int64, error) {
	return countAt(request, []uint64{1, 2, 2})
}

func countAt(body []byte, path []uint64) (int64, error) {
	if len(path) == 0 {
		return 1, nil
	}
	var total int64
	for len(body) > 0 {
		key, n := binary.Uvarint(body)
		if n <= 0 || key&7 != 2 {
			return 0, fmt.Errorf("unexpected field %d of wire type %d", key>>3, key&7)
		}
		length, m := binary.Uvarint(body[n:])
		if m <= 0 || uint64(len(body)-n-m) < length {
			return 0, fmt.Errorf("cut short")
		}
		inner := body[n+m : n+m+int(length)]
		body = body[n+m+int(length):]
		if key>>3 != path[0] {
			continue
		}
		count, err := countAt(inner, path[1:])
		if err != nil {
			return 0, err
		}
		total += count
	}
	return total, nil
}
