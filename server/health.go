package server

import (
	"net/http"

	"github.com/labstack/echo/v4"
)

// livez: the process answers.
func (s *Server) livez(c echo.Context) error { return c.String(http.StatusOK, "ok\n") }

// readyz: it can do its work, and is not about to stop.
func (s *Server) readyz(c echo.Context) error {
	if s.stopping.Load() {
		return c.String(http.StatusServiceUnavailable, "stopping\n")
	}
	if err := s.store.Ping(c.Request().Context()); err != nil {
		s.log.Warn("not ready", "error", err)
		return c.String(http.StatusServiceUnavailable, "the database does not answer\n")
	}
	if err := s.files.Ready(); err != nil {
		s.log.Warn("not ready", "error", err)
		return c.String(http.StatusServiceUnavailable, "the storage of the folders is not available\n")
	}
	return c.String(http.StatusOK, "ok\n")
}
