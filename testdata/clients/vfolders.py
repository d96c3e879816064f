"""Sends requests for virtual folders in the form of the compute platform's Python clients of 2017 to 2020:
vfolders.py URL VERSION ACCESS-KEY SECRET-KEY OTHERS-ACCESS-KEY OTHERS-SECRET-KEY OTHERS-NAME

Known from: the platform's API documents, and the history of github.com/lablup/backend.ai-client-py, which needs older
Pythons than there are. Parameters are a JSON body, on GET and DELETE as well; without a body the Content-Type, which is
signed, is application/octet-stream; dates are ISO 8601 with microseconds. Bodies are signed before v4.20181215.
"""
import hashlib
import hmac
import http.client
import json
import sys
from datetime import datetime, timezone
from urllib.parse import urlsplit

url, version, key, secret, other_key, other_secret, other_name = sys.argv[1:]
host = urlsplit(url).netloc
generation = int(version[1])
base = "/v3/folders" if generation < 4 else "/folders"


def mac(k, text):
    return hmac.new(k, text.encode(), hashlib.sha256).digest()


def send(method, target, headers, body=None):
    c = http.client.HTTPConnection(host)
    c.putrequest(method, target, skip_accept_encoding=True)
    for name, value in headers.items():
        c.putheader(name, value)
    if body is not None:
        c.putheader("Content-Length", str(len(body)))
    c.endheaders(body)
    r = c.getresponse()
    return r.status, r.read(), r.headers


def call(method, path, want, params=None, keys=(key, secret), signed_body=None, kind=None):
    body = b"" if params is None else json.dumps(params).encode()
    kind = kind or ("application/octet-stream" if params is None else "application/json")
    date = datetime.now(timezone.utc)
    stamp = date.strftime("%Y-%m-%dT%H:%M:%S.%f+00:00")
    hashed = (body if signed_body is None else signed_body) if version < "v4.20181215" else b""
    to_sign = "\n".join([method, base + path, stamp, "host:" + host, "content-type:" + kind,
                         "x-backendai-version:" + version, hashlib.sha256(hashed).hexdigest()])
    sign_key = mac(mac(keys[1].encode(), date.strftime("%Y%m%d")), host)
    signature = mac(sign_key, to_sign).hex()
    status, text, _ = send(method, base + path, {
        "User-Agent": "Backend.AI Client for Python",
        "X-BackendAI-Domain": "default",
        "X-BackendAI-Version": version,
        "Date": stamp,
        "Content-Type": kind,
        "Authorization": f"BackendAI signMethod=HMAC-SHA256, credential={keys[0]}:{signature}",
    }, body or None)
    assert status == want, (method, path, params, status, text)
    return json.loads(text) if text else None


root = "/" if generation < 4 else ""
made = call("POST", root, 201, {"name": "py", "host": None, "group": None} if generation > 3 else {"name": "py"})
assert made["name"] == "py" and len(made["id"]) == 32, made
call("POST", root, 400, {"name": "py"})
listed = call("GET", root, 200, {"all": False}) if generation > 3 else call("GET", root, 200)
assert [(f["name"], f["id"], f["is_owner"]) for f in listed] == [("py", made["id"], True)], listed
info = call("GET", "/py", 200)
assert info["id"] == made["id"] and info["numFiles"] == 0 and info["permission"] == "wd", info

# Where bodies are signed, another one is refused.
call("GET", "/py/files", 401 if generation < 4 else 200, {"path": "."}, signed_body=b"{}")
call("GET", "/py", 404, keys=(other_key, other_secret))
call("GET", "/py", 401, keys=(key, other_secret))
call("GET", "/py", 200, kind="application/json")

mkdir = {"path": "dir/sub"} if generation < 6 else {"path": "dir/sub", "parents": True, "exist_ok": False}
call("POST", "/py/mkdir", 201, mkdir)

# tus without creation: the session is made here, its address is the credential.
content = b"0123456789"
if generation < 6:
    session = call("POST", "/py/create_upload_session", 200, {"path": "dir/a.txt", "size": len(content)})
    upload = "/folders/_/tus/upload/" + session["token"]
else:
    session = call("POST", "/py/request-upload", 200, {"path": "dir/a.txt", "size": len(content)})
    upload = session["url"].replace(url, "") + "?token=" + session["token"]
for begin, end in (0, 4), (4, 10):
    status, _, head = send("HEAD", upload, {"Tus-Resumable": "1.0.0"})
    assert status == 200 and head["Upload-Offset"] == str(begin) and head["Upload-Length"] == "10", (status, head)
    status, text, head = send("PATCH", upload, {
        "Tus-Resumable": "1.0.0", "Content-Type": "application/offset+octet-stream", "Upload-Offset": str(begin)}, content[begin:end])
    assert status == 204 and head["Upload-Offset"] == str(end), (status, text)


def files(path):
    return sorted((f["filename"], f["size"]) for f in json.loads(call("GET", "/py/files", 200, {"path": path})["files"]))


assert files("dir") == [("a.txt", 10), ("sub", 0)], files("dir")
assert files(".") == [("dir", 0)], files(".")

if generation < 6:
    token = call("POST", "/py/request_download", 200, {"file": "dir/a.txt"})["token"]
    link = "/folders/_/download_with_token?token=" + token
else:
    given = call("POST", "/py/request-download", 200, {"path": "dir/a.txt", "archive": False})
    link = given["url"].replace(url, "") + "?token=" + given["token"]
status, text, _ = send("GET", link, {})
assert (status, text) == (200, content), (status, text)

call("DELETE", "/py/delete_files", 400, {"files": ["dir"], "recursive": False})
call("DELETE", "/py/delete_files", 200, {"files": ["dir/a.txt"], "recursive": False})
assert files("dir") == [("sub", 0)], files("dir")
call("POST", "/py/rename", 201, {"new_name": "py2"})
call("GET", "/py", 404)

people = "user_ids" if generation < 6 else "emails"
assert call("POST", "/py2/invite", 201, {"perm": "ro", people: [other_name]})["invited_ids"] == [other_name]
other = (other_key, other_secret)
invitations = call("GET", "/invitations/list", 200, keys=other)["invitations"]
assert [(i["vfolder_name"], i["perm"]) for i in invitations] == [("py2", "ro")], invitations
accept = {"inv_id": invitations[0]["id"]}
if generation < 6:
    accept["inv_ak"] = other_key
call("POST", "/invitations/accept", 200 if version >= "v4.20190615" else 201, accept, keys=other)
shared = call("GET", "/py2", 200, keys=other)
assert shared["permission"] == "ro" and not shared["is_owner"], shared
call("POST", "/py2/mkdir", 403, {"path": "x"}, keys=other)

call("DELETE", "/py2", 204)
call("GET", "/py2", 404, keys=other)
assert call("GET", root, 200) == []
print("done")
