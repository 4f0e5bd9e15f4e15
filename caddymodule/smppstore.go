package caddymodule

import (
	"context"
	"errors"

	"github.com/caddy-relay/caddy-relay/relay"
	"github.com/caddy-relay/caddy-relay/smppbridge"
)

// errNoQueue is what the store fails with before the app was started. The SMSC
// is told to repeat its request.
var errNoQueue = errors.New("the queue is not open yet")

// smppStore is the engine of an app, which is there only once the app was
// started, and then stays until what uses it is closed.
type smppStore struct{ app *App }

// Keep implements [smppbridge.Store].
func (s *smppStore) Keep(a relay.Acceptance) (duplicate bool, err error) {
	if s.app.openedEngine() == nil {
		return false, errNoQueue
	}
	return s.app.attachment.Keep(a)
}

// EachLinked implements [smppbridge.Store].
func (s *smppStore) EachLinked(ctx context.Context, hash relay.LinkHash, f func(value []byte) error) error {
	engine := s.app.openedEngine()
	if engine == nil {
		return errNoQueue
	}
	return engine.EachLinked(ctx, hash, f)
}

// Report implements [smppbridge.Store].
func (s *smppStore) Report(ctx context.Context, delivery string) ([]byte, error) {
	engine := s.app.openedEngine()
	if engine == nil {
		return nil, errNoQueue
	}
	return engine.Report(ctx, delivery)
}

// Linked implements [smppbridge.Store].
func (s *smppStore) Linked(ctx context.Context, hash relay.LinkHash) ([][]byte, error) {
	engine := s.app.openedEngine()
	if engine == nil {
		return nil, errNoQueue
	}
	return engine.Linked(ctx, hash)
}

// Remembered implements [smppbridge.Store].
func (s *smppStore) Remembered(ctx context.Context, hash relay.MarkHash) (note uint16, ok bool, err error) {
	engine := s.app.openedEngine()
	if engine == nil {
		return 0, false, errNoQueue
	}
	return engine.Remembered(ctx, hash)
}

// Interface guard
var _ smppbridge.Store = (*smppStore)(nil)
