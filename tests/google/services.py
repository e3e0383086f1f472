"""Secret Manager, Artifact Registry, Cloud Logging, Service Usage and Resource Manager, as far as deploying asks them."""

import base64
import re

import strict
from run import now
from strict import Refused, refuse_unless

APIS = ("run", "artifactregistry", "secretmanager", "logging", "cloudbuild")


def absent(what):
    return Refused(404, "NOT_FOUND", f"{what} not found.")


class Secrets:
    """https://cloud.google.com/secret-manager/docs/reference/rest/v1/projects.secrets"""

    def __init__(self, project, number):
        self.project, self.number = project, number
        self.entries, self.versions, self.policies = {}, {}, {}

    def handle(self, verb, path, query, body):
        match = re.fullmatch(r"/v1/projects/([^/]+)/secrets(?:/([^/:]+))?(?:(/versions)(?:/(\d+))?)?(?::(\w+))?", path)
        if not match or match[1] not in (self.project, self.number):
            return None
        name, versions, number, action = match[2], match[3], match[4], match[5]
        if name is None:
            return self.create(query["secretId"], body) if verb == "POST" else self.list(query) if verb == "GET" else None
        if name not in self.entries:
            raise absent(f"Secret [projects/{self.number}/secrets/{name}]")
        if number:
            return self.version(name, number) if (verb, action) == ("GET", None) else None
        match verb, bool(versions), action:
            case "GET", False, None:
                return self.entries[name]
            case "DELETE", False, None:
                del self.entries[name], self.versions[name]
                self.policies.pop(name, None)
                return {}
            case "GET", True, None:
                refuse_unless(query.get("filter", "state=enabled") == "state=enabled", f"filter {query.get('filter')!r}")
                versions = [version for version, _ in reversed(self.versions[name])]
                return {"versions": versions, "totalSize": len(versions)}
            case "POST", False, "addVersion":
                return self.add(name, body)
            case "GET", False, "getIamPolicy":
                return self.policies.get(name, {"etag": "ACAB", "version": 1})
            case "POST", False, "setIamPolicy":
                strict.message(strict.secrets.SetIamPolicyRequest, body)
                self.policies[name] = body["policy"]
                return body["policy"]
        return None

    def version(self, name, number):
        for version, _ in self.versions[name]:
            if version["name"].endswith(f"/{number}"):
                return version
        raise absent(f"Secret Version [projects/{self.number}/secrets/{name}/versions/{number}]")

    def create(self, name, body):
        strict.message(strict.secrets.Secret, body)
        refuse_unless(re.fullmatch(r"[A-Za-z0-9_-]{1,255}", name), f"secretId {name!r}")
        refuse_unless(body.get("replication") == {"automatic": {}}, "replication")
        if name in self.entries:
            raise Refused(409, "ALREADY_EXISTS", f"Secret [projects/{self.number}/secrets/{name}] already exists.")
        whole = f"projects/{self.number}/secrets/{name}"
        self.entries[name] = {**body, "name": whole, "createTime": now()}
        self.versions[name] = []
        return self.entries[name]

    def list(self, query):
        match = re.fullmatch(r"labels\.([a-z-]+)=(.+)", query.get("filter", ""))
        refuse_unless(match, f"filter {query.get('filter')!r}")
        found = [entry for entry in self.entries.values() if entry.get("labels", {}).get(match[1]) == match[2]]
        return {"secrets": found, "totalSize": len(found)}

    def add(self, name, body):
        strict.message(strict.secrets.AddSecretVersionRequest, body)
        data = base64.b64decode(body["payload"]["data"], validate=True)
        refuse_unless(len(data) <= 65536, "the payload is longer than 64 KiB")
        crc = body["payload"].get("dataCrc32c")
        refuse_unless(crc is None or int(crc) == strict.crc32c(data), "the checksum does not match")
        number = len(self.versions[name]) + 1
        whole = f"projects/{self.number}/secrets/{name}/versions/{number}"
        version = {"name": whole, "createTime": now(), "state": "ENABLED"}
        version["clientSpecifiedPayloadChecksum"] = crc is not None
        self.versions[name].append((version, data))
        return version

    def check_readable(self, name, version, account):
        """Cloud Run reads it when an instance starts, as whoever the service is."""
        known = [number["name"].rsplit("/", 1)[1] for number, _ in self.versions.get(name, [])]
        refuse_unless(version in known, f"Secret projects/{self.number}/secrets/{name}/versions/{version} was not found")
        role, member = "roles/secretmanager.secretAccessor", f"serviceAccount:{account}"
        for binding in self.policies.get(name, {}).get("bindings", []):
            if binding["role"] == role and member in binding["members"]:
                return
        words = f"Permission denied on secret: {name} for Revision service account {account}."
        raise Refused(403, "PERMISSION_DENIED", words)


class Artifacts:
    """https://cloud.google.com/artifact-registry/docs/reference/rest/v1/projects.locations.repositories"""

    def __init__(self, project, region, registry, images):
        self.project, self.region, self.registry = project, region, registry
        self.repositories, self.images = {}, images

    def handle(self, verb, path, query, body):
        match = re.fullmatch(r"/v1/projects/([^/]+)/locations/([^/]+)/(repositories|operations)(?:/([^/]+))?", path)
        if not match or match[1] != self.project:
            return None
        if match[2] != self.region:
            raise Refused(400, "INVALID_ARGUMENT", f"Location {match[2]} is not found or access is unauthorized.")
        kind, name = match[3], match[4]
        parent = f"projects/{self.project}/locations/{self.region}"
        done = {"name": f"{parent}/operations/done", "done": True}
        if kind == "operations":
            return done if verb == "GET" else None
        if verb == "POST" and not name:
            name = query["repositoryId"]
            strict.message(strict.artifacts.Repository, body)
            refuse_unless(re.fullmatch(r"[a-z][a-z0-9-]{0,61}[a-z0-9]", name), f"repositoryId {name!r}")
            refuse_unless(body["format"] == "DOCKER", "format")
            uri = f"{self.registry}/{self.project}/{name}"
            whole = {**body, "name": f"{parent}/repositories/{name}", "registryUri": uri, "createTime": now()}
            self.repositories[name] = whole
            kind = "type.googleapis.com/google.devtools.artifactregistry.v1.Repository"
            return {**done, "response": {"@type": kind, **whole}}
        if name not in self.repositories:
            raise Refused(404, "NOT_FOUND", "Requested entity was not found.")
        if verb == "GET":
            return self.repositories[name]
        if verb == "DELETE":
            self.images(f"{self.project}/{name}")
            del self.repositories[name]
            return {**done, "response": {"@type": "type.googleapis.com/google.protobuf.Empty"}}
        return None


class Logging:
    """https://cloud.google.com/logging/docs/reference/v2/rest/v2/entries/list"""

    # Of its language, what is asked here.
    FILTER = re.compile(
        r'resource\.type="cloud_run_revision" AND resource\.labels\.service_name="([a-z0-9-]+)" AND '
        r'resource\.labels\.location="([a-z0-9-]+)" AND \(log_id\("run\.googleapis\.com/stdout"\) OR '
        r'log_id\("run\.googleapis\.com/stderr"\) OR log_id\("run\.googleapis\.com/varlog/system"\)\) AND '
        r'timestamp>="([0-9TZ:.-]+)"(?: AND \(\n(.+)\n\))?',
        re.DOTALL,
    )

    def __init__(self, project, region):
        self.project, self.region, self.entries = project, region, []

    def handle(self, verb, path, query, body):
        if (verb, path) != ("POST", "/v2/entries:list"):
            return None
        strict.message(strict.logging.ListLogEntriesRequest, body)
        refuse_unless(body["resourceNames"] == [f"projects/{self.project}"], "resourceNames")
        refuse_unless(body["orderBy"] == "timestamp asc", "orderBy")
        match = self.FILTER.fullmatch(body["filter"])
        refuse_unless(match and match[2] == self.region, f"Unparseable filter: {body['filter']}")
        service, since, more = match[1], match[3], match[4]
        refuse_unless(more is None or re.fullmatch(r"severity>=ERROR|\"[a-z ]+\"", more), f"Unparseable filter: {more}")

        def fits(entry):
            text = str(entry.get("jsonPayload", entry.get("textPayload")))
            wanted = more is None or (entry["severity"] == "ERROR" if more[0] == "s" else more.strip('"') in text)
            return entry["resource"]["labels"]["service_name"] == service and entry["timestamp"] >= since and wanted

        return {"entries": [entry for entry in self.entries if fits(entry)]}

    def tell(self, service, payload):
        """A line of the server's, as Cloud Run hands it on."""
        severity = payload.pop("severity", "DEFAULT")
        labels = {"service_name": service, "location": self.region, "project_id": self.project}
        self.entries.append({
            "insertId": f"line-{len(self.entries)}",
            "logName": f"projects/{self.project}/logs/run.googleapis.com%2Fstdout",
            "resource": {"type": "cloud_run_revision", "labels": labels},
            "severity": severity,
            "timestamp": now(),
            "jsonPayload": payload,
        })


class Projects:
    """What is enabled in a project, and what its number is."""

    def __init__(self, project, number):
        self.project, self.number, self.enabled = project, number, set(APIS)

    def usage(self, verb, path, query, body):
        if (verb, path) != ("GET", f"/v1/projects/{self.project}/services"):
            return None
        refuse_unless(query.get("filter") == "state:ENABLED", "filter")
        names = [f"{api}.googleapis.com" for api in sorted(self.enabled)]
        prefix = f"projects/{self.number}/services"
        return {"services": [{"name": f"{prefix}/{name}", "config": {"name": name}, "state": "ENABLED"} for name in names]}

    def manager(self, verb, path, query, body):
        if (verb, path) != ("GET", f"/v1/projects/{self.project}"):
            return None
        return {"projectId": self.project, "projectNumber": self.number, "lifecycleState": "ACTIVE"}
