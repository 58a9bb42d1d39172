// What the operator says through OTEL_* variables, read once and checked: every problem is reported, not just the first.

package throughline

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"
)

const (
	protocolHTTP = "http/protobuf"
	protocolGRPC = "grpc"
)

// signals are the names OTLP and its variables use.
var signals = [...]string{"traces", "metrics", "logs"}

// environment is the checked form of the OTEL_* variables together with the options they complete.
type environment struct {
	disabled    bool
	compression string // "gzip" or "none"
	sampler     bool   // OTEL_TRACES_SAMPLER is set: the SDK reads it
	targets     map[string]target
	interval    time.Duration // of metrics
}

// target is where and how one signal is sent.
type target struct {
	url      string // full, path included
	protocol string
	off      bool
}

func readEnvironment(s settings) (environment, error) {
	env := environment{targets: map[string]target{}, compression: "gzip", interval: s.metricInterval}
	env.disabled = strings.EqualFold(os.Getenv("OTEL_SDK_DISABLED"), "true")
	var problems []error
	if c := os.Getenv("OTEL_EXPORTER_OTLP_COMPRESSION"); c != "" {
		if c != "gzip" && c != "none" {
			problems = append(problems, fmt.Errorf("OTEL_EXPORTER_OTLP_COMPRESSION: %q is neither gzip nor none", c))
		}
		env.compression = c
	}
	if v := os.Getenv("OTEL_METRIC_EXPORT_INTERVAL"); v != "" {
		ms, err := strconv.Atoi(v)
		if err != nil || ms <= 0 {
			problems = append(problems, fmt.Errorf("OTEL_METRIC_EXPORT_INTERVAL: %q is not a number of milliseconds", v))
		}
		env.interval = time.Duration(ms) * time.Millisecond
	}
	sampler, err := checkSampler()
	env.sampler = sampler
	problems = append(problems, err)
	for _, signal := range signals {
		t, err := readTarget(signal, s.endpoint)
		env.targets[signal] = t
		problems = append(problems, err)
	}
	return env, errors.Join(problems...)
}

func readTarget(signal, endpoint string) (target, error) {
	upper := strings.ToUpper(signal)
	t := target{protocol: protocolHTTP}
	if p := firstOf("OTEL_EXPORTER_OTLP_"+upper+"_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"); p != "" {
		t.protocol = p
	}
	if t.protocol != protocolHTTP && t.protocol != protocolGRPC {
		return t, fmt.Errorf("OTLP protocol of %s: %q is neither %s nor %s", signal, t.protocol, protocolHTTP, protocolGRPC)
	}
	switch e := os.Getenv("OTEL_" + upper + "_EXPORTER"); e {
	case "", "otlp":
	case "none":
		t.off = true
		return t, nil
	default:
		return t, fmt.Errorf("OTEL_%s_EXPORTER: %q is neither otlp nor none", upper, e)
	}
	if own := os.Getenv("OTEL_EXPORTER_OTLP_" + upper + "_ENDPOINT"); own != "" {
		t.url = own
		return t, checkURL(own)
	}
	base := os.Getenv("OTEL_EXPORTER_OTLP_ENDPOINT")
	if base == "" {
		base = endpoint
	}
	if base == "" && t.protocol == protocolGRPC {
		base = "http://localhost:4317"
	} else if base == "" {
		base = "http://localhost:4318"
	}
	t.url = base
	if t.protocol == protocolHTTP {
		t.url = strings.TrimRight(base, "/") + "/v1/" + signal
	}
	return t, checkURL(base)
}

func checkURL(raw string) error {
	u, err := url.Parse(raw)
	if err != nil {
		return fmt.Errorf("OTLP endpoint: %w", err)
	}
	if (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		return fmt.Errorf("OTLP endpoint: %q is not an http:// or https:// URL", raw)
	}
	return nil
}

func checkSampler() (set bool, err error) {
	name := strings.ToLower(strings.TrimSpace(os.Getenv("OTEL_TRACES_SAMPLER")))
	switch name {
	case "":
		return false, nil
	case "always_on", "always_off", "parentbased_always_on", "parentbased_always_off":
		return true, nil
	case "traceidratio", "parentbased_traceidratio":
		arg := strings.TrimSpace(os.Getenv("OTEL_TRACES_SAMPLER_ARG"))
		if arg == "" {
			return true, nil
		}
		if ratio, err := strconv.ParseFloat(arg, 64); err != nil || !(ratio >= 0 && ratio <= 1) {
			return true, fmt.Errorf("OTEL_TRACES_SAMPLER_ARG: %q is not a ratio between 0 and 1", arg)
		}
		return true, nil
	}
	return true, fmt.Errorf("OTEL_TRACES_SAMPLER: %q is not a known sampler", name)
}

func firstOf(variables ...string) string {
	for _, name := range variables {
		if v := os.Getenv(name); v != "" {
			return v
		}
	}
	return ""
}
