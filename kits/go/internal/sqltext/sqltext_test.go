package sqltext

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
)

func TestTheSharedVectorsHold(t *testing.T) {
	data, err := os.ReadFile("../../../../spec/vectors/sql.json")
	if err != nil {
		t.Fatal(err)
	}
	var vectors struct {
		Cases []struct{ Name, SQL, Text, Operation, Summary string }
	}
	if err := json.Unmarshal(data, &vectors); err != nil || len(vectors.Cases) < 20 {
		t.Fatalf("%d cases, %v", len(vectors.Cases), err)
	}
	for _, c := range vectors.Cases {
		if got, want := Parse("postgresql", c.SQL), (Statement{c.Text, c.Operation, c.Summary}); got != want {
			t.Errorf("%s: %s\ngot  %q\nwant %q", c.Name, c.SQL, got, want)
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
