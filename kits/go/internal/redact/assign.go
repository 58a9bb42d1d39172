package redact

import "strings"

// assignments: the values given to denied names, in the forms query strings, JSON, logs and headers use.
func (r *Rules) assignments(s string) string {
	e := edit{from: s}
	for i := 0; i < len(s); i++ {
		var start, end int
		var found bool
		switch s[i] {
		case '=':
			start, end, found = r.equals(s, i)
		case ':':
			start, end, found = r.colon(s, i)
		}
		if !found || start < e.done {
			continue
		}
		if end > start && !strings.HasPrefix(s[start:], Redacted) {
			e.replace(start, end, Redacted)
		}
		i = max(i, end-1)
	}
	return e.text()
}

// equals reads name=value and name = value around the equals sign at i.
func (r *Rules) equals(s string, i int) (start, end int, found bool) {
	before := i
	if before > 0 && s[before-1] == ' ' {
		before--
	}
	if !r.Denied(nameBefore(s, before)) {
		return 0, 0, false
	}
	start = i + 1
	if start < len(s) && s[start] == ' ' {
		start++
	}
	start, end = valueAt(s, start)
	return start, end, true
}

// colon reads "name": value, name:value, and Name: value where a line begins.
func (r *Rules) colon(s string, i int) (start, end int, found bool) {
	before := i
	for before > 0 && s[before-1] == ' ' {
		before--
	}
	start = i + 1
	for start < len(s) && s[start] == ' ' {
		start++
	}
	if before > 0 && isQuote(s[before-1]) {
		before--
		if before > 0 && s[before-1] == '\\' {
			before--
		}
		if !r.Denied(nameBefore(s, before)) {
			return 0, 0, false
		}
		start, end = valueAt(s, start)
		return start, end, true
	}
	if before != i {
		return 0, 0, false
	}
	name := nameBefore(s, i)
	if !r.Denied(name) {
		return 0, 0, false
	}
	if beginsLine(s, i-len(name)) {
		end = len(s)
		if line := strings.IndexAny(s[start:], "\r\n"); line >= 0 {
			end = start + line
		}
		return start, end, true
	}
	if start > i+1 {
		return 0, 0, false // prose
	}
	start, end = valueAt(s, start)
	return start, end, true
}

func isQuote(c byte) bool { return c == '"' || c == '\'' }

func nameBefore(s string, end int) string {
	start := end
	for start > 0 && isName(s[start-1]) {
		start--
	}
	return s[start:end]
}

func beginsLine(s string, i int) bool {
	for i > 0 && (s[i-1] == ' ' || s[i-1] == '\t') {
		i--
	}
	return i == 0 || s[i-1] == '\n' || s[i-1] == '\r'
}

// valueAt is where the value that begins at start has its text: inside quotes, the whole of an object or a list, or up to what
// ends a word.
func valueAt(s string, start int) (from, to int) {
	if start >= len(s) {
		return start, start
	}
	if s[start] == '\\' && start+1 < len(s) && isQuote(s[start+1]) { // JSON in JSON
		from = start + 2
		if end := strings.Index(s[from:], s[start:from]); end >= 0 {
			return from, from + end
		}
		return from, len(s)
	}
	if isQuote(s[start]) {
		return start + 1, quoteEnd(s, start)
	}
	if (s[start] == '{' || s[start] == '[') && !strings.HasPrefix(s[start:], Redacted) {
		return start, nestedEnd(s, start)
	}
	end := wordEnd(s, start)
	switch strings.ToLower(s[start:end]) {
	case "bearer", "basic", "digest", "token":
		next := end
		for next < len(s) && s[next] == ' ' {
			next++
		}
		if next > end && next < len(s) {
			end = wordEnd(s, next)
			if strings.HasPrefix(s[next:], Redacted) {
				end = next + len(Redacted)
			}
		}
	}
	return start, end
}

func wordEnd(s string, i int) int {
	for i < len(s) && !isSpace(s[i]) && strings.IndexByte(`&;,#)]}"'<>`, s[i]) < 0 {
		i++
	}
	return i
}

// quoteEnd is where the quote that opens at i closes, or the end of the text.
func quoteEnd(s string, i int) int {
	for end := i + 1; end < len(s); end++ {
		switch s[end] {
		case '\\':
			end++
		case s[i]:
			return end
		}
	}
	return len(s)
}

// nestedEnd is after the bracket that closes the one at i, or the end of the text.
func nestedEnd(s string, i int) int {
	depth := 0
	for ; i < len(s); i++ {
		switch s[i] {
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return i + 1
			}
		case '"':
			i = quoteEnd(s, i)
		}
	}
	return len(s)
}
