package html

import (
	"encoding/hex"
	"errors"
	"fmt"
	"math"
)

// Color is an sRGB colour.
type Color struct{ R, G, B uint8 }

// ErrColor says that a text is no colour of the form #1d4e5f.
var ErrColor = errors.New("not a colour like #1d4e5f")

// ParseColor reads #rrggbb, or returns ErrColor.
func ParseColor(s string) (Color, error) {
	if len(s) != 7 || s[0] != '#' {
		return Color{}, ErrColor
	}
	b, err := hex.DecodeString(s[1:])
	if err != nil {
		return Color{}, ErrColor
	}
	return Color{b[0], b[1], b[2]}, nil
}

// String writes #rrggbb.
func (c Color) String() string { return fmt.Sprintf("#%02x%02x%02x", c.R, c.G, c.B) }

// luminance is the relative luminance of WCAG 2.2, 0 for black to 1 for white.
func (c Color) luminance() float64 {
	linear := func(v uint8) float64 {
		s := float64(v) / 255
		if s <= 0.04045 {
			return s / 12.92
		}
		return math.Pow((s+0.055)/1.055, 2.4)
	}
	return 0.2126*linear(c.R) + 0.7152*linear(c.G) + 0.0722*linear(c.B)
}

// Contrast returns the contrast ratio of two colours by WCAG 2.2, from 1 (the same) to 21 (black and white).
func Contrast(a, b Color) float64 {
	light, dark := a.luminance(), b.luminance()
	if light < dark {
		light, dark = dark, light
	}
	return (light + 0.05) / (dark + 0.05)
}

// Ink returns black or white, whichever reads better on c. The better of the two is never below 4.5.
func (c Color) Ink() Color {
	black, white := Color{}, Color{255, 255, 255}
	if Contrast(c, white) >= Contrast(c, black) {
		return white
	}
	return black
}

// Readable returns c, moved as little as needed towards black or white for text in it to be readable on the background.
func (c Color) Readable(on Color) Color {
	ink := on.Ink()
	for step := range 20 {
		if m := c.mix(ink, float64(step)/20); Contrast(m, on) >= readable {
			return m
		}
	}
	return ink
}

// mix moves c a part of the way, 0 to 1, to another colour.
func (c Color) mix(to Color, part float64) Color {
	at := func(a, b uint8) uint8 { return uint8(math.Round(float64(a) + (float64(b)-float64(a))*part)) }
	return Color{at(c.R, to.R), at(c.G, to.G), at(c.B, to.B)}
}
