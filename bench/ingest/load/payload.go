package main

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"time"
)

// The traffic: shaped like bench/decode/requests.ts, encoded once. A span is of an operation; an operation belongs to a service and
// fixes name, kind and which 11 of the 97 attribute keys it sends. Ten spans are a trace, one span in twenty failed and carries an
// exception event. What must differ from span to span has a fixed width, so that it is overwritten in place before every sending: ids,
// times, and every attribute value but enumerations.
const (
	services             = 12
	operationsPerService = 8
	keyCount             = 97
	attributesPerSpan    = 11
	spansPerTrace        = 10
	errorShare           = 0.05
)

var words = []string{"checkout", "basket", "GET", "postgresql", "eu-west-1", "application/json", "customer", "SELECT", "retry", "warm"}

// A request whose variable bytes are known by their offsets.
type template struct {
	body   []byte
	spans  []spanAt
	digits []int // three decimal digits each
	words  []int // twelve letters or digits each
	wide   []int // a varint of five bytes each
}

type spanAt struct {
	traceID, spanID, parentID, start, end, event int // parentID is 0 for a root, event for a span without
}

func newTemplate(random *rand.Rand, service, spans int) *template {
	t := &template{}
	resource := message(nil, 1, resourceOf(service))
	scope := appendString(appendString(nil, 1, "bench"), 2, "1.0.0")
	operations := operationsOf(service)
	// Lengths come before contents in protobuf, so spans are made first, with offsets within themselves, and moved to their place.
	var list []byte
	for i := range spans {
		t.appendSpan(&list, random, operations[random.IntN(len(operations))], i%spansPerTrace == 0)
	}
	scopeSpans := message(nil, 1, scope)
	inner := message(nil, 2, append(scopeSpans, list...))
	t.body = message(nil, 1, append(resource, inner...))
	shift := len(t.body) - len(list)
	for i := range t.spans {
		s := &t.spans[i]
		for _, at := range []*int{&s.traceID, &s.spanID, &s.parentID, &s.start, &s.end, &s.event} {
			if *at != 0 {
				*at += shift
			}
		}
	}
	for _, offsets := range [][]int{t.digits, t.words, t.wide} {
		for i := range offsets {
			offsets[i] += shift
		}
	}
	return t
}

type operation struct {
	name string
	kind uint64
	keys []string
}

func operationsOf(service int) []operation {
	random := rand.New(rand.NewPCG(1, uint64(service)))
	prefixes := []string{"http.request", "db.query", "rpc.server", "app.order", "net.peer"}
	operations := make([]operation, operationsPerService)
	for i := range operations {
		keys := make([]string, attributesPerSpan)
		for j, key := range random.Perm(keyCount)[:attributesPerSpan] {
			keys[j] = fmt.Sprintf("%s.field_%d", prefixes[key%len(prefixes)], key)
		}
		verb := []string{"GET", "POST", "query", "publish"}[i%4]
		operations[i] = operation{fmt.Sprintf("%s /service-%d/operation-%d", verb, service, i), uint64(1 + i%5), keys}
	}
	return operations
}

func resourceOf(service int) []byte {
	language := []string{"go", "rust"}[service%2]
	var out []byte
	for _, pair := range [][2]string{
		{"service.name", fmt.Sprintf("service-%d", service)},
		{"service.version", "1.4.2"},
		{"service.instance.id", fmt.Sprintf("pod-%d-7f9c", service)},
		{"deployment.environment.name", "production"},
		{"telemetry.sdk.language", language},
		{"k8s.pod.name", fmt.Sprintf("service-%d-7f9c-x2x4v", service)},
		{"k8s.namespace.name", "shop"},
	} {
		out = message(out, 1, attribute(pair[0], appendString(nil, 1, pair[1])))
	}
	return out
}

// Appends one `spans` field to list and notes where its variable bytes are, relative to the start of list.
func (t *template) appendSpan(list *[]byte, random *rand.Rand, op operation, root bool) {
	var span []byte
	var at spanAt
	var digits, unique, wide []int
	field := func(number int, value []byte) int {
		span = message(span, number, value)
		return len(span) - len(value)
	}
	at.traceID = field(1, make([]byte, 16))
	at.spanID = field(2, make([]byte, 8))
	if !root {
		at.parentID = field(4, make([]byte, 8))
	}
	span = appendString(span, 5, op.name)
	span = appendVarint(span, 6, op.kind)
	span, at.start = appendFixed64(span, 7)
	span, at.end = appendFixed64(span, 8)
	for i, key := range op.keys {
		var value []byte
		switch i {
		case 3:
			value = appendVarint(nil, 3, uint64(random.IntN(600)))
		case 6:
			value = appendVarint(nil, 3, 1<<28)
		case 8:
			if random.IntN(2) == 0 {
				value = binary.LittleEndian.AppendUint64([]byte{4<<3 | 1}, math.Float64bits(float64(random.IntN(1000))/8))
			} else {
				value = appendVarint(nil, 2, uint64(random.IntN(2)))
			}
		case 9:
			value = appendString(nil, 1, strings.Repeat("x", 12))
		default:
			value = appendString(nil, 1, words[random.IntN(len(words))]+"-000")
		}
		field(9, attribute(key, value))
		switch i {
		case 3, 8:
		case 6:
			wide = append(wide, len(span)-5)
		case 9:
			unique = append(unique, len(span)-12)
		default:
			digits = append(digits, len(span)-3)
		}
	}
	if random.Float64() < errorShare {
		event, time := appendFixed64(nil, 1)
		event = appendString(event, 2, "exception")
		event = message(event, 3, attribute("exception.type", appendString(nil, 1, "TimeoutError")))
		text := fmt.Sprintf("no answer from %s within 250 ms", words[random.IntN(len(words))])
		event = message(event, 3, attribute("exception.message", appendString(nil, 1, text)))
		at.event = field(11, event) + time
		field(15, append(appendString(nil, 2, "deadline exceeded"), 3<<3, 2))
	}
	span = binary.LittleEndian.AppendUint32(append(span, 0x85, 0x01), 0x101)
	*list = message(*list, 2, span)
	base := len(*list) - len(span)
	for _, offset := range []*int{&at.traceID, &at.spanID, &at.parentID, &at.start, &at.end, &at.event} {
		if *offset != 0 {
			*offset += base
		}
	}
	t.spans = append(t.spans, at)
	for _, offset := range digits {
		t.digits = append(t.digits, base+offset)
	}
	for _, offset := range unique {
		t.words = append(t.words, base+offset)
	}
	for _, offset := range wide {
		t.wide = append(t.wide, base+offset)
	}
}

const alphabet = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_"

// Overwrites what varies; returns the trace id of the first spans.
func (t *template) renew(random *rand.Rand, now time.Time) [16]byte {
	var trace [16]byte
	var root [8]byte
	var begin uint64
	for i := range t.spans {
		s := &t.spans[i]
		if i%spansPerTrace == 0 {
			binary.LittleEndian.PutUint64(trace[:], random.Uint64()|1)
			binary.LittleEndian.PutUint64(trace[8:], random.Uint64())
			binary.LittleEndian.PutUint64(root[:], random.Uint64()|1)
			begin = uint64(now.UnixNano()) - random.Uint64N(2e9) - 1e8
		}
		copy(t.body[s.traceID:], trace[:])
		length := random.Uint64N(50e6)
		start := begin
		if s.parentID == 0 {
			copy(t.body[s.spanID:], root[:])
			length += 50e6
		} else {
			copy(t.body[s.parentID:], root[:])
			binary.LittleEndian.PutUint64(t.body[s.spanID:], random.Uint64()|1)
			start += random.Uint64N(50e6)
		}
		binary.LittleEndian.PutUint64(t.body[s.start:], start)
		binary.LittleEndian.PutUint64(t.body[s.end:], start+length)
		if s.event != 0 {
			binary.LittleEndian.PutUint64(t.body[s.event:], start+1000)
		}
	}
	for _, at := range t.digits {
		n := random.Uint32()
		t.body[at] = '0' + byte(n%10)
		t.body[at+1] = '0' + byte(n>>8%10)
		t.body[at+2] = '0' + byte(n>>16%10)
	}
	for _, at := range t.words {
		bits := random.Uint64()
		for j := range 10 {
			t.body[at+j] = alphabet[bits>>(6*j)&63]
		}
		bits = random.Uint64()
		t.body[at+10], t.body[at+11] = alphabet[bits&63], alphabet[bits>>6&63]
	}
	for _, at := range t.wide {
		binary.PutUvarint(t.body[at:], 1<<28|random.Uint64N(1<<31))
	}
	var first [16]byte
	copy(first[:], t.body[t.spans[0].traceID:])
	return first
}

func attribute(key string, value []byte) []byte {
	return message(appendString(nil, 1, key), 2, value)
}

func message(out []byte, number int, value []byte) []byte {
	out = binary.AppendUvarint(out, uint64(number)<<3|2)
	out = binary.AppendUvarint(out, uint64(len(value)))
	return append(out, value...)
}

func appendString(out []byte, number int, text string) []byte {
	return message(out, number, []byte(text))
}

func appendVarint(out []byte, number int, value uint64) []byte {
	return binary.AppendUvarint(binary.AppendUvarint(out, uint64(number)<<3), value)
}

// Returns where the eight bytes are.
func appendFixed64(out []byte, number int) ([]byte, int) {
	out = binary.AppendUvarint(out, uint64(number)<<3|1)
	return append(out, make([]byte, 8)...), len(out)
}
