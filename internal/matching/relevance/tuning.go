package relevance

// tuning holds every number that was chosen by measuring; docs/matching-engineers.md says on which questions, and what others
// give.
var tuning = struct {
	field     [nFields]float64 // how much a word weighs by where it stands
	gramField [nFields]float64
	channel   [channels]struct{ weight, k1, b float64 }
	ask       struct{ title, text, goals, topics, weak, corrected float64 }
	evidence  [channels]float64 // how much of a gain is a reason to propose
	story     float64           // words: a question so long is half a label and half a story
	dullGram  float64           // the idf below which a gram says nothing
	learned   float64           // the most that what was learned adds to a gain
	most      float64           // of a repeated word
	unseen    float64           // share of the ceiling of a word that no document has
}{
	field:     [nFields]float64{inTitle: 3, inTopics: 2, inFunction: 2, inDepartment: 1.5, inSector: 1, inDescription: 1},
	gramField: [nFields]float64{inTitle: 2, inTopics: 1, inFunction: 1, inDescription: 0.1},
	channel: [channels]struct{ weight, k1, b float64 }{
		words:    {0.2, 1.2, 0.75},
		spelling: {0.35, 0.6, 0.75},
		concepts: {1.5, 2, 0.5},
		domains:  {0.15, 1.2, 0.5},
		topics:   {0.2, 0.5, 0},
	},
	ask:      struct{ title, text, goals, topics, weak, corrected float64 }{1.5, 1, 1.2, 1.5, 0.3, 0.8},
	evidence: [channels]float64{words: 1, spelling: 0.5, concepts: 1, topics: 1},
	story:    6,
	dullGram: 1.6,
	learned:  0.1,
	most:     2,
	unseen:   0.5,
}

// evidenceNeeded is how much a document must gain, of scale, before it may be proposed. It is not what a score says: the
// same field of work alone is no reason, letters in common half of one.
const evidenceNeeded = scale / 1000 * 66
