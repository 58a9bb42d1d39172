package control

import (
	"fmt"
	"math"
)

// reader gathers what is wrong with a document.
type reader struct{ problems []error }

func (r *reader) problem(at, what string) {
	r.problems = append(r.problems, fmt.Errorf("%s %s", at, what))
}

// object is a part of the document and where it stands. Its readers note problems and give the default for what is not said.
type object struct {
	r      *reader
	path   string
	values map[string]any
}

func (o object) at(name string) string {
	if o.path == "" || name == "" {
		return o.path + name
	}
	return o.path + "." + name
}

// has says whether a field is said: null is not.
func (o object) has(name string) bool { return o.values[name] != nil }

func (o object) flag(name string, otherwise bool) bool {
	if !o.has(name) {
		return otherwise
	}
	value, ok := o.values[name].(bool)
	if !ok {
		o.r.problem(o.at(name), "is neither true nor false")
	}
	return value
}

func (o object) number(name string, least, most, otherwise float64) float64 {
	if !o.has(name) {
		return otherwise
	}
	value, ok := o.values[name].(float64)
	if !ok || !(value >= least && value <= most) {
		o.r.problem(o.at(name), fmt.Sprintf("is not a number from %v to %v", least, most))
		return otherwise
	}
	return value
}

func (o object) whole(name string, least, most, otherwise int) int {
	value := o.number(name, float64(least), float64(most), float64(otherwise))
	if value != math.Trunc(value) {
		o.r.problem(o.at(name), "is not a whole number")
		return otherwise
	}
	return int(value)
}

func (o object) text(name string, bytesMax int) string {
	if !o.has(name) {
		return ""
	}
	return o.r.text(o.at(name), o.values[name], bytesMax, true)
}

func (o object) object(name string) object {
	if !o.has(name) {
		return object{o.r, o.at(name), nil}
	}
	return o.r.object(o.at(name), o.values[name])
}

func (o object) list(name string, most int) []any {
	if !o.has(name) {
		return nil
	}
	list, ok := o.values[name].([]any)
	if !ok {
		o.r.problem(o.at(name), "is not a list")
	}
	o.count(name, len(list), most)
	return list
}

func (o object) count(name string, n, most int) {
	if n > most {
		o.r.problem(o.at(name), fmt.Sprintf("has more than %d entries", most))
	}
}

func (r *reader) object(at string, value any) object {
	values, ok := value.(map[string]any)
	if !ok {
		r.problem(at, "is not an object")
	}
	return object{r, at, values}
}

func (r *reader) text(at string, value any, bytesMax int, emptyToo bool) string {
	text, ok := value.(string)
	switch {
	case !ok:
		r.problem(at, "is not a text")
	case text == "" && !emptyToo:
		r.problem(at, "is empty")
	case len(text) > bytesMax:
		r.problem(at, fmt.Sprintf("has more than %d bytes", bytesMax))
	}
	return text
}
