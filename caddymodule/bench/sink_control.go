//go:build linux

package main

import (
	"encoding/json"
	"net/http"
)

// control is the sink's second port, where the runner reads results:
//
//	GET  /counts       events since the last reset; cheap enough to poll
//	GET  /latency      percentiles since the last reset
//	POST /reset        forget everything counted, but not which events were seen
//	POST /mode/{mode}  normal, fail, hang, or refuse
func (s *sink) control() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /counts", func(w http.ResponseWriter, _ *http.Request) {
		s.mu.Lock()
		c := s.counts
		s.mu.Unlock()
		writeJSON(w, c)
	})
	mux.HandleFunc("GET /latency", func(w http.ResponseWriter, _ *http.Request) {
		s.mu.Lock()
		p := s.latency.percentiles()
		s.mu.Unlock()
		writeJSON(w, p)
	})
	mux.HandleFunc("POST /reset", func(w http.ResponseWriter, _ *http.Request) {
		s.mu.Lock()
		s.counts = counts{}
		s.latency = s.latency[:0]
		s.mu.Unlock()
		w.WriteHeader(http.StatusNoContent)
	})
	mux.HandleFunc("POST /mode/{mode}", func(w http.ResponseWriter, r *http.Request) {
		m, ok := modes[r.PathValue("mode")]
		if !ok {
			http.Error(w, "no such mode", http.StatusNotFound)
			return
		}
		s.mode.Store(int32(m))
		w.WriteHeader(http.StatusNoContent)
	})
	return mux
}

func writeJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	// The client is the runner; if it has gone away, nobody wants the rest.
	_ = json.NewEncoder(w).Encode(v)
}
