//go:build linux

package main

import "net/http"

// control is the SMSC's second port: GET /counts.
func (s *smsc) control() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /counts", func(w http.ResponseWriter, _ *http.Request) {
		s.mu.Lock()
		c := s.counts
		s.mu.Unlock()
		writeJSON(w, c)
	})
	return mux
}
