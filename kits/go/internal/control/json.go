// Strict JSON: encoding/json forgives what the Rust kit's parser does not, and both must accept the same documents.

package control

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"unicode/utf8"
)

const depthMax = 64

// decode reads a JSON object: numbers as float64, the last of repeated names.
func decode(body []byte) (map[string]any, error) {
	if !utf8.Valid(body) {
		return nil, errors.New("the document is not UTF-8")
	}
	if err := checkText(body); err != nil {
		return nil, err
	}
	var tree any
	if err := json.Unmarshal(body, &tree); err != nil {
		return nil, fmt.Errorf("the document is not JSON: %w", err)
	}
	object, ok := tree.(map[string]any)
	if !ok {
		return nil, errors.New("the document is not an object")
	}
	return object, nil
}

// checkText looks for nesting too deep and for halves of surrogate pairs, which encoding/json would replace.
func checkText(body []byte) error {
	depth, inText := 0, false
	for i := 0; i < len(body); i++ {
		switch c := body[i]; {
		case inText && c == '\\':
			width, err := checkEscape(body[i:])
			if err != nil {
				return err
			}
			i += width - 1
		case c == '"':
			inText = !inText
		case inText:
		case c == '{' || c == '[':
			if depth++; depth > depthMax {
				return errors.New("the document is nested too deep")
			}
		case c == '}' || c == ']':
			depth--
		}
	}
	return nil
}

// checkEscape returns the length of the escape the text begins with, of both when it is a pair of surrogates.
func checkEscape(text []byte) (int, error) {
	switch unit := unitOf(text); {
	case unit < 0xd800 || unit > 0xdfff:
		return 2, nil // what follows \u reads as plain text here
	case unit <= 0xdbff:
		if low := unitOf(text[6:]); low >= 0xdc00 && low <= 0xdfff {
			return 12, nil
		}
	}
	return 0, errors.New("the document has half a surrogate pair")
}

// unitOf is the code unit of \uXXXX, 0 for anything else.
func unitOf(text []byte) uint64 {
	if len(text) < 6 || !bytes.HasPrefix(text, []byte(`\u`)) {
		return 0
	}
	unit, _ := strconv.ParseUint(string(text[2:6]), 16, 16)
	return unit
}
