package server

import (
	"bytes"
	"errors"
	"io/fs"
	"strings"
	"testing"
	"time"

	"davit/auth"
	"davit/store"
)

func testLinks() *links {
	a := auth.New(nil, auth.Options{Secret: bytes.Repeat([]byte{7}, 32)})
	return &links{sealer: a.Sealer, now: func() time.Time { return then }}
}

func TestD30_LinksOpenOnlyAsTheyWereMade(t *testing.T) {
	k := testLinks()
	l := link{Kind: linkDownload, For: store.Principal{UserID: "u", KeyID: "k"}, FolderID: "f", Paths: []string{"a/ä"}, Expires: then.Add(time.Minute)}
	token, err := k.make(l)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Trim(token, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
		t.Errorf("token %q needs escaping in a URL", token)
	}
	got, err := k.open(linkDownload, token)
	if err != nil || got.For.UserID != "u" || got.FolderID != "f" || got.Paths[0] != "a/ä" {
		t.Errorf("open: %+v, %v", got, err)
	}
	if _, err := k.open(linkUpload, token); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("opened as another kind: %v", err)
	}
	for i := range token {
		c := byte('A')
		if token[i] == c {
			c = 'B'
		}
		if _, err := k.open(linkDownload, token[:i]+string(c)+token[i+1:]); !errors.Is(err, fs.ErrPermission) {
			t.Fatalf("opened with byte %d changed: %v", i, err)
		}
	}
	k.now = func() time.Time { return then.Add(time.Minute) }
	if _, err := k.open(linkDownload, token); err != errLinkExpired {
		t.Errorf("after its time: %v", err)
	}
	l.Paths = make([]string, 10_000)
	if _, err := k.make(l); !errors.Is(err, fs.ErrInvalid) {
		t.Errorf("ten thousand names: %v, want fs.ErrInvalid", err)
	}
}

func TestD30_LinksEndWithWhatMadeThem(t *testing.T) {
	h := newHouse(t)
	ann := h.caller("ann")
	ctx := t.Context()
	tok, err := h.store.Tokens(ctx)
	if err != nil {
		t.Fatal(err)
	}
	byToken := store.Principal{UserID: ann.user.ID, KeyID: tok[0].ID}
	byKey := store.Principal{UserID: ann.user.ID, KeyID: ann.key, Admin: true}
	for _, p := range []store.Principal{byToken, byKey} {
		got, err := h.auth.Resume(ctx, p)
		if err != nil || got.UserName != "ann" || got.Admin {
			t.Errorf("Resume(%+v): %+v, %v", p, got, err)
		}
	}
	if _, err := h.auth.Resume(ctx, store.Principal{UserID: h.caller("bob").user.ID, KeyID: ann.key}); !errors.Is(err, store.ErrUnauthenticated) {
		t.Errorf("another's key: %v", err)
	}
	if err := errors.Join(h.store.DeleteToken(ctx, byToken.KeyID), h.store.DeleteKey(ctx, byKey.KeyID)); err != nil {
		t.Fatal(err)
	}
	for _, p := range []store.Principal{byToken, byKey, {UserID: "nobody"}} {
		if _, err := h.auth.Resume(ctx, p); !errors.Is(err, store.ErrUnauthenticated) {
			t.Errorf("Resume(%+v) after its end: %v", p, err)
		}
	}
}

func FuzzLink(f *testing.F) {
	k := testLinks()
	token, err := k.make(link{Kind: linkDownload, FolderID: "f", Expires: then.Add(time.Minute)})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(token)
	f.Add("")
	f.Add("AAAA")
	f.Fuzz(func(t *testing.T, text string) {
		if l, err := k.open(linkDownload, text); err == nil && l.FolderID != "f" {
			t.Errorf("%q opened as %+v", text, l)
		}
	})
}
