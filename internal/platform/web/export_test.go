package web

import "github.com/switchingtalent/switchboard/internal/platform/id"

// Large is how many large bodies are in memory.
func (s *Server) Large() (n int) {
	s.bodies.mu.Lock()
	defer s.bodies.mu.Unlock()
	for _, held := range s.bodies.held {
		n += held
	}
	return n
}

// Waiting is how many requests of a tenant wait for a place.
func (s *Server) Waiting(t id.TenantID) int {
	s.places.mu.Lock()
	defer s.places.mu.Unlock()
	return len(s.places.lines[t])
}
