package assign

import "math/bits"

// queue hands out nodes by distance. It is a radix heap (Ahuja, Mehlhorn, Orlin, Tarjan 1990): what is taken out never
// falls, so that an entry needs to be compared with others only when its turn comes near; most of what a search puts in
// is never looked at again.
type queue struct {
	last   int64 // the distance taken out last
	filled uint64
	bucket [64][]entry // by the highest bit in which a distance differs from last; 0: it does not
}

type entry struct {
	dist int64
	node int32
}

func (q *queue) clear() {
	for ; q.filled != 0; q.filled &= q.filled - 1 {
		b := bits.TrailingZeros64(q.filled)
		q.bucket[b] = q.bucket[b][:0]
	}
	q.last = 0
}

func (q *queue) push(dist int64, node int32) {
	b := bits.Len64(uint64(dist^q.last)) & 63
	q.bucket[b] = append(q.bucket[b], entry{dist, node})
	q.filled |= 1 << b
}

// pop takes out a node at the least distance, which is last then, or none. Entries that a shorter way has overtaken are
// dropped.
func (q *queue) pop(label []label) int32 {
	for q.filled != 0 {
		b := bits.TrailingZeros64(q.filled)
		list := q.bucket[b]
		if b == 0 {
			e := list[len(list)-1]
			if q.bucket[0] = list[:len(list)-1]; len(list) == 1 {
				q.filled &^= 1
			}
			if label[e.node].dist == e.dist {
				return e.node
			}
			continue
		}
		least := infinite
		k := 0
		for _, e := range list {
			if label[e.node].dist == e.dist {
				list[k] = e
				k++
				least = min(least, e.dist)
			}
		}
		q.bucket[b] = list[:0]
		q.filled &^= 1 << b
		if k == 0 {
			continue
		}
		q.last = least
		for _, e := range list[:k] {
			q.push(e.dist, e.node)
		}
	}
	return none
}
