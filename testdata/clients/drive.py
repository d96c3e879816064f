"""Drives the Python library webdavclient3 (Debian: python3-webdavclient): drive.py URL USER PASSWORD.

URL is an empty folder with a limit of 1 MiB. Works in the current directory. Ends with an error at the first
thing that is not as it should be.
"""
import os
import re
import sys

from webdav3.client import Client
from webdav3.exceptions import NotEnoughSpace, RemoteParentNotFound, RemoteResourceNotFound, ResponseErrorCode

url, user, password = sys.argv[1:]
scheme, host, root = re.match("(.*://)([^/]*)(/.*)", url).groups()


def login(secret):
    return Client({"webdav_hostname": scheme + host, "webdav_root": root, "webdav_login": user, "webdav_password": secret})


client = login(password)


def refused(error, call, *args):
    try:
        call(*args)
    except error as e:
        return getattr(e, "code", None)
    raise AssertionError(f"{call.__name__}{args} succeeds")


assert refused(ResponseErrorCode, login("wrong").list) == 401

# Directories
assert not client.check("dir")
client.mkdir("dir")
client.mkdir("dir/ünter")
assert client.check("dir") and client.check("dir/ünter/") and client.is_dir("dir")
refused(RemoteParentNotFound, client.mkdir, "none/below")

# Files
content = bytes(range(256)) * 300
with open("local", "wb") as f:
    f.write(content)
client.upload_sync("dir/a file & more.bin", "local")
client.upload_sync("dir/ünter/b", "local")
assert not client.is_dir("dir/ünter/b")
client.download_sync("dir/a file & more.bin", "back")
with open("back", "rb") as f:
    assert f.read() == content
refused(RemoteResourceNotFound, client.download_sync, "none", "back")
with open("large", "wb") as f:
    f.write(bytes(2 << 20))
refused(NotEnoughSpace, client.upload_sync, "large", "large")

# What is said of them
assert sorted(client.list("dir")) == ["a file & more.bin", "ünter/"], client.list("dir")
info = client.info("dir/a file & more.bin")
assert info["size"] == str(len(content)) and info["name"] == "a file & more.bin" and info["etag"], info
assert info["modified"].endswith("GMT") and info["created"].endswith("Z"), info
assert {i["path"].rsplit("/", 1)[-1]: i["size"] for i in client.list("dir", get_info=True) if not i["isdir"]} == {
    "a file & more.bin": str(len(content))}
assert client.free() == (1 << 20) - 2 * len(content), client.free()

# Properties
client.set_property("dir", {"namespace": "urn:t", "name": "colour", "value": "blue"})
assert client.get_property("dir", {"namespace": "urn:t", "name": "colour"}) == "blue"
assert client.list("dir") and client.info("dir/ünter/b")["size"] == str(len(content))

# Copy and move
client.copy("dir/ünter/b", "copy")
client.copy("dir", "tree", depth="infinity")
assert sorted(client.list("tree")) == ["a file & more.bin", "ünter/"]
client.move("copy", "moved")
assert not client.check("copy") and client.check("moved")
assert refused(ResponseErrorCode, client.move, "dir/ünter/b", "moved") == 412
client.move("dir/ünter/b", "moved", True)
assert not client.check("dir/ünter/b")

# Directories as a whole
client.upload_sync("up", "tree up")
client.download_sync("tree/", "tree down")
assert sorted(os.listdir("tree down")) == ["a file & more.bin", "ünter"]

client.clean("tree")
refused(RemoteResourceNotFound, client.clean, "none")
print("done")
