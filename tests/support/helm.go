// Renders the chart in packaging/kubernetes/chart without Helm: by Go's own text/template, which Helm uses, and the
// functions of Helm that the chart uses. A function that is not here fails, and so does a value that is not there.
//
//	helm CHART < values.json
//
// Standard input is what templates see: Values, Chart, Release. Each template is printed with its name before it.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"text/template"
)

type files string

// Get is .Files.Get of Helm.
func (directory files) Get(name string) (string, error) {
	text, err := os.ReadFile(filepath.Join(string(directory), name))
	return string(text), err
}

func scalar(value any) string {
	switch value.(type) {
	case map[string]any:
		return "{}"
	case []any:
		return "[]"
	}
	text, _ := json.Marshal(value)
	return string(text)
}

// lines of a value in YAML's block form, so that wrong indentation shows.
func lines(value any) []string {
	nested := func(first string, inner any) []string {
		list, isList := inner.([]any)
		mapping, isMap := inner.(map[string]any)
		if !(isList && len(list) > 0 || isMap && len(mapping) > 0) {
			return []string{first + " " + scalar(inner)}
		}
		result := []string{}
		if first != "-" {
			result = append(result, first)
		}
		for number, line := range lines(inner) {
			if first == "-" && number == 0 {
				result = append(result, "- "+line)
			} else {
				result = append(result, "  "+line)
			}
		}
		return result
	}
	result := []string{}
	switch value := value.(type) {
	case map[string]any:
		names := []string{}
		for name := range value {
			names = append(names, name)
		}
		sort.Strings(names)
		for _, name := range names {
			result = append(result, nested(name+":", value[name])...)
		}
	case []any:
		for _, inner := range value {
			result = append(result, nested("-", inner)...)
		}
	default:
		result = append(result, scalar(value))
	}
	return result
}

func isEmpty(value any) bool {
	truth, _ := template.IsTrue(value)
	return !truth
}

func nindent(spaces int, text string) string {
	before := "\n" + strings.Repeat(" ", spaces)
	return before + strings.ReplaceAll(text, "\n", before)
}

func main() {
	chart := os.Args[1]
	given := map[string]any{}
	decoder := json.NewDecoder(os.Stdin)
	decoder.UseNumber()
	check(decoder.Decode(&given))
	given["Files"] = files(chart)

	all := template.New("chart").Option("missingkey=error")
	all.Funcs(template.FuncMap{
		"toYaml":  func(value any) string { return strings.Join(lines(value), "\n") },
		"nindent": nindent,
		"quote":   func(value any) string { return fmt.Sprintf("%q", fmt.Sprint(value)) },
		"default": func(other, value any) any {
			if isEmpty(value) {
				return other
			}
			return value
		},
		"include": func(name string, data any) (string, error) {
			text := strings.Builder{}
			err := all.ExecuteTemplate(&text, name, data)
			return text.String(), err
		},
	})
	paths, err := filepath.Glob(filepath.Join(chart, "templates", "*"))
	check(err)
	for _, path := range paths {
		text, err := os.ReadFile(path)
		check(err)
		_, err = all.New(filepath.Base(path)).Parse(string(text))
		check(err)
	}
	for _, path := range paths {
		name := filepath.Base(path)
		if strings.HasPrefix(name, "_") {
			continue
		}
		text := strings.Builder{}
		check(all.ExecuteTemplate(&text, name, given))
		fmt.Printf("---\n# Source: %s\n%s\n", name, strings.TrimSpace(text.String()))
	}
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
