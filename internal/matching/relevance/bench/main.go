// Command bench measures relevance with the product's own code: how well labels are found, how well leervragen are
// answered, and what an index of many leerplekken costs. Its last line is JSON.
package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"

	"github.com/switchingtalent/switchboard/internal/matching/relevance"
)

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(args []string, out io.Writer) error {
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	documents := flags.String("documents", "", "documents to find labels in (id, label, desc, alts), one JSON object per line")
	queries := flags.String("queries", "", "labels to find (label, sentence, document)")
	places := flags.String("places", "", "leerplekken (id, title, description, department, function, sector, topics)")
	questions := flags.String("questions", "", "leervragen (id, title, question, goals, topics, relevant: {place: grade})")
	esco := flags.String("esco", "", "a folder with ESCO's own CSV files: measure leervragen with it, too")
	size := flags.Int("size", 100_000, "how many leerplekken to make up when no files are given")
	if err := flags.Parse(args); err != nil {
		return err
	}
	switch {
	case *documents != "" && *queries != "":
		return benchRetrieval(out, *documents, *queries)
	case *places != "" && *questions != "":
		return benchRelevance(out, *places, *questions, *esco)
	case *documents+*queries+*places+*questions == "" && !given(flags, "documents"):
		return benchCost(out, *size)
	}
	return errors.New("say DOCS and QUERIES, or PLACES and QUESTIONS, or neither of these two")
}

func given(flags *flag.FlagSet, name string) (is bool) {
	flags.Visit(func(f *flag.Flag) { is = is || f.Name == name })
	return is
}

func last(out io.Writer, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "%s\n", b)
	return err
}

func benchRetrieval(out io.Writer, documents, queries string) error {
	ds, err := readLines[concept](documents)
	if err != nil {
		return err
	}
	qs, err := readLines[labelQuery](queries)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "%d labels among %d documents; the last line is of all of them\n", len(qs), len(ds))
	found, err := findLabels(ds, qs)
	if err != nil {
		return err
	}
	for i, name := range []string{"tuned on (even lines)", "held out (odd lines)"} {
		r := recall(found, func(query int) bool { return query%2 == i })
		fmt.Fprintf(out, "  %-22s", name)
		for _, k := range slices.Sorted(maps.Keys(r)) {
			fmt.Fprintf(out, "  %s MRR@10 %.3f", k, r[k].MRR10)
		}
		fmt.Fprintln(out)
	}
	return last(out, recall(found, func(int) bool { return true }))
}

func benchRelevance(out io.Writer, places, questions, esco string) error {
	ps, err := readLines[place](places)
	if err != nil {
		return err
	}
	qs, err := readLines[leervraag](questions)
	if err != nil {
		return err
	}
	if esco != "" {
		concepts, err := relevance.ParseESCO(os.DirFS(esco))
		if err != nil {
			return err
		}
		v, err := relevance.NewVocabulary(concepts, true)
		if err != nil {
			return err
		}
		all, err := answerAll(ps, qs, relevance.Options{Vocabularies: []*relevance.Vocabulary{v}})
		if err != nil {
			return err
		}
		tell(out, fmt.Sprintf("with %d concepts of ESCO", len(concepts)), all)
	}
	all, err := answerAll(ps, qs, relevance.Options{})
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "%d leervragen to %d leerplekken; the last line is of all of them\n", len(qs), len(ps))
	for _, group := range []func(answered) string{
		func(a answered) string { return a.Kind }, func(a answered) string { return a.Form },
		func(a answered) string { return map[bool]string{true: "held out", false: "tuned on"}[isOdd(a.ID)] },
	} {
		by := map[string][]answered{}
		for _, a := range all {
			by[group(a)] = append(by[group(a)], a)
		}
		for _, name := range slices.SortedFunc(maps.Keys(by), cmp.Compare[string]) {
			tell(out, cmp.Or(name, "?"), by[name])
		}
	}
	for _, size := range []int{1, 2, 5, 10, 20, 50} {
		small, err := few(ps, qs, size, relevance.Options{})
		if err != nil {
			return err
		}
		tell(out, fmt.Sprintf("in networks of %d", size), small)
	}
	return last(out, summarise(all))
}

// isOdd says of an id whether the last digit in it is odd: that half of the questions nothing was tuned on.
func isOdd(id string) bool { return id != "" && (id[len(id)-1]-'0')%2 == 1 }

func tell(out io.Writer, name string, all []answered) {
	q := summarise(all)
	fmt.Fprintf(out, "  %-24s %3d answerable: MRR@10 %.3f, nDCG@10 %.3f, kept %.2f; %2d not: silent %.2f\n",
		name, q.answerable, q.MRR10, q.NDCG10, q.Kept, q.none, q.Silent)
}
