// What the operator says through OTEL_* variables, read once and checked: every problem is reported, not just the first.

package throughline

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.opentelemetry.io/otel/propagation"
	"throughline.dev/kits/go/internal/control"
	"throughline.dev/kits/go/internal/sampling"
)

const (
	protocolHTTP = "http/protobuf"
	protocolGRPC = "grpc"
)

// signals are the names OTLP and its variables use.
var signals = [...]string{"traces", "metrics", "logs"}

// environment is the checked form of the OTEL_* variables together with the options they complete.
type environment struct {
	logLevel    string // of THROUGHLINE_LOG_LEVEL, "" when it says nothing
	disabled    bool
	compression string    // "gzip" or "none"
	sampling    *Sampling // OTEL_TRACES_SAMPLER
	policy      sampling.Policy
	control     controlSettings
	propagator  propagation.TextMapPropagator
	targets     map[string]target
	interval    time.Duration // of metrics
	spanDelay   time.Duration
	logDelay    time.Duration
	exponential bool // histograms
}

// target is where and how one signal is sent.
type target struct {
	url      string // full, path included
	protocol string
	off      bool
	tls      *tls.Config // nil for what is usual
}

func readEnvironment(s settings) (environment, error) {
	env := environment{targets: map[string]target{}, compression: "gzip"}
	env.disabled = strings.EqualFold(variable("OTEL_SDK_DISABLED"), "true") || isYes(variable("THROUGHLINE_DISABLED"))
	var problems []error
	millis := func(name string, otherwise time.Duration) time.Duration {
		d, err := readMillis(name, otherwise)
		problems = append(problems, err)
		return d
	}
	env.interval = millis("OTEL_METRIC_EXPORT_INTERVAL", s.metricInterval)
	env.spanDelay = millis("OTEL_BSP_SCHEDULE_DELAY", s.batchDelay)
	env.logDelay = millis("OTEL_BLRP_SCHEDULE_DELAY", s.batchDelay)
	if c := variable("OTEL_EXPORTER_OTLP_COMPRESSION"); c != "" {
		if c != "gzip" && c != "none" {
			problems = append(problems, fmt.Errorf("OTEL_EXPORTER_OTLP_COMPRESSION: %q is neither gzip nor none", c))
		}
		env.compression = c
	}
	var histogramErr error
	env.exponential, histogramErr = readHistograms(s.exponential)
	problems = append(problems, histogramErr, checkTemporality())
	env.logLevel = strings.ToLower(variable("THROUGHLINE_LOG_LEVEL"))
	if _, known := slogLevel(env.logLevel); !known && env.logLevel != "" {
		problems = append(problems, fmt.Errorf("THROUGHLINE_LOG_LEVEL: %q is not one of trace, debug, info, warn, error", env.logLevel))
	}
	source, propagators := "the propagators option", s.propagators
	if name, list := firstOf("OTEL_PROPAGATORS"); list != "" {
		source, propagators = name, strings.Split(list, ",")
	}
	if len(propagators) > 0 {
		var err error
		if env.propagator, err = newPropagator(propagators); err != nil {
			problems = append(problems, fmt.Errorf("%s: %w", source, err))
		}
	}
	var samplerErr, samplingErr, controlErr error
	if env.sampling, samplerErr = readSampler(); env.sampling != nil {
		s.sampling = env.sampling
	}
	env.policy, samplingErr = s.samplingOrAll().policy()
	env.control, controlErr = readControl(s.control)
	problems = append(problems, samplerErr, samplingErr, controlErr, checkResourceAttributes())
	for _, signal := range signals {
		t, err := readTarget(signal, s.endpoint)
		env.targets[signal] = t
		problems = append(problems, err)
	}
	return env, eachOnce(errors.Join(problems...))
}

// eachOnce keeps a problem that all signals share from being told for each of them.
func eachOnce(problems error) error {
	if problems == nil {
		return nil
	}
	var once []string
	for problem := range strings.SplitSeq(problems.Error(), "\n") {
		if !slices.Contains(once, problem) {
			once = append(once, problem)
		}
	}
	return errors.New(strings.Join(once, "\n"))
}

func readTarget(signal, endpoint string) (target, error) {
	upper := strings.ToUpper(signal)
	t := target{protocol: protocolHTTP}
	switch e := variable("OTEL_" + upper + "_EXPORTER"); e {
	case "", "otlp":
	case "none":
		t.off = true
		return t, nil
	default:
		return t, fmt.Errorf("OTEL_%s_EXPORTER: %q is neither otlp nor none", upper, e)
	}
	var problems [3]error
	if name, p := firstOf("OTEL_EXPORTER_OTLP_"+upper+"_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"); p != "" {
		t.protocol = p
		if p != protocolHTTP && p != protocolGRPC {
			problems[0] = fmt.Errorf("%s: %q is neither %s nor %s", name, p, protocolHTTP, protocolGRPC)
		}
	}
	t.tls, problems[1] = readTLS(upper)
	t.url, problems[2] = readEndpoint(signal, upper, endpoint, t.protocol)
	return t, errors.Join(problems[:]...)
}

func readEndpoint(signal, upper, endpoint, protocol string) (string, error) {
	if name, own := firstOf("OTEL_EXPORTER_OTLP_" + upper + "_ENDPOINT"); own != "" {
		return own, checkURL(name, own)
	}
	name, base := firstOf("OTEL_EXPORTER_OTLP_ENDPOINT")
	if base == "" {
		name, base = "the endpoint option", endpoint
	}
	if base == "" && protocol == protocolGRPC {
		base = "http://localhost:4317"
	} else if base == "" {
		base = "http://localhost:4318"
	}
	if protocol == protocolGRPC {
		return base, checkURL(name, base)
	}
	return strings.TrimRight(base, "/") + "/v1/" + signal, checkURL(name, base)
}

// readTLS reads the certificates to trust and to show; nil when nothing is said about them.
func readTLS(upper string) (*tls.Config, error) {
	file := func(name string) (string, string) {
		return firstOf("OTEL_EXPORTER_OTLP_"+upper+"_"+name, "OTEL_EXPORTER_OTLP_"+name)
	}
	var config *tls.Config
	if name, path := file("CERTIFICATE"); path != "" {
		pem, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		config = &tls.Config{RootCAs: x509.NewCertPool()}
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%s: no certificate in %q", name, path)
		}
	}
	name, path := file("CLIENT_CERTIFICATE")
	if path == "" {
		return config, nil
	}
	keyName, key := file("CLIENT_KEY")
	if key == "" {
		return nil, fmt.Errorf("%s: OTEL_EXPORTER_OTLP_CLIENT_KEY is not set", name)
	}
	pair, err := tls.LoadX509KeyPair(path, key)
	if err != nil {
		return nil, fmt.Errorf("%s, %s: %w", name, keyName, err)
	}
	if config == nil {
		config = &tls.Config{}
	}
	config.Certificates = []tls.Certificate{pair}
	return config, nil
}

func checkURL(source, raw string) error {
	u, err := url.Parse(raw)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || strings.ContainsAny(raw, " \t") {
		return fmt.Errorf("%s: %q is not an http:// or https:// URL", source, raw)
	}
	return nil
}

func readMillis(name string, otherwise time.Duration) (time.Duration, error) {
	v := variable(name)
	if v == "" {
		return otherwise, nil
	}
	ms, err := strconv.ParseInt(v, 10, 32)
	if err != nil || ms <= 0 {
		return otherwise, fmt.Errorf("%s: %q is not a number of milliseconds", name, v)
	}
	return time.Duration(ms) * time.Millisecond, nil
}

func readHistograms(otherwise bool) (exponential bool, err error) {
	const name = "OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION"
	switch kind := strings.ToLower(variable(name)); kind {
	case "":
		return otherwise, nil
	case "explicit_bucket_histogram":
		return false, nil
	case "base2_exponential_bucket_histogram":
		return true, nil
	default:
		return otherwise, fmt.Errorf("%s: %q is neither explicit_bucket_histogram nor base2_exponential_bucket_histogram", name, kind)
	}
}

// checkTemporality looks at what the exporters read themselves.
func checkTemporality() error {
	const name = "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE"
	switch preference := strings.ToLower(variable(name)); preference {
	case "", "cumulative", "delta", "lowmemory":
		return nil
	default:
		return fmt.Errorf("%s: %q is neither cumulative, delta nor lowmemory", name, preference)
	}
}

// checkResourceAttributes looks at what the SDK reads itself: key=value pairs with percent-encoded values.
func checkResourceAttributes() error {
	for pair := range strings.SplitSeq(variable("OTEL_RESOURCE_ATTRIBUTES"), ",") {
		if pair = strings.TrimSpace(pair); pair == "" {
			continue
		}
		key, value, found := strings.Cut(pair, "=")
		if _, err := url.PathUnescape(value); !found || err != nil || strings.TrimSpace(key) == "" {
			return fmt.Errorf("OTEL_RESOURCE_ATTRIBUTES: %q is not key=value", pair)
		}
	}
	return nil
}

// readSampler reads OTEL_TRACES_SAMPLER and its argument; nil when it is not set. Ratios are consistent probabilities.
func readSampler() (*Sampling, error) {
	var problems error
	ratio := 1.0
	if arg := variable("OTEL_TRACES_SAMPLER_ARG"); arg != "" {
		var err error
		if ratio, err = strconv.ParseFloat(arg, 64); err != nil || !(ratio >= 0 && ratio <= 1) {
			problems = fmt.Errorf("OTEL_TRACES_SAMPLER_ARG: %q is not a ratio between 0 and 1", arg)
			ratio = 1
		}
	}
	switch name := strings.ToLower(variable("OTEL_TRACES_SAMPLER")); name {
	case "":
		return nil, problems
	case "always_on":
		return &Sampling{IgnoreParent: true, Probability: 1}, problems
	case "always_off":
		return &Sampling{IgnoreParent: true}, problems
	case "traceidratio":
		return &Sampling{IgnoreParent: true, Probability: ratio}, problems
	case "parentbased_always_on":
		return &Sampling{Probability: 1}, problems
	case "parentbased_always_off":
		return &Sampling{}, problems
	case "parentbased_traceidratio":
		return &Sampling{Probability: ratio}, problems
	default:
		return nil, errors.Join(fmt.Errorf("OTEL_TRACES_SAMPLER: %q is not a known sampler", name), problems)
	}
}

func (s settings) samplingOrAll() Sampling {
	if s.sampling != nil {
		return *s.sampling
	}
	return Sampling{Probability: 1}
}

// readControl completes the options with the THROUGHLINE_* variables.
func readControl(c controlSettings) (controlSettings, error) {
	var problems []error
	source := "the control endpoint option"
	if name, url := firstOf("THROUGHLINE_CONTROL_ENDPOINT"); url != "" {
		source, c.endpoint = name, url
	}
	if c.endpoint != "" {
		problems = append(problems, checkURL(source, c.endpoint))
	}
	source = "the control key option"
	if name, key := firstOf("THROUGHLINE_CONTROL_KEY"); key != "" {
		source, c.key = name, key
	}
	if c.key != "" {
		var err error
		if c.publicKey, err = control.ParseKey(c.key); err != nil {
			problems = append(problems, fmt.Errorf("%s: %w", source, err))
		}
	}
	if _, path := firstOf("THROUGHLINE_KILL_FILE"); path != "" {
		c.killFile = path
	}
	return c, errors.Join(problems...)
}

func isYes(value string) bool { return value == "1" || strings.EqualFold(value, "true") }

// variable reads the environment; an empty variable counts as unset.
func variable(name string) string { return strings.TrimSpace(os.Getenv(name)) }

// firstOf gives the first variable that is set, and its value.
func firstOf(variables ...string) (name, value string) {
	for _, name := range variables {
		if v := variable(name); v != "" {
			return name, v
		}
	}
	return "", ""
}
