// Finding secrets in text, by hand and not by regular expressions: each scan is linear, and reads the same in both kits. Only
// ASCII is looked at, so cuts never fall inside a character.

package redact

import "strings"

func isWord(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || isDigit(c) || c == '_'
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func isSpace(c byte) bool { return c == ' ' || c >= '\t' && c <= '\r' }

func isName(c byte) bool { return isWord(c) || c == '-' || c == '.' || c == '[' || c == ']' }

// isBase64 takes both alphabets and what separates the parts of a JSON web token.
func isBase64(c byte) bool {
	return isWord(c) || c == '-' || c == '.' || c == '~' || c == '+' || c == '/' || c == '='
}

func wordBefore(s string, i int) bool { return i > 0 && isWord(s[i-1]) }

// edit builds a text with parts replaced, and copies nothing as long as there are none.
type edit struct {
	from string
	out  strings.Builder
	done int // how much of from is in out
}

func (e *edit) replace(start, end int, with string) {
	e.out.WriteString(e.from[e.done:start])
	e.out.WriteString(with)
	e.done = end
}

func (e *edit) text() string {
	if e.done == 0 {
		return e.from
	}
	e.out.WriteString(e.from[e.done:])
	return e.out.String()
}

// userInfo: what stands between :// and the last @ of the authority.
func userInfo(s string) string {
	e := edit{from: s}
	for i := 0; ; {
		next := strings.Index(s[i:], "://")
		if next < 0 {
			return e.text()
		}
		start := i + next + 3
		end := start
		for end < len(s) && !isSpace(s[end]) && strings.IndexByte(`/?#"'<>`, s[end]) < 0 {
			end++
		}
		if at := strings.LastIndexByte(s[start:end], '@'); at > 0 && s[start:start+at] != Redacted {
			e.replace(start, start+at, Redacted)
		}
		i = end
	}
}

// webTokens: JSON web tokens, which begin with the base64 of {".
func webTokens(s string) string {
	e := edit{from: s}
	for i := 0; ; {
		next := strings.Index(s[i:], "eyJ")
		if next < 0 {
			return e.text()
		}
		start := i + next
		end := start
		for end < len(s) && (isWord(s[end]) || s[end] == '-' || s[end] == '.') {
			end++
		}
		parts := strings.Split(strings.TrimRight(s[start:end], "."), ".")
		if !wordBefore(s, start) && len(parts) >= 2 && len(parts[0]) > 10 && len(parts[1]) > 7 {
			e.replace(start, end, Redacted)
		}
		i = end
	}
}

// credentials: what follows the words bearer and basic, when it looks like a credential and not like prose.
func credentials(s string) string {
	e := edit{from: s}
	for i := 0; i < len(s); i++ {
		if c := s[i] | 0x20; c != 'b' || wordBefore(s, i) {
			continue
		}
		start := schemeEnd(s, i)
		if start < 0 {
			continue
		}
		end := start
		for end < len(s) && isBase64(s[end]) {
			end++
		}
		i = start - 1
		if credential := strings.TrimRight(s[start:end], "."); isCredential(credential) {
			e.replace(start, start+len(credential), Redacted)
			i = end - 1
		}
	}
	return e.text()
}

// schemeEnd is where the credential begins after a scheme at i, or -1.
func schemeEnd(s string, i int) int {
	for _, scheme := range [...]string{"bearer", "basic"} {
		end := i + len(scheme)
		if end >= len(s) || s[end] != ' ' || !strings.EqualFold(s[i:end], scheme) {
			continue
		}
		for end < len(s) && s[end] == ' ' {
			end++
		}
		return end
	}
	return -1
}

func isCredential(s string) bool {
	if len(s) < 8 {
		return false
	}
	for i := range len(s) {
		if c := s[i]; isDigit(c) || c == '=' || i > 0 && c >= 'A' && c <= 'Z' {
			return true
		}
	}
	return false
}

// cards: 13 to 19 digits, in groups parted by single spaces or hyphens, with an issuer's prefix and a right check digit.
func cards(s string) string {
	if digits(s) < cardDigitsMin {
		return s
	}
	e := edit{from: s}
	for i := 0; i < len(s); {
		if !isDigit(s[i]) {
			i++
			continue
		}
		var groups [][2]int // of digits, from and to
		end := i
		for end < len(s) && isDigit(s[end]) {
			start := end
			for end < len(s) && isDigit(s[end]) {
				end++
			}
			groups = append(groups, [2]int{start, end})
			if end+1 < len(s) && (s[end] == ' ' || s[end] == '-') && isDigit(s[end+1]) {
				end++
			}
		}
		for first := 0; first < len(groups); first++ {
			for last := min(len(groups), first+cardDigitsMax) - 1; last >= first; last-- {
				if start, to := groups[first][0], groups[last][1]; standsAlone(s, start, to) && isCard(s[start:to]) {
					e.replace(start, to, Redacted)
					first = last
					break
				}
			}
		}
		i = end
	}
	return e.text()
}

func digits(s string) int {
	n := 0
	for i := range len(s) {
		if isDigit(s[i]) {
			n++
		}
	}
	return n
}

// standsAlone: not part of a word or of a fraction.
func standsAlone(s string, start, end int) bool {
	if wordBefore(s, start) || end < len(s) && isWord(s[end]) {
		return false
	}
	if start > 1 && s[start-1] == '.' && isDigit(s[start-2]) {
		return false
	}
	return end+1 >= len(s) || s[end] != '.' || !isDigit(s[end+1])
}

const (
	cardDigitsMin = 13
	cardDigitsMax = 19
)

func isCard(s string) bool {
	var digits [cardDigitsMax]int
	n := 0
	for _, c := range []byte(s) {
		if !isDigit(c) {
			continue
		}
		if n == cardDigitsMax {
			return false
		}
		digits[n] = int(c - '0')
		n++
	}
	if n < cardDigitsMin {
		return false
	}
	sum := 0
	for i, d := range digits[:n] {
		if (n-i)%2 == 0 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
	}
	prefix := digits[0]*1000 + digits[1]*100 + digits[2]*10 + digits[3]
	return sum%10 == 0 && hasIssuer(prefix, n)
}

// hasIssuer knows the first four digits and the length of the cards in use (ISO/IEC 7812).
func hasIssuer(prefix, n int) bool {
	switch two := prefix / 100; {
	case prefix/1000 == 4: // Visa
		return n == 13 || n == 16 || n == 19
	case two >= 51 && two <= 55, prefix >= 2221 && prefix <= 2720: // Mastercard
		return n == 16
	case two == 34, two == 37: // American Express
		return n == 15
	case two == 36, two == 38, two == 39, prefix/10 >= 300 && prefix/10 <= 305: // Diners Club
		return n >= 14
	case prefix == 6011, two == 65, prefix/10 >= 644 && prefix/10 <= 649, two == 62, prefix >= 3528 && prefix <= 3589: // Discover, UnionPay, JCB
		return n >= 16
	case two == 50, two >= 56 && two <= 58, prefix == 6304, prefix == 6759, prefix >= 6761 && prefix <= 6763: // Maestro
		return true
	}
	return false
}
