package web

import (
	"mime"
	"strconv"
	"strings"
)

// PrefersJSON reports whether an Accept header (RFC 9110, section 12.5.1) would rather have JSON than a page. A page wins a
// draw, unless JSON is named and HTML is not: scripts ask for "application/json, */*".
func PrefersJSON(accept string) bool {
	var page, data float64
	var pageNamed, dataNamed bool
	for part := range strings.SplitSeq(accept, ",") {
		t, params, err := mime.ParseMediaType(part)
		if err != nil {
			continue
		}
		q := 1.0
		if text, ok := params["q"]; ok {
			if q, err = strconv.ParseFloat(text, 64); err != nil || q < 0 || q > 1 {
				continue
			}
		}
		// What is named counts more than what a wildcard lets in.
		switch t {
		case "text/html", "application/xhtml+xml":
			if !pageNamed || q > page {
				page, pageNamed = q, true
			}
		case "application/json":
			data, dataNamed = q, true
		case "text/*":
			if !pageNamed {
				page = q
			}
		case "application/*":
			if !dataNamed {
				data = q
			}
		case "*/*":
			if !pageNamed {
				page = max(page, q)
			}
			if !dataNamed {
				data = max(data, q)
			}
		}
	}
	return data > page || data > 0 && data == page && dataNamed && !pageNamed
}
