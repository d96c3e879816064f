package server

import (
	"encoding/json"
	"strings"
)

// lenientJSON makes JSON of what clients of file collections may send in its place: keys and
// texts without quotes, as the parser takes them that the contract grew up with. What is JSON
// already, or is beyond help, is returned as it is; the strict parser judges it.
func lenientJSON(body []byte) []byte {
	if json.Valid(body) {
		return body
	}
	quoted := make([]byte, 0, len(body)+len(body)/4)
	for i := 0; i < len(body); {
		switch c := body[i]; {
		case c == '"':
			end := endOfText(body, i)
			quoted = append(quoted, body[i:end]...)
			i = end
		case strings.IndexByte(" \t\r\n{}[]:,", c) >= 0:
			quoted = append(quoted, c)
			i++
		default:
			end := i
			for end < len(body) && strings.IndexByte(" \t\r\n{}[]:,\"", body[end]) < 0 {
				end++
			}
			quoted = appendBare(quoted, body[i:end])
			i = end
		}
	}
	if !json.Valid(quoted) {
		return body
	}
	return quoted
}

// endOfText is where the quoted text ends that begins at i.
func endOfText(body []byte, i int) int {
	for i++; i < len(body); i++ {
		switch body[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(body)
}

// appendBare adds a word that stands without quotes: a number, true, false and null as they
// are, all else as a text.
func appendBare(to, word []byte) []byte {
	if json.Valid(word) {
		return append(to, word...)
	}
	for _, c := range word {
		if c == '\\' || c < ' ' {
			return append(to, word...) // not ours to repair
		}
	}
	to = append(to, '"')
	to = append(to, word...)
	return append(to, '"')
}
