package relevance

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/blevesearch/snowballstem"
	"github.com/blevesearch/snowballstem/dutch"
	"golang.org/x/text/unicode/norm"
)

// The longest word that is looked at, in bytes. What is longer is no word, and its end says nothing.
const maxWord = 48

// folded holds the letters up to U+024F without their marks, in lower case: é is e. Empty: no letter or digit.
var folded = func() (out [0x250]string) {
	for r := range rune(len(out)) {
		out[r] = foldRune(r)
	}
	return out
}()

func foldRune(r rune) string {
	switch r {
	case 'ß':
		return "ss"
	case 'æ', 'Æ':
		return "ae"
	case 'œ', 'Œ':
		return "oe"
	case 'ø', 'Ø':
		return "o"
	case 'ł', 'Ł':
		return "l"
	case 'đ', 'Đ', 'ð', 'Ð':
		return "d"
	}
	var b strings.Builder
	for _, d := range norm.NFKD.String(string(r)) {
		if unicode.IsLetter(d) || unicode.IsDigit(d) {
			b.WriteRune(unicode.ToLower(d))
		}
	}
	return b.String()
}

// eachWord calls f with every word of a text: lower case, without diacritics, split at everything that is no letter or
// digit. Invalid UTF-8, NUL and emoji separate words and are none. Composed and decomposed letters give the same word,
// e-mail is email, C++ and C# keep their signs. The bytes are f's until it returns.
func eachWord(text string, buf []byte, f func(word []byte)) []byte {
	buf = buf[:0]
	flush := func() {
		if len(buf) > 0 {
			f(buf)
			buf = buf[:0]
		}
	}
	for i := 0; i < len(text); {
		c := text[i]
		if c < utf8.RuneSelf {
			i++
			switch {
			case 'a' <= c && c <= 'z' || '0' <= c && c <= '9':
				if len(buf) < maxWord {
					buf = append(buf, c)
				}
			case 'A' <= c && c <= 'Z':
				if len(buf) < maxWord {
					buf = append(buf, c|0x20)
				}
			case c == '-' && len(buf) == 1 && buf[0] > '9' && i < len(text) && text[i] > ' ':
				// e-mail, t-shirt, x-ray
			case (c == '+' || c == '#') && len(buf) > 0 && len(buf) <= 3:
				buf = append(buf, c)
			default:
				flush()
			}
			continue
		}
		r, n := utf8.DecodeRuneInString(text[i:])
		i += n
		switch {
		case r == utf8.RuneError:
			flush()
		case int(r) < len(folded) && folded[r] != "":
			if s := folded[r]; len(buf)+len(s) <= maxWord {
				buf = append(buf, s...)
			}
		case unicode.Is(unicode.Mn, r) || unicode.Is(unicode.Cf, r) && r != '\u200d': // marks, soft hyphens
		case unicode.IsLetter(r) || unicode.IsDigit(r):
			if s := foldRune(r); len(buf)+len(s) <= maxWord {
				buf = append(buf, s...)
			}
		default:
			flush()
		}
	}
	flush()
	return buf
}

// stem is the word without its endings, by Snowball's Dutch rules. Those leave lass of lassen but las of las, and
// huiz of huizen: no Dutch word ends in a consonant written twice, in z or in v.
func stem(word string) string {
	if len(word) < 3 {
		return word
	}
	env := snowballstem.NewEnv(word)
	dutch.Stem(env)
	s := env.Current()
	n := len(s)
	switch {
	case n <= 3:
	case s[n-1] == s[n-2] && s[n-1] < utf8.RuneSelf && !strings.ContainsRune("aeiou", rune(s[n-1])):
		return s[:n-1]
	case s[n-1] == 'z':
		return s[:n-1] + "s"
	case s[n-1] == 'v':
		return s[:n-1] + "f"
	}
	return s
}

// agents are the endings of those who do something, longest first, and what stands in their place to name what they do:
// lasser and lassen, verpleegster and verpleger, directrice and directeur, technica and techniek.
var agents = []struct{ ending, instead string }{
	{"aarsters", ""}, {"aarster", ""}, {"trices", "t"}, {"trice", "t"}, {"teuses", "t"}, {"teuse", "t"}, {"euses", ""}, {"euse", ""},
	{"teurs", "t"}, {"teur", "t"}, {"eurs", ""}, {"eur", ""}, {"sters", ""}, {"ster", ""}, {"aressen", ""}, {"ares", ""},
	{"logen", "logie"}, {"loog", "logie"}, {"loge", "logie"}, {"grafen", "grafie"}, {"graaf", "grafie"}, {"grafe", "grafie"},
	{"icus", "iek"}, {"ica", "iek"}, {"ici", "iek"}, {"aars", ""}, {"aar", ""}, {"ers", ""}, {"er", ""},
}

// root is the stem of what somebody does, when a word may name who does it; else empty.
func root(word string) string {
	for _, a := range agents {
		r, ok := strings.CutSuffix(word, a.ending)
		if !ok {
			continue
		}
		r += a.instead
		if n := len(r); n > 3 && r[n-1] == r[n-2] && r[n-1] < utf8.RuneSelf { // lasser, las
			return r[:n-1]
		}
		if len(r) < 4 {
			return ""
		}
		return stem(r)
	}
	return ""
}

// spelled is how letters sound.
type spelled struct{ letters, sound string }

// spellings sound alike where their sounds are equal; the first that fits counts.
var spellings = []spelled{
	{"eau", "o"}, {"sch", "sg"}, {"auw", "ou"}, {"ouw", "ou"},
	{"ei", "y"}, {"ij", "y"}, {"au", "ou"}, {"ou", "ou"}, {"ie", "i"}, {"ae", "a"},
	{"ch", "g"}, {"gh", "g"}, {"ph", "f"}, {"th", "t"}, {"dt", "t"}, {"qu", "kw"},
	{"c", "k"}, {"q", "k"}, {"x", "ks"}, {"z", "s"}, {"v", "f"},
}

// sound spells a word as it sounds in Dutch, so that what is heard alike is written alike: ei and ij, au and ou, c and k,
// g and ch, d and t at the end, one letter or two. Spelling mistakes and most dialect spellings fall together here.
func sound(word string) string {
	out := make([]byte, 0, len(word))
	put := func(s string) {
		for i := range len(s) {
			if len(out) == 0 || out[len(out)-1] != s[i] {
				out = append(out, s[i])
			}
		}
	}
	for rest := word; rest != ""; {
		said := spelled{rest[:1], rest[:1]}
		switch {
		case rest == "d":
			said.sound = "t"
		case rest == "b":
			said.sound = "p"
		case rest[0] == 'c' && len(rest) > 1 && strings.IndexByte("eiy", rest[1]) >= 0:
			said.sound = "s"
		default:
			if n := slices.IndexFunc(spellings, func(x spelled) bool { return strings.HasPrefix(rest, x.letters) }); n >= 0 {
				said = spellings[n]
			}
		}
		put(said.sound)
		rest = rest[len(said.letters):]
	}
	return string(out)
}

// gramSize is the length of a gram, in bytes.
const gramSize = 4

// grams calls f with every run of four characters of a word, whose beginning and end count as one. What is shorter is one
// gram.
func grams(word string, f func(gram string)) {
	padded := "^" + word + "$"
	if len(padded) <= gramSize {
		f(padded)
		return
	}
	for i := 0; i+gramSize <= len(padded); i++ {
		f(padded[i : i+gramSize])
	}
}
