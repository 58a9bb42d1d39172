package tlhttp

import (
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	"throughline.dev/kits/go/internal/names"
)

// methodOf gives the method as it may stand in attributes and span names: names outside RFC 9110 and PATCH are unbounded.
func methodOf(method string) (attr, spanName string) {
	switch method {
	case "":
		return http.MethodGet, http.MethodGet // what an empty method means to net/http's client
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete,
		http.MethodConnect, http.MethodOptions, http.MethodTrace, "QUERY":
		return method, method
	}
	return names.Other, "HTTP"
}

func appendMethod(attrs []attribute.KeyValue, method string) []attribute.KeyValue {
	attr, _ := methodOf(method)
	attrs = append(attrs, names.HTTPMethod.String(attr))
	if attr == names.Other {
		attrs = append(attrs, names.HTTPMethodOriginal.String(method))
	}
	return attrs
}

// appendHost splits "host:port"; without a port the scheme's own is meant.
func appendHost(attrs []attribute.KeyValue, hostport, scheme string) []attribute.KeyValue {
	host, port := hostport, ""
	if strings.IndexByte(hostport, ':') >= 0 { // the error of a host without a port is not for free
		var err error
		if host, port, err = net.SplitHostPort(hostport); err != nil {
			host, port = strings.Trim(hostport, "[]"), ""
		}
	}
	if host == "" {
		return attrs
	}
	if port == "" {
		port = "80"
		if scheme == "https" {
			port = "443"
		}
	}
	attrs = append(attrs, names.ServerAddress.String(host))
	if n, err := strconv.Atoi(port); err == nil {
		attrs = append(attrs, names.ServerPort.Int(n))
	}
	return attrs
}

// protocolVersion is "1.1" or "2": HTTP/2 has no minor version.
func protocolVersion(major, minor int) string {
	switch {
	case major == 1 && minor == 1:
		return "1.1"
	case major >= 2:
		return strconv.Itoa(major)
	}
	return strconv.Itoa(major) + "." + strconv.Itoa(minor)
}

// redactedURL drops what may identify people or open doors: user information, query and fragment.
func redactedURL(u *url.URL) string {
	plain := url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path, RawPath: u.RawPath}
	if plain.Path == "" && plain.Host != "" {
		plain.Path = "/" // as it is sent
	}
	return plain.String()
}

// patternRoute reads the pattern http.ServeMux matched.
func patternRoute(r *http.Request) string { return pathOf(r.Pattern) }

// pathOf keeps the path of a pattern, "[METHOD ][HOST]/path".
func pathOf(pattern string) string {
	if _, rest, found := strings.Cut(pattern, " "); found {
		pattern = strings.TrimLeft(rest, " \t")
	}
	slash := strings.IndexByte(pattern, '/')
	if slash < 0 {
		return ""
	}
	return strings.TrimSuffix(pattern[slash:], "{$}")
}
