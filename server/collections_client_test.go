package server_test

import (
	"encoding/json"
	"net/url"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"davit/server/servertest"
)

// Clients of file collections: the commands that the API's documents show and those that ours
// show, with curl, and what the portal's web client sends.

// script runs shell lines that call curl as $host and $accessToken say. Each call prints its body and
// its status.
func (s *process) script(accessToken, lines string, env ...string) []string {
	s.T.Helper()
	curl := servertest.Need(s.T, "curl", "curl")
	cmd := exec.CommandContext(s.T.Context(), "sh", "-eu", "-c", `curl() { `+curl+` -sS -w '\n%{http_code}' "$@"; printf '\036'; }`+"\n"+lines)
	cmd.Env = servertest.Environment(append(env, "host="+s.URL, "accessToken="+accessToken)...)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		s.T.Fatalf("%s: %v", lines, err)
	}
	answers := strings.Split(string(out), "\036")
	return answers[:len(answers)-1]
}

// succeeded reads the answer of one call, which must be 200.
func succeeded(t testing.TB, answer string, v any) {
	t.Helper()
	body, status, _ := cutLast(answer, "\n")
	if status != "200" {
		t.Fatalf("status %s: %s", status, body)
	}
	if err := json.Unmarshal([]byte(body), v); err != nil {
		t.Fatalf("%v: %s", err, body)
	}
}

func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}

type documentedDrive struct {
	ID            string
	Specification struct{ Title string }
	Permissions   struct{ Myself, Others []any }
}

// The two examples of the document, word for word but for the ID: among them the malformed Content-Type.
func TestUCL1_DocumentedCurl(t *testing.T) {
	t.Parallel()
	s := newProcess(t)
	id := s.folder("Home")
	answers := s.script(s.token(), `
# In this example we will see a simple collection. This collection models the 'home' directory of a user.
curl -XGET -H "Authorization: Bearer $accessToken" "$host/api/files/collections/retrieve?includeOthers=false&includeUpdates=false&includeSupport=false&includeProduct=false&id=$id" 

# In this example, we will see how a user can rename one of their collections.
curl -XGET -H "Authorization: Bearer $accessToken" "$host/api/files/collections/retrieveProducts" 
curl -XGET -H "Authorization: Bearer $accessToken" "$host/api/files/collections/browse?includeOthers=false&includeUpdates=false&includeSupport=false&includeProduct=false&sortDirection=ascending" 
curl -XPOST -H "Authorization: Bearer $accessToken" -H "Content-Type: content-type: application/json; charset=utf-8" "$host/api/files/collections/rename" -d '{
    "items": [
        {
            "id": "'$id'",
            "newTitle": "My Awesome Drive"
        }
    ]
}'
curl -XGET -H "Authorization: Bearer $accessToken" "$host/api/files/collections/browse?includeOthers=false&includeUpdates=false&includeSupport=false&includeProduct=false&sortDirection=ascending" 
`, "id="+id)
	if len(answers) != 5 {
		t.Fatalf("%d answers", len(answers))
	}
	var drive documentedDrive
	if succeeded(t, answers[0], &drive); drive.ID != id || drive.Specification.Title != "Home" {
		t.Errorf("retrieve: %s", answers[0])
	}
	var products struct {
		ProductsByProvider map[string][]struct {
			Support struct{ Collection map[string]bool }
		}
	}
	if succeeded(t, answers[1], &products); len(products.ProductsByProvider["davit"]) != 1 || !products.ProductsByProvider["davit"][0].Support.Collection["usersCanRename"] {
		t.Errorf("retrieveProducts: %s", answers[1])
	}
	for i, title := range map[int]string{2: "Home", 4: "My Awesome Drive"} {
		var page struct {
			ItemsPerPage int
			Items        []documentedDrive
			Next         *string
		}
		if succeeded(t, answers[i], &page); page.ItemsPerPage != 50 || len(page.Items) != 1 || page.Items[0].Specification.Title != title || page.Next != nil {
			t.Errorf("browse: %s, want title %q", answers[i], title)
		}
	}
	var done map[string]any
	if succeeded(t, answers[3], &done); len(done) != 0 {
		t.Errorf("rename: %s, want {}", answers[3])
	}
	// Every other type of body is taken as well, and none.
	for _, kind := range []string{"text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "", ";;;", "application/xml; charset=\"x"} {
		a := s.script(s.token(), `curl -XPOST -H "Authorization: Bearer $accessToken" -H "Content-Type: $kind" "$host/api/files/collections/rename" -d '{"items":[{"id":"'$id'","newTitle":"x"}]}'`, "id="+id, "kind="+kind)
		succeeded(t, a[0], &done)
	}
}

// The walk through the API that the README shows works as it stands there.
func TestUCL_ReadmeWalkThrough(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(readme), "## File collections\n")
	_, walk, found := strings.Cut(section, "```\n")
	walk, _, _ = strings.Cut(walk, "```")
	if !found || strings.Count(walk, "curl ") != 6 {
		t.Fatalf("the README's section has changed: %s", walk)
	}
	// What a person copies from the first answer.
	walk = regexp.MustCompile(`(?m)^(curl .*\$DRIVES -d '\{"items":\[\{"title".*)\nid=….*$`).
		ReplaceAllString(walk, `made=$$($1); printf '%s' "$$made"; id=$$(printf '%s' "$$made" | sed -n 's/.*"id":"\([0-9a-f]*\)".*/\1/p')`)
	s := newProcess(t)
	if code, _, errs := s.Run("user", "add", "jonas"); code != 0 {
		t.Fatal(errs)
	}
	answers := s.script(s.token(), "TOKEN=$accessToken DRIVES=$host/api/files/collections\n"+walk)
	if len(answers) != 6 {
		t.Fatalf("%d answers: %q", len(answers), answers)
	}
	var any map[string]any
	for _, a := range answers {
		succeeded(t, a, &any)
	}
	if !strings.Contains(answers[2], `"username":"jonas"`) || !strings.Contains(answers[2], "Lab results") {
		t.Errorf("browse: %s", answers[2])
	}
	if !strings.Contains(answers[5], `"title":"Archive"`) || !strings.Contains(answers[5], `"deleted":null`) {
		t.Errorf("restore: %s", answers[5])
	}
}

// What the portal's page sends (section 14), by a token whose user has some folders.
func TestUCL14_WebClient(t *testing.T) {
	t.Parallel()
	s := newProcess(t, "--default-max-folders", "0")
	token := s.token()
	call := func(v any, method, path, body string) {
		t.Helper()
		headers := map[string]string{"Authorization": "Bearer " + token, "Content-Type": "application/json; charset=utf-8", "Accept": "*/*"}
		r := s.must(200, method, "/api/files/collections"+path, body, headers)
		if err := json.Unmarshal([]byte(r.body), v); err != nil {
			t.Fatalf("%v: %s", err, r.body)
		}
	}
	type page struct {
		Items []struct {
			documentedDrive
			Status struct{ PreferredDrive bool }
		}
		Next *string
	}
	var none map[string]any
	call(&none, "POST", "/init", "")
	var products struct {
		ProductsByProvider map[string][]struct {
			Product struct {
				Name     string
				Category struct{ Name, Provider string }
			}
			Support struct {
				Collection struct{ UsersCanRename, ACLModifiable bool }
			}
		}
	}
	call(&products, "GET", "/retrieveProducts", "")
	p := products.ProductsByProvider["davit"][0]
	if !p.Support.Collection.UsersCanRename || !p.Support.Collection.ACLModifiable {
		t.Errorf("the page would not offer renaming and sharing: %+v", p)
	}
	reference, err := json.Marshal(map[string]string{"id": p.Product.Name, "category": p.Product.Category.Name, "provider": p.Product.Category.Provider})
	if err != nil {
		t.Fatal(err)
	}
	var made struct{ Responses []struct{ ID string } }
	for _, title := range []string{"Zeta", "alpha", "Beta"} {
		call(&made, "POST", "", `{"type":"bulk","items":[{"title":"`+title+`","product":`+string(reference)+`}]}`)
	}
	browse := func(more string) (titles []string) {
		t.Helper()
		var got page
		call(&got, "GET", "/browse?itemsPerPage=250&includeOthers=true&filterMemberFiles=SHOW_ONLY_MINE"+more, "")
		for _, d := range got.Items {
			titles = append(titles, d.Specification.Title)
			if d.Permissions.Others == nil || !slices.Contains(d.Permissions.Myself, "ADMIN") {
				t.Errorf("permissions of %s: %v", d.Specification.Title, d.Permissions)
			}
		}
		return titles
	}
	if got, want := browse(""), []string{"alpha", "Beta", "Home", "Zeta"}; !slices.Equal(got, want) {
		t.Errorf("browse: %q, want %q", got, want)
	}
	if got, want := browse("&sortBy=createdAt&sortDirection=descending&next="+url.QueryEscape("1")), []string{"alpha", "Zeta", "Home"}; !slices.Equal(got, want) {
		t.Errorf("browse: %q, want %q", got, want)
	}
	id := made.Responses[0].ID
	call(&none, "POST", "/rename", `{"type":"bulk","items":[{"id":"`+id+`","newTitle":"Gamma"}]}`)
	call(&none, "POST", "/updateAcl", `{"type":"bulk","items":[{"id":"`+id+`","added":[],"deleted":[]}]}`)
	call(&none, "DELETE", "", `{"type":"bulk","items":[{"id":"`+id+`"}]}`)
	if got, want := browse(""), []string{"alpha", "Home", "Zeta"}; !slices.Equal(got, want) {
		t.Errorf("browse: %q, want %q", got, want)
	}
}
