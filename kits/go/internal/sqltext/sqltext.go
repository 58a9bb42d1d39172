// Package sqltext makes SQL fit for telemetry: values are taken out of the text, and a summary with few distinct values is
// made for span names ("SELECT orders", "INSERT audit").
package sqltext

import "strings"

const (
	textBytesMax    = 2048
	summaryBytesMax = 100
)

// Statement is what may be told about an SQL text.
type Statement struct {
	Text      string // literals replaced by ?, comments dropped, white space folded; at most textBytesMax bytes
	Operation string // upper-case first keyword, "" if there is none
	Summary   string // operation and the tables it names, e.g. "SELECT orders customers"
}

// Parse reads one SQL text, leniently: what it does not understand it keeps, except values. system is db.system.name:
// MySQL and MariaDB write strings in double quotes too and escape with backslashes.
func Parse(system, sql string) Statement {
	var s summariser
	var out strings.Builder
	out.Grow(min(len(sql), textBytesMax))
	scan := scanner{sql: sql, mysql: system == "mysql" || system == "mariadb"}
	space := false
	for {
		tok := scan.next()
		if tok.kind == end {
			break
		}
		if tok.kind == gap {
			space = out.Len() > 0
			continue
		}
		s.see(tok)
		text := tok.text
		if tok.kind == literal {
			text = "?"
		}
		if out.Len()+len(text)+1 > textBytesMax {
			out.WriteString("…")
			break
		}
		if space {
			out.WriteByte(' ')
			space = false
		}
		out.WriteString(text)
	}
	return Statement{Text: out.String(), Operation: s.operation, Summary: s.summary()}
}

// summariser collects the operation and the names after FROM, JOIN, INTO, UPDATE and TABLE.
type summariser struct {
	operation string
	tables    []string
	expect    bool // the next word names a table
	list      bool // a comma may bring another table
	last      string
}

func (s *summariser) see(tok token) {
	switch {
	case tok.kind == word || tok.kind == quoted:
		s.seeWord(tok)
	case tok.text == "," && s.list:
		s.expect = true
	case tok.text == "(" && s.expect: // a subquery: its own FROM will follow
		s.expect, s.list = false, false
	}
}

func (s *summariser) seeWord(tok token) {
	upper := ""
	if tok.kind == word {
		upper = strings.ToUpper(tok.text)
	}
	defer func() { s.last = upper }()
	if s.operation == "" {
		s.operation = upper
		s.expect = upper == "UPDATE" || upper == "TRUNCATE"
		return
	}
	switch upper {
	case "FROM", "JOIN", "INTO", "TABLE":
		s.expect, s.list = true, upper == "FROM"
	case "UPDATE":
		s.expect = s.last != "FOR" && s.last != "DO" // not FOR UPDATE, not ON CONFLICT DO UPDATE
	case "ONLY", "IF", "NOT", "EXISTS", "LATERAL":
	case "WHERE", "SET", "ON", "USING", "GROUP", "ORDER", "HAVING", "LIMIT", "VALUES", "RETURNING", "SELECT":
		s.expect, s.list = false, false
	default:
		if s.expect {
			s.expect = false
			s.add(unquote(tok.text))
		}
	}
}

func (s *summariser) add(table string) {
	for _, t := range s.tables {
		if t == table {
			return
		}
	}
	s.tables = append(s.tables, table)
}

func unquote(name string) string {
	return strings.Map(func(r rune) rune {
		if r == '"' || r == '`' {
			return -1
		}
		return r
	}, name)
}

func (s *summariser) summary() string {
	out := s.operation
	for _, t := range s.tables {
		if len(out)+1+len(t) <= summaryBytesMax {
			out += " " + t
		}
	}
	return out
}
