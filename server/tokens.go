package server

import (
	"davit/store"
)

// tokenJSON is a token as Davit's own routes and commands show it.
type tokenJSON struct {
	ID          string            `json:"id"`
	Kind        string            `json:"kind"`
	User        string            `json:"user"`
	Title       string            `json:"title"`
	Description string            `json:"description,omitempty"`
	Folders     []tokenFolderJSON `json:"folders"` // null: all
	ReadOnly    bool              `json:"readOnly"`
	Scopes      []string          `json:"scopes"` // null: everything
	Workspace   *string           `json:"workspace,omitempty"`
	Labels      map[string]string `json:"labels,omitempty"`
	Created     string            `json:"created"`
	Expires     string            `json:"expires,omitempty"`
	LastUsed    string            `json:"lastUsed,omitempty"`
	LastAddress string            `json:"lastAddress,omitempty"`
	LastAgent   string            `json:"lastAgent,omitempty"`
	Token       string            `json:"token,omitempty"` // only when it is made
}

type tokenFolderJSON struct {
	ID       string `json:"id"`
	ReadOnly bool   `json:"readOnly"`
}

func tokenOut(t store.Token) tokenJSON {
	j := tokenJSON{
		ID: t.ID, Kind: t.Kind, User: t.UserName, Title: t.Title, Description: t.Description, ReadOnly: t.ReadOnly, Labels: t.Labels,
		Created: timeText(t.Created), Expires: timeText(t.Expires), LastUsed: timeText(t.LastUsed),
		LastAddress: t.LastAddress, LastAgent: t.LastAgent,
	}
	if t.Fixed {
		j.Workspace = &t.ProjectID
	}
	if t.Scopes != nil {
		j.Scopes = t.Scopes.Strings()
	}
	if t.Folders != nil {
		j.Folders = []tokenFolderJSON{}
		for _, f := range t.Folders {
			j.Folders = append(j.Folders, tokenFolderJSON{f.ID, f.ReadOnly})
		}
	}
	return j
}
