package throughline_test

import (
	"go/ast"
	"go/doc"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// The packages people import: this one and all whose folder is next to it, internal ones left out.
func publicPackages(t *testing.T) []*doc.Package {
	t.Helper()
	sources, err := filepath.Glob("tl*/*.go")
	var folders []string
	for _, source := range sources {
		if folder := filepath.Dir(source); !slices.Contains(folders, folder) {
			folders = append(folders, folder)
		}
	}
	if err != nil || len(folders) < 10 {
		t.Fatalf("%d packages: %v", len(folders), err)
	}
	var packages []*doc.Package
	for _, folder := range append(folders, ".") {
		fset, files := token.NewFileSet(), []*ast.File{}
		names, err := filepath.Glob(filepath.Join(folder, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			file, err := parser.ParseFile(fset, name, nil, parser.ParseComments)
			if err != nil {
				t.Fatal(err)
			}
			files = append(files, file)
		}
		path := strings.TrimSuffix("throughline.dev/kits/go/"+folder, "/.")
		p, err := doc.NewFromFiles(fset, files, path)
		if err != nil {
			t.Fatal(err)
		}
		packages = append(packages, p)
	}
	return packages
}

func TestEverythingExportedIsDocumented(t *testing.T) {
	for _, p := range publicPackages(t) {
		told := func(name, text string) {
			if strings.TrimSpace(text) == "" {
				t.Errorf("%s: %s has no documentation", p.Name, name)
			}
		}
		told("the package", p.Doc)
		values := slices.Concat(p.Consts, p.Vars)
		functions := p.Funcs
		for _, typ := range p.Types {
			told(typ.Name, typ.Doc)
			values = append(values, slices.Concat(typ.Consts, typ.Vars)...)
			functions = append(functions, slices.Concat(typ.Funcs, typ.Methods)...)
			if structure, ok := typ.Decl.Specs[0].(*ast.TypeSpec).Type.(*ast.StructType); ok {
				fieldsTold(structure, typ.Doc, func(name, text string) { told(typ.Name+"."+name, text) })
			}
		}
		for _, v := range values {
			told(strings.Join(v.Names, ", "), v.Doc)
		}
		for _, f := range functions {
			told(f.Name, f.Doc)
		}
	}
}

// fieldsTold takes a field's own words, those beside it, or those of the type when it is named there or says it all with its own name.
func fieldsTold(structure *ast.StructType, ofType string, told func(name, text string)) {
	for _, field := range structure.Fields.List {
		for _, name := range field.Names {
			if !name.IsExported() || strings.Contains(ofType, name.Name) {
				continue
			}
			told(name.Name, field.Doc.Text()+field.Comment.Text())
		}
	}
}

func TestEveryPackageHasAnExample(t *testing.T) {
	for _, p := range publicPackages(t) {
		examples := len(p.Examples)
		for _, f := range p.Funcs {
			examples += len(f.Examples)
		}
		for _, typ := range p.Types {
			examples += len(typ.Examples)
			for _, f := range slices.Concat(typ.Funcs, typ.Methods) {
				examples += len(f.Examples)
			}
		}
		if examples == 0 {
			t.Errorf("%s has no example", p.Name)
		}
	}
}
