package store

import (
	"context"
	"encoding/json"
	"fmt"
)

// Actor is who makes a change, for the audit. A context without one is a command's
// or the server's own.
type Actor struct {
	UserID   string
	UserName string
	Address  string // of the client, as text
	Door     string // webdav, collections, vfolders, files, davit, auth, command
}

type actorKey struct{}

// WithActor is ctx for changes that a makes.
func WithActor(ctx context.Context, a Actor) context.Context {
	return context.WithValue(ctx, actorKey{}, a)
}

// ActorOf returns the actor of ctx; none is the command line.
func ActorOf(ctx context.Context) Actor {
	if a, ok := ctx.Value(actorKey{}).(Actor); ok {
		return a
	}
	return Actor{Door: "command"}
}

// event is one entry of the audit, as the change knows it: what was done to what.
type event struct {
	action  string // noun.verb
	folder  string // ID; title and project are looked up
	project string // if there is no folder
	subject string // a user's name, a token's ID, a group's title
	detail  any    // marshalled; nil for nothing to tell
}

// note writes e in the transaction of the change that it tells about, so that
// neither is there without the other.
func (t tx) note(ctx context.Context, e event) error {
	id, err := newID()
	if err != nil {
		return err
	}
	detail := []byte("{}")
	if e.detail != nil {
		if detail, err = json.Marshal(e.detail); err != nil {
			return fmt.Errorf("audit %s: %w", e.action, err)
		}
	}
	a := ActorOf(ctx)
	_, err = t.exec(`INSERT INTO audit (id, at, action, user_id, user_name, folder_id, folder, project_id, subject, address, door, detail)
		VALUES ($1, $2, $3, $4, $5, $6, COALESCE((SELECT title FROM folders WHERE id = $6), ''),
			COALESCE((SELECT project_id FROM folders WHERE id = $6), $7), $8, $9, $10, $11)`,
		id, micros(t.s.now()), e.action, a.UserID, a.UserName, e.folder, e.project, e.subject, a.Address, a.Door, string(detail))
	return err
}
