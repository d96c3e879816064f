package server

import (
	"context"
	"fmt"
	"os"

	"davit/auth"
	"davit/store"
)

// JWTCommands are "davit jwt …".
type JWTCommands struct {
	Rotate jwtRotate `cmd:"" help:"Sign access tokens with a new key. The old key verifies until its tokens have expired."`
	List   jwtList   `cmd:"" help:"List the keys."`
}

type jwtRotate struct {
	Algorithm string `help:"EdDSA or RS256; without it, that of the newest key. A server whose --jwt-algorithm is another one makes its own key again." enum:",EdDSA,RS256" default:"" placeholder:"EdDSA|RS256"`
}

// Run makes the key, and prints its ID.
func (c *jwtRotate) Run(e *Env) error {
	return e.open(func(ctx context.Context, st *store.Store, _ *auth.Auth) error {
		secret, err := auth.LoadSecret(ctx, st, e.Data, os.Getenv("DAVIT_SECRET_KEY"), false)
		if err != nil {
			return err
		}
		kid, err := auth.New(st, auth.Options{Secret: secret}).RotateSigningKey(ctx, c.Algorithm)
		if err != nil {
			return err
		}
		fmt.Fprintln(e.Stdout, kid)
		return nil
	})
}

type jwtList struct {
	JSON bool `name:"json" help:"Print JSON."`
}

// Run lists the keys, newest first.
func (c *jwtList) Run(e *Env) error {
	return e.open(func(ctx context.Context, st *store.Store, _ *auth.Auth) error {
		keys, err := st.SigningKeys(ctx)
		if err != nil {
			return err
		}
		type keyJSON struct {
			ID        string `json:"kid"`
			Algorithm string `json:"algorithm"`
			Created   string `json:"created"`
			Retired   string `json:"retired,omitempty"`
		}
		out, rows := []keyJSON{}, [][]string{}
		for _, k := range keys {
			j := keyJSON{k.ID, k.Algorithm, timeText(k.Created), timeText(k.Retired)}
			out = append(out, j)
			rows = append(rows, []string{j.ID, j.Algorithm, j.Created, j.Retired})
		}
		if c.JSON {
			return e.print(out)
		}
		return e.table("KID ALGORITHM CREATED RETIRED", rows)
	})
}
