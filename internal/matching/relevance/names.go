package relevance

import "slices"

// names numbers strings in the order in which they come. It holds no pointers: an index has a few hundred thousand names,
// and the garbage collector should not look at each.
type names struct {
	text  []byte
	ends  []uint32
	slots []uint32 // 1 + number, by hash; a power of two of them
}

func (n *names) len() int { return len(n.ends) }

func (n *names) at(i uint32) []byte {
	start := uint32(0)
	if i > 0 {
		start = n.ends[i-1]
	}
	return n.text[start:n.ends[i]]
}

func (n *names) name(i uint32) string { return string(n.at(i)) }

// bytes is how much memory it takes.
func (n *names) bytes() int { return cap(n.text) + 4*cap(n.ends) + 4*cap(n.slots) }

func hashOf[T string | []byte](s T) uint32 { // FNV-1a, stirred once more
	h := uint32(2166136261)
	for i := range len(s) {
		h = (h ^ uint32(s[i])) * 16777619
	}
	h ^= h >> 15
	return h * 2246822519
}

// find gives a name's number.
func find[T string | []byte](n *names, s T) (uint32, bool) {
	if len(n.slots) == 0 {
		return 0, false
	}
	mask := uint32(len(n.slots) - 1)
	for h := hashOf(s) & mask; ; h = (h + 1) & mask {
		switch i := n.slots[h]; {
		case i == 0:
			return 0, false
		case string(n.at(i-1)) == string(s):
			return i - 1, true
		}
	}
}

// intern gives a name's number, and says whether it is new.
func intern[T string | []byte](n *names, s T) (uint32, bool) {
	if 2*(len(n.ends)+1) > len(n.slots) {
		n.grow()
	}
	mask := uint32(len(n.slots) - 1)
	h := hashOf(s) & mask
	for ; n.slots[h] != 0; h = (h + 1) & mask {
		if i := n.slots[h] - 1; string(n.at(i)) == string(s) {
			return i, false
		}
	}
	n.text = append(n.text, s...)
	n.ends = append(n.ends, uint32(len(n.text)))
	n.slots[h] = uint32(len(n.ends))
	return uint32(len(n.ends) - 1), true
}

func (n *names) grow() {
	n.slots = make([]uint32, max(64, 2*len(n.slots)))
	mask := uint32(len(n.slots) - 1)
	for i := range n.ends {
		h := hashOf(n.at(uint32(i))) & mask
		for n.slots[h] != 0 {
			h = (h + 1) & mask
		}
		n.slots[h] = uint32(i + 1)
	}
}

// clip gives back what was allocated and not used.
func (n *names) clip() { n.text, n.ends = slices.Clone(n.text), slices.Clone(n.ends) }
