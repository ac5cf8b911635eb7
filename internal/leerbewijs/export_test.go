package leerbewijs

import (
	"compress/zlib"
	"io"
	"strconv"
	"strings"
	"testing"

	"github.com/makiuchi-d/gozxing"
	"github.com/makiuchi-d/gozxing/qrcode"
	"github.com/stretchr/testify/require"
)

// ScanCode reads the code that is drawn in a PDF, as a phone would, for tests that get their PDF through the door.
func ScanCode(t *testing.T, pdf []byte) string {
	t.Helper()
	m := streams.FindStringSubmatch(string(pdf))
	require.NotNil(t, m)
	r, err := zlib.NewReader(strings.NewReader(m[1]))
	require.NoError(t, err)
	content, err := io.ReadAll(r)
	require.NoError(t, err)
	var p drawn
	for _, m := range squareOps.FindAllStringSubmatch(string(content), -1) {
		var at [4]float64
		for i, s := range m[1:] {
			at[i], err = strconv.ParseFloat(s, 64)
			require.NoError(t, err)
		}
		p.squares = append(p.squares, [4]float64{at[0] * ptToMM, sheetHeight - at[1]*ptToMM, at[2] * ptToMM, sheetHeight - at[3]*ptToMM})
	}
	bitmap, err := gozxing.NewBinaryBitmapFromImage(paint(t, p))
	require.NoError(t, err)
	result, err := qrcode.NewQRCodeReader().Decode(bitmap, map[gozxing.DecodeHintType]any{gozxing.DecodeHintType_PURE_BARCODE: true})
	require.NoError(t, err)
	return result.GetText()
}
