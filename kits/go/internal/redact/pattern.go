package redact

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

const patternBytesMax = 256

// compile accepts the subset of regular expressions that RE2 and Rust's regex read alike. \d, \w, \s and \b are ASCII, as RE2
// has them.
func compile(pattern string) (*regexp.Regexp, error) {
	if pattern == "" || len(pattern) > patternBytesMax {
		return nil, fmt.Errorf("a rule has 1 to %d bytes", patternBytesMax)
	}
	if err := checkPattern(pattern); err != nil {
		return nil, err
	}
	re, err := regexp.Compile(pattern)
	if err != nil {
		return nil, err
	}
	if re.MatchString("") {
		return nil, errors.New("it matches nothing")
	}
	return re, nil
}

var repetition = regexp.MustCompile(`^\{[0-9]+(,[0-9]*)?\}`)

func checkPattern(p string) error {
	for i := 0; i < len(p); i++ {
		switch p[i] {
		case '\\':
			size, err := checkEscape(p[i:], false)
			if err != nil {
				return err
			}
			i += size - 1
		case '[':
			size, err := checkClass(p[i:])
			if err != nil {
				return err
			}
			i += size - 1
		case '(':
			if err := checkGroup(p[i:]); err != nil {
				return err
			}
		case '{':
			if !repetition.MatchString(p[i:]) {
				return errors.New("a brace that is not a repetition is not portable")
			}
		case '*', '+', '?', '}':
			if i+1 < len(p) && (p[i+1] == '+' || p[i+1] == '*' || p[i+1] == '{') {
				return errors.New("repetitions of repetitions are not portable")
			}
		}
	}
	return nil
}

// checkEscape returns the length of the escape p begins with.
func checkEscape(p string, inClass bool) (int, error) {
	if len(p) < 2 {
		return 0, errors.New("it ends with a backslash")
	}
	c := p[1]
	switch {
	case strings.IndexByte("dwstnrfv", c) >= 0:
		return 2, nil
	case !inClass && strings.IndexByte("DWSbBAz", c) >= 0:
		return 2, nil
	case c == 'x' && len(p) >= 4:
		if _, err := strconv.ParseUint(p[2:4], 16, 8); err == nil {
			return 4, nil
		}
	case c < 0x80 && !isWord(c) && c > ' ':
		return 2, nil
	}
	return 0, fmt.Errorf("the escape \\%c is not portable", c)
}

// checkClass returns the length of the class p begins with.
func checkClass(p string) (int, error) {
	i := 1
	if i < len(p) && p[i] == '^' {
		i++
	}
	for first := true; i < len(p); first = false {
		two := p[i:min(i+2, len(p))]
		switch {
		case p[i] == ']' && first:
			return 0, errors.New("a class without members is not portable")
		case p[i] == ']':
			return i + 1, nil
		case p[i] == '[', two == "&&", two == "--", two == "~~":
			return 0, errors.New("classes of classes are not portable")
		case p[i] == '\\':
			size, err := checkEscape(p[i:], true)
			if err != nil {
				return 0, err
			}
			i += size
		default:
			i++
		}
	}
	return 0, errors.New("a class is not closed")
}

// checkGroup looks at the opening of a group.
func checkGroup(p string) error {
	if !strings.HasPrefix(p, "(?") || strings.HasPrefix(p, "(?P<") {
		return nil
	}
	flags := strings.TrimLeft(p[2:], "ims")
	if flags == "" || flags[0] != ':' && (flags[0] != ')' || len(flags) == len(p)-2) {
		return errors.New("only groups (…), (?:…), (?P<name>…) and the flags i, m and s are portable")
	}
	return nil
}
