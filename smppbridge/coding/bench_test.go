package coding

import (
	"strings"
	"testing"
)

func benchmarkEncode(b *testing.B, c Config, text string, parts int) {
	coder := newCoder(b, c)
	var m Message
	b.ReportAllocs()
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		if err := coder.Encode(&m, text, 7); err != nil || len(m.Segments) != parts {
			b.Fatal(err, len(m.Segments))
		}
	}
}

func BenchmarkEncodeGSM7(b *testing.B) {
	benchmarkEncode(b, Config{}, strings.Repeat("Hello, world. 12", 10), 1)
}

func BenchmarkEncodePacked(b *testing.B) {
	benchmarkEncode(b, Config{Default: GSM7Packed}, strings.Repeat("Hello, world. 12", 10), 1)
}

func BenchmarkEncodeUCS2(b *testing.B) {
	benchmarkEncode(b, Config{}, strings.Repeat("Привет, ", 8), 1)
}

func BenchmarkSplit1000(b *testing.B) {
	benchmarkEncode(b, Config{}, strings.Repeat("Hello, wo€", 100), 8)
}

func BenchmarkTransliterate(b *testing.B) {
	benchmarkEncode(b, Config{Transliterate: true}, strings.Repeat("“Don’t” – wait… ", 6), 1)
}

func BenchmarkDecodeGSM7(b *testing.B) {
	coder := newCoder(b, Config{})
	p := Part{Data: []byte(strings.Repeat("Hello, world. 12", 10))}
	var dst []byte
	b.ReportAllocs()
	for b.Loop() {
		dst = coder.AppendText(dst[:0], p)
	}
}

func BenchmarkParseHeader(b *testing.B) {
	data := []byte("\x05\x00\x03\xa7\x02\x01text")
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := ParseHeader(data); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkReassemble3(b *testing.B) {
	coder := newCoder(b, Config{})
	var m Message
	if err := coder.Encode(&m, strings.Repeat("Hello, wo€", 40), 7); err != nil || len(m.Segments) != 3 {
		b.Fatal(err, len(m.Segments))
	}
	parts := received(b, &m)
	r := NewReassembler(Limits{})
	var text []byte
	b.ReportAllocs()
	for b.Loop() {
		for i, p := range parts {
			result := r.Add(epoch, "491700000001", "1234", p)
			if (i == 2) != (result.Outcome == Complete) {
				b.Fatal(result.Outcome)
			}
			if result.Outcome == Complete {
				text = coder.AppendText(text[:0], result.Whole.Parts...)
				r.Confirm(result.Whole)
			}
		}
	}
}
