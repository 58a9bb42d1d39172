package sqltext

import "strings"

type kind int

const (
	end     kind = iota
	gap          // white space and comments
	word         // keywords, and names with their dots: public.orders
	quoted       // "Name" or `name`, quotes kept, with its dots
	literal      // strings and numbers: what must not be told
	mark         // operators, brackets, placeholders
)

type token struct {
	kind kind
	text string
}

// scanner cuts SQL into tokens. An unterminated string or comment reaches to the end, so no value slips out.
type scanner struct {
	sql   string
	pos   int
	mysql bool
}

func (s *scanner) next() token {
	if s.pos >= len(s.sql) {
		return token{kind: end}
	}
	from, c := s.pos, s.sql[s.pos]
	rest := s.sql[s.pos:]
	switch {
	case c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f':
		s.pos++
		return token{kind: gap}
	case strings.HasPrefix(rest, "--"):
		s.skipPast("\n", 2)
		return token{kind: gap}
	case strings.HasPrefix(rest, "/*"):
		s.skipPast("*/", 2)
		return token{kind: gap}
	case c == '\'':
		s.skipQuoted('\'', s.mysql)
		return token{kind: literal}
	case c == '"' && s.mysql:
		s.skipQuoted('"', true)
		return token{kind: literal}
	case (c == 'e' || c == 'E') && strings.HasPrefix(rest[1:], "'"):
		s.pos++
		s.skipQuoted('\'', true)
		return token{kind: literal}
	case (c == 'x' || c == 'X' || c == 'b' || c == 'B' || c == 'n' || c == 'N') && strings.HasPrefix(rest[1:], "'"):
		s.pos++
		s.skipQuoted('\'', false)
		return token{kind: literal}
	case c == '"' || c == '`':
		s.skipQuoted(c, false)
		for s.pos+1 < len(s.sql) && s.sql[s.pos] == '.' && s.sql[s.pos+1] == c {
			s.pos++
			s.skipQuoted(c, false)
		}
		return token{kind: quoted, text: s.sql[from:s.pos]}
	case c == '$':
		return s.dollar()
	case isDigit(c), c == '.' && len(rest) > 1 && isDigit(rest[1]):
		s.skipNumber()
		return token{kind: literal}
	case isWordStart(c):
		for s.pos < len(s.sql) && (isWordStart(s.sql[s.pos]) || isDigit(s.sql[s.pos]) || s.sql[s.pos] == '.' || s.sql[s.pos] == '$') {
			s.pos++
		}
		return token{kind: word, text: s.sql[from:s.pos]}
	}
	s.pos++
	return token{kind: mark, text: s.sql[from:s.pos]}
}

// dollar reads a placeholder $1 or a dollar-quoted string $tag$ ... $tag$.
func (s *scanner) dollar() token {
	from := s.pos
	i := from + 1
	for i < len(s.sql) && isDigit(s.sql[i]) {
		i++
	}
	if i > from+1 {
		s.pos = i
		return token{kind: mark, text: s.sql[from:i]}
	}
	for i < len(s.sql) && (isWordStart(s.sql[i]) || isDigit(s.sql[i])) {
		i++
	}
	if i < len(s.sql) && s.sql[i] == '$' {
		tag := s.sql[from : i+1]
		s.skipPast(tag, len(tag))
		return token{kind: literal}
	}
	s.pos++
	return token{kind: mark, text: "$"}
}

// skipPast moves behind the next mark that starts at least offset bytes from here.
func (s *scanner) skipPast(mark string, offset int) {
	from := min(s.pos+offset, len(s.sql))
	if i := strings.Index(s.sql[from:], mark); i >= 0 {
		s.pos = from + i + len(mark)
		return
	}
	s.pos = len(s.sql)
}

// skipQuoted moves behind a quoted run; a doubled quote stands for itself, and so does what follows a backslash if that
// escapes.
func (s *scanner) skipQuoted(quote byte, backslash bool) {
	for s.pos++; s.pos < len(s.sql); s.pos++ {
		switch {
		case backslash && s.sql[s.pos] == '\\':
			s.pos++
		case s.sql[s.pos] != quote:
		case s.pos+1 < len(s.sql) && s.sql[s.pos+1] == quote:
			s.pos++
		default:
			s.pos++
			return
		}
	}
	s.pos = min(s.pos, len(s.sql))
}

// skipNumber moves behind 12, 1.5, 1e-9, 0xff.
func (s *scanner) skipNumber() {
	for s.pos < len(s.sql) {
		c := s.sql[s.pos]
		sign := (c == '+' || c == '-') && (s.sql[s.pos-1] == 'e' || s.sql[s.pos-1] == 'E') &&
			s.pos+1 < len(s.sql) && isDigit(s.sql[s.pos+1])
		if !isDigit(c) && !isWordStart(c) && c != '.' && !sign {
			return
		}
		s.pos++
	}
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func isWordStart(c byte) bool {
	return c == '_' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c >= 0x80
}
