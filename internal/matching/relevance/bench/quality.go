package main

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"slices"

	"github.com/switchingtalent/switchboard/internal/matching/relevance"
)

// depth is how far down an answer is looked at.
const depth = 10

// retrieval is how often, and how high, the one right document was found.
type retrieval struct {
	MRR10   float64 `json:"mrr10"`
	Recall1 float64 `json:"recall1"`
	Recall5 float64 `json:"recall5"`
}

type concept struct {
	ID          int      `json:"id"`
	Label       string   `json:"label"`
	Description string   `json:"desc"`
	Alts        []string `json:"alts"`
}

type labelQuery struct {
	Label    string `json:"label"`
	Sentence string `json:"sentence"`
	Document int    `json:"document"`
}

// key makes an ID of a number.
func key(n int) (out relevance.ID) {
	binary.BigEndian.PutUint64(out[8:], uint64(n))
	return out
}

func number(id relevance.ID) int { return int(binary.BigEndian.Uint64(id[8:])) }

// findLabels asks every query of the documents, with and without their other labels (S1, S2), by its label and in its
// sentence (Q1, Q2). It gives the place of each one's document, from 1; 0 where it is not among the first ten.
func findLabels(documents []concept, queries []labelQuery) (map[string][]int, error) {
	out := map[string][]int{}
	for _, s := range []string{"S1", "S2"} {
		ix, err := relevance.Build(relevance.Options{}, func(yield func(relevance.Document) bool) {
			for _, d := range documents {
				doc := relevance.Document{ID: key(d.ID), Title: d.Label, Description: d.Description}
				if s == "S2" {
					doc.Topics = d.Alts
				}
				if !yield(doc) {
					return
				}
			}
		})
		if err != nil {
			return nil, err
		}
		for _, q := range []string{"Q1", "Q2"} {
			for _, x := range queries {
				text := x.Label
				if q == "Q2" {
					text = x.Sentence
				}
				hits := ix.Ask(relevance.Question{Title: text}).Top(depth, nil)
				out[s+q] = append(out[s+q], 1+slices.IndexFunc(hits, func(h relevance.Hit) bool { return number(h.ID) == x.Document }))
			}
		}
	}
	return out, nil
}

// recall sums up the places that findLabels gives, of those queries that of wants.
func recall(found map[string][]int, of func(query int) bool) map[string]retrieval {
	out := map[string]retrieval{}
	for setting, places := range found {
		var r retrieval
		n := 0.0
		for query, place := range places {
			if !of(query) {
				continue
			}
			n++
			if place == 0 {
				continue
			}
			r.MRR10 += 1 / float64(place)
			if place == 1 {
				r.Recall1++
			}
			if place <= 5 {
				r.Recall5++
			}
		}
		n = max(1, n)
		out[setting] = retrieval{round(r.MRR10 / n), round(r.Recall1 / n), round(r.Recall5 / n)}
	}
	return out
}

func round(v float64) float64 { return math.Round(v*1000) / 1000 }

type place struct {
	ID          string   `json:"id"`
	Title       string   `json:"title"`
	Description string   `json:"description"`
	Department  string   `json:"department"`
	Function    string   `json:"function"`
	Sector      string   `json:"sector"`
	Topics      []string `json:"topics"`
}

type leervraag struct {
	ID       string         `json:"id"`
	Title    string         `json:"title"`
	Question string         `json:"question"`
	Goals    []string       `json:"goals"`
	Topics   []string       `json:"topics"`
	Kind     string         `json:"kind"`
	Form     string         `json:"form"`
	Relevant map[string]int `json:"relevant"`
}

// quality is how well leervragen were answered: those that a place answers by rank, the others by silence.
type quality struct {
	MRR10  float64 `json:"mrr10"`
	NDCG10 float64 `json:"ndcg10"`
	Silent float64 `json:"silent_when_none"`
	Kept   float64 `json:"kept_when_some"`

	answerable, none int
}

// answered is one leervraag with its answer.
type answered struct {
	leervraag
	mrr, ndcg float64
	best      int // score of the first
	confident bool
	hits      []relevance.Hit
}

// answerAll builds an index of the places and asks it every leervraag.
func answerAll(places []place, questions []leervraag, options relevance.Options) ([]answered, error) {
	ix, err := relevance.Build(options, func(yield func(relevance.Document) bool) {
		for i, p := range places {
			if !yield(relevance.Document{ID: key(i), Title: p.Title, Description: p.Description, Department: p.Department, Function: p.Function, Sector: p.Sector, Topics: p.Topics}) {
				return
			}
		}
	})
	if err != nil {
		return nil, err
	}
	var out []answered
	for _, q := range questions {
		hits := ix.Ask(relevance.Question{Title: q.Title, Text: q.Question, Goals: q.Goals, Topics: q.Topics}).Top(depth, nil)
		a := answered{leervraag: q, hits: hits}
		var ideal []int
		for _, grade := range q.Relevant {
			ideal = append(ideal, grade)
		}
		slices.Sort(ideal)
		slices.Reverse(ideal)
		best, got := 0.0, 0.0
		for i, grade := range ideal[:min(len(ideal), depth)] {
			best += gain(grade, i)
		}
		for i, h := range hits {
			grade := q.Relevant[places[number(h.ID)].ID]
			got += gain(grade, i)
			if grade >= 2 && a.mrr == 0 {
				a.mrr = 1 / float64(i+1)
			}
			a.confident = a.confident || h.Confident
		}
		if best > 0 {
			a.ndcg = got / best
		}
		if len(hits) > 0 {
			a.best = hits[0].Score
		}
		out = append(out, a)
	}
	return out, nil
}

// few answers every leervraag in small networks: the places are dealt out at random, so many to each, and each network has an
// index of its own. A leervraag counts as answerable where a place of its network is good, as one that nobody answers where none
// is of any use, and not at all otherwise.
func few(places []place, questions []leervraag, size int, options relevance.Options) ([]answered, error) {
	var out []answered
	r := rand.New(rand.NewPCG(uint64(size), 5))
	for range min(size, 4) { // how often all places are dealt out
		for network := range slices.Chunk(r.Perm(len(places)), size) {
			var here []place
			for _, i := range network {
				here = append(here, places[i])
			}
			var asked []leervraag
			for _, q := range questions {
				relevant, best := map[string]int{}, 0
				for _, p := range here {
					if grade := q.Relevant[p.ID]; grade > 0 {
						relevant[p.ID], best = grade, max(best, grade)
					}
				}
				if q.Relevant = relevant; best != 1 {
					asked = append(asked, q)
				}
			}
			all, err := answerAll(here, asked, options)
			if err != nil {
				return nil, err
			}
			out = append(out, all...)
		}
	}
	return out, nil
}

func gain(grade, place int) float64 {
	return (math.Exp2(float64(grade)) - 1) / math.Log2(float64(place)+2)
}

func summarise(all []answered) (q quality) {
	for _, a := range all {
		if len(a.Relevant) == 0 {
			q.none++
			if !a.confident {
				q.Silent++
			}
			continue
		}
		q.answerable++
		q.MRR10 += a.mrr
		q.NDCG10 += a.ndcg
		if a.confident {
			q.Kept++
		}
	}
	n := float64(max(1, q.answerable))
	q.MRR10, q.NDCG10, q.Kept, q.Silent = round(q.MRR10/n), round(q.NDCG10/n), round(q.Kept/n), round(q.Silent/float64(max(1, q.none)))
	return q
}

// readLines reads a file of one JSON object per line. Members that T does not know are passed over, missing ones are empty.
func readLines[T any](file string) ([]T, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var out []T
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 16<<20)
	for n := 1; lines.Scan(); n++ {
		line := bytes.TrimSpace(bytes.TrimPrefix(lines.Bytes(), []byte("\ufeff")))
		if len(line) == 0 {
			continue
		}
		var v T
		if err := json.Unmarshal(line, &v); err != nil {
			return nil, fmt.Errorf("%s, line %d: %w", file, n, err)
		}
		out = append(out, v)
	}
	return out, lines.Err()
}
