package server

import "testing"

func TestD33_Invitations(t *testing.T) {
	h := newHouse(t)
	ann, bob, eve := h.caller("ann"), h.caller("bob"), h.caller("eve")
	id := ann.create("d")
	ann.put("d", "f", "x")
	create := func(permission string) string {
		t.Helper()
		v := ann.want(201, "POST", invitationsPath, `{"folderId":"`+id+`","users":["bob"],"permission":"`+permission+`"}`)
		return v["invitations"].([]any)[0].(map[string]any)["id"].(string)
	}
	inv := create("EDIT")
	if again := create("EDIT"); again != inv {
		t.Error("a repeated invitation is another")
	}
	got := bob.want(200, "GET", invitationsPath, "")["received"].([]any)
	if len(got) != 1 || got[0].(map[string]any)["permission"] != "EDIT" || got[0].(map[string]any)["folderId"] != id {
		t.Errorf("received: %v", got)
	}
	if sent := ann.want(200, "GET", invitationsPath, "")["sent"].([]any); len(sent) != 1 {
		t.Errorf("sent: %v", sent)
	}
	eve.refused(404, "vfolder-invitation-not-found", "POST", invitationsPath+"/"+inv+"/accept", "")
	ann.refused(403, "generic-forbidden", "POST", invitationsPath+"/"+inv+"/accept", "")
	bob.create("d") // is not in the way here
	bob.want(204, "POST", invitationsPath+"/"+inv+"/accept", "")
	bob.want(204, "POST", invitationsPath+"/"+inv+"/accept", "")
	bob.put(id, "f", "bob was here")
	ann.refused(409, "vfolder-grant-already-exists", "POST", invitationsPath, `{"folderId":"`+id+`","users":["bob"],"permission":"READ"}`)
	eves := ann.want(201, "POST", invitationsPath, `{"folderId":"`+id+`","users":["eve"],"permission":"READ"}`)["invitations"].([]any)[0].(map[string]any)["id"].(string)
	eve.want(204, "POST", invitationsPath+"/"+eves+"/reject", "")
	ann.refused(400, "invalid-api-params", "DELETE", invitationsPath+"/"+eves, "", "rejected")
	taken := ann.want(201, "POST", invitationsPath, `{"folderId":"`+id+`","users":["eve"],"permission":"READ"}`)["invitations"].([]any)[0].(map[string]any)["id"].(string)
	ann.want(204, "DELETE", invitationsPath+"/"+taken, "")
	if a := eve.call("POST", invitationsPath+"/"+taken+"/accept", ""); a.status < 400 || eve.call("GET", "/v2/folder/"+id, "").status != 404 {
		t.Errorf("accepting what was taken back: %d %s", a.status, a.body)
	}
	bob.refused(403, "generic-forbidden", "POST", invitationsPath, `{"folderId":"`+id+`","users":["eve"],"permission":"READ"}`)
	eve.refused(404, "vfolder-not-found", "POST", invitationsPath, `{"folderId":"`+id+`","users":["ann"],"permission":"READ"}`)
	for body, field := range map[string]string{`{}`: "folderId", `{"folderId":"x","users":["bob"],"permission":"READ"}`: "folderId",
		`{"folderId":"` + id + `","users":[],"permission":"READ"}`: "users", `{"folderId":"` + id + `","users":["nobody"],"permission":"READ"}`: "users[0]",
		`{"folderId":"` + id + `","users":["bob"],"permission":"ADMIN"}`: "permission", `[]`: "body"} {
		ann.refused(400, "invalid-api-params", "POST", invitationsPath, body, field+": ")
	}
}
