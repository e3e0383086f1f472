"""Cloud Build, and of Cloud Storage what keeps its source: a build ends at once, with an image that has nothing in it.

https://cloud.google.com/build/docs/api/reference/rest/v1/projects.locations.builds
https://cloud.google.com/storage/docs/json_api/v1/objects/insert
"""

import email
import hashlib
import io
import json
import re
import tarfile
import urllib.request
from base64 import b64encode

import strict
from strict import Refused, refuse_unless


class Builds:
    def __init__(self, project, region, registry, token):
        self.project, self.region, self.registry, self.token = project, region, registry, token
        self.buckets, self.objects, self.builds = {}, {}, []

    def storage(self, verb, path, query, body):
        if match := re.fullmatch(r"/(?:resumable/)?upload/storage/v1/b/([^/]+)/o", path):
            refuse_unless(verb == "POST" and query["uploadType"] == "multipart", "uploadType")
            return self.upload(match[1], query, body)
        match = re.fullmatch(r"/storage/v1/b(?:/([^/]+))?", path)
        if not match:
            return None
        name = match[1]
        if verb == "POST":
            strict.message(strict.storage.Bucket, body)
            found = {**body, "kind": "storage#bucket", "id": body["name"]}
            self.buckets[body["name"]] = found
            return found
        if name and name not in self.buckets:
            raise Refused(404, "NOT_FOUND", "The specified bucket does not exist.")
        return self.buckets[name] if name else {"kind": "storage#buckets", "items": list(self.buckets.values())}

    def upload(self, bucket, query, body):
        refuse_unless(bucket in self.buckets, "no such bucket")
        head, content = (part.get_payload(decode=True) for part in email.message_from_bytes(body).get_payload())
        name = query.get("name") or json.loads(head)["name"]
        self.objects[bucket, name] = content
        return {"kind": "storage#object", "bucket": bucket, "name": name, "size": str(len(content)), "generation": "1"}

    def handle(self, verb, path, query, body):
        match = re.fullmatch(r"/v1/projects/([^/]+)/locations/([^/]+)/builds(?:/([^/]+))?", path)
        if not match or (match[1], match[2]) != (self.project, self.region):
            return None
        if verb == "GET" and match[3]:
            return self.builds[int(match[3])]
        return self.build(body) if verb == "POST" and not match[3] else None

    def build(self, body):
        strict.message(strict.cloudbuild.Build, body)
        source = body["source"]["storageSource"]
        refuse_unless((source["bucket"], source["object"]) in self.objects, "the source is not there")
        image = body["substitutions"]["_IMAGE"]
        refuse_unless(body["images"] == ["${_IMAGE}"] and "_PACKAGE" in body["substitutions"], "images")
        self.send_image(image)
        # Logs are read from storage.googleapis.com itself, which is none of what is here.
        found = {**body, "id": str(len(self.builds)), "projectId": self.project, "status": "SUCCESS"}
        self.builds.append({**found, "options": {"logging": "NONE"}})
        kind = "type.googleapis.com/google.devtools.cloudbuild.v1.BuildOperationMetadata"
        return {"name": "operations/build", "metadata": {"@type": kind, "build": self.builds[-1]}}

    def uploaded(self):
        """The files of the source of the last build."""
        source = self.builds[-1]["source"]["storageSource"]
        archive = tarfile.open(fileobj=io.BytesIO(self.objects[source["bucket"], source["object"]]))
        return sorted(member.name.removeprefix("./") for member in archive.getmembers() if not member.isdir())

    def send_image(self, image):
        host, _, rest = image.partition("/")
        refuse_unless(host == self.registry, f"the image {image!r} is for another registry")
        name, _, tag = rest.rpartition(":")
        config = json.dumps({"os": "linux", "architecture": "amd64", "rootfs": {"type": "layers", "diff_ids": []}}).encode()
        digest = "sha256:" + hashlib.sha256(config).hexdigest()
        location = self.send("POST", f"http://{host}/v2/{name}/blobs/uploads/", b"", None)
        self.send("PUT", f"{location}{'&' if '?' in location else '?'}digest={digest}", config, "application/octet-stream")
        kind = "application/vnd.oci.image.manifest.v1+json"
        described = {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": digest, "size": len(config)}
        manifest = {"schemaVersion": 2, "mediaType": kind, "config": described, "layers": []}
        self.send("PUT", f"http://{host}/v2/{name}/manifests/{tag}", json.dumps(manifest).encode(), kind)

    def send(self, verb, url, body, kind):
        login = b64encode(f"oauth2accesstoken:{self.token}".encode()).decode()
        headers = {"Authorization": f"Basic {login}", **({"Content-Type": kind} if kind else {})}
        # Not through the proxy that this is itself.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(urllib.request.Request(url, body, headers, method=verb), timeout=10) as answer:
            return answer.headers["Location"]
