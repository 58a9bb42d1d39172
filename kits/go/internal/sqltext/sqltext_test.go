package sqltext

import (
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	for _, c := range []struct{ sql, text, summary string }{
		{"SELECT 1", "SELECT ?", "SELECT"},
		{"select * from orders where id = 7", "select * from orders where id = ?", "SELECT orders"},
		{"  SELECT a,\n\tb FROM s.orders o -- why 'x'\n WHERE n='it''s' AND d=$1;", "SELECT a, b FROM s.orders o WHERE n=? AND d=$1;", "SELECT s.orders"},
		{`SELECT "a" FROM "public"."Orders" WHERE x = -1.5e-3`, `SELECT "a" FROM "public"."Orders" WHERE x = -?`, "SELECT public.Orders"},
		{"SELECT * FROM a, b JOIN c ON a.id = c.id", "SELECT * FROM a, b JOIN c ON a.id = c.id", "SELECT a b c"},
		{"SELECT * FROM (SELECT 1 FROM inner_t) x", "SELECT * FROM (SELECT ? FROM inner_t) x", "SELECT inner_t"},
		{"SELECT a FROM t WHERE b FOR UPDATE", "SELECT a FROM t WHERE b FOR UPDATE", "SELECT t"},
		{"INSERT INTO audit (a) VALUES ('x', 0xff, E'\\'y', $tag$ $1 secret $tag$)", "INSERT INTO audit (a) VALUES (?, ?, ?, ?)", "INSERT audit"},
		{"INSERT INTO t VALUES (1) ON CONFLICT (a) DO UPDATE SET b = 2", "INSERT INTO t VALUES (?) ON CONFLICT (a) DO UPDATE SET b = ?", "INSERT t"},
		{"UPDATE ONLY items SET n = n - 1", "UPDATE ONLY items SET n = n - ?", "UPDATE items"},
		{"DELETE FROM items WHERE sku IN ('a', 'b')", "DELETE FROM items WHERE sku IN (?, ?)", "DELETE items"},
		{"CREATE TABLE IF NOT EXISTS p (a int)", "CREATE TABLE IF NOT EXISTS p (a int)", "CREATE p"},
		{"begin", "begin", "BEGIN"},
		{"/* route=/a */ SELECT x FROM t1", "SELECT x FROM t1", "SELECT t1"},
		{"SELECT 'never closed, with a secret", "SELECT ?", "SELECT"},
		{"SELECT E'ends with a backslash\\", "SELECT ?", "SELECT"},
		{"", "", ""},
		{"(SELECT a FROM b)", "(SELECT a FROM b)", "SELECT b"},
	} {
		got := Parse("postgresql", c.sql)
		if got.Text != c.text || got.Summary != c.summary {
			t.Errorf("%s\ngot  %q, %q\nwant %q, %q", c.sql, got.Text, got.Summary, c.text, c.summary)
		}
	}
}

func TestMySQLStringsMayBeInDoubleQuotes(t *testing.T) {
	got := Parse("mysql", `SELECT a FROM `+"`t`"+` WHERE b = "secret \" still" AND c = 'also \' secret'`)
	if got.Text != "SELECT a FROM `t` WHERE b = ? AND c = ?" || got.Summary != "SELECT t" {
		t.Errorf("got %+v", got)
	}
}

func TestLengthsAreBounded(t *testing.T) {
	got := Parse("postgresql", "SELECT * FROM "+strings.Repeat("t", 200)+" JOIN b ON "+strings.Repeat("x = y AND ", 1000))
	if len(got.Text) > textBytesMax+len("…") || got.Summary != "SELECT b" {
		t.Errorf("%d bytes of text, summary %q", len(got.Text), got.Summary)
	}
}

// FuzzParse: no string literal comes through, whatever surrounds it, and nothing panics.
func FuzzParse(f *testing.F) {
	f.Add("SELECT a FROM b WHERE c = ", " AND d = 1")
	f.Add("INSERT INTO t VALUES ($1, ", ")")
	f.Fuzz(func(t *testing.T, before, after string) {
		Parse("postgresql", before)
		Parse("mysql", before+after)
		if strings.ContainsAny(before, "'\"`$/-\\") || strings.HasSuffix(strings.ToLower(before), "e") {
			return // the literal may then be inside something else
		}
		got := Parse("postgresql", before+"'SECRETVALUE'"+after)
		if strings.Contains(got.Text, "SECRETVALUE") && !strings.Contains(before+after, "SECRETVALUE") {
			t.Fatalf("%q came through in %q", before+"'SECRETVALUE'"+after, got.Text)
		}
	})
}
