"""Google Cloud on loopback: a proxy through which gcloud reaches APIs that know one project, one region and one person.

    server.py REGISTRY TOKEN < commands

REGISTRY is the address of a registry on this machine. What it prints first is the port it listens on; then every line
that it reads is a command, and is answered with a line: `inventory`, `asked`,
`uploaded`, `service NAME`, `secret NAME`, `log SERVICE JSON`, `disable API`, `enable API`.
"""

import http.server
import json
import sys
import threading
import urllib.parse
import urllib.request
from base64 import b64encode

from builds import Builds
from run import Run
from services import APIS, Artifacts, Logging, Projects, Secrets
from strict import Refused

PROJECT, NUMBER, REGION = "ada-project", "123456789012", "europe-west1"


class Cloud:
    def __init__(self, registry, token):
        self.registry, self.token, self.asked = registry, token, []
        self.secrets = Secrets(PROJECT, NUMBER)
        self.run = Run(PROJECT, NUMBER, REGION, registry, token, self.secrets)
        self.artifacts = Artifacts(PROJECT, REGION, registry, self.remove_images)
        self.logging = Logging(PROJECT, REGION)
        self.projects = Projects(PROJECT, NUMBER)
        self.builds = Builds(PROJECT, REGION, registry, token)
        self.hosts = {
            f"{REGION}-run": self.run.handle,
            "artifactregistry": self.artifacts.handle,
            "secretmanager": self.secrets.handle,
            "logging": self.logging.handle,
            "cloudbuild": self.builds.handle,
            "storage": self.builds.storage,
            "serviceusage": self.projects.usage,
            "cloudresourcemanager": self.projects.manager,
        }

    def answer(self, verb, url, headers, body):
        """The status and the body of an answer."""
        parts = urllib.parse.urlsplit(url)
        host = parts.hostname.removesuffix(".test")
        api = host.removeprefix(f"{REGION}-")
        query = {key: values[0] for key, values in urllib.parse.parse_qs(parts.query).items()}
        self.asked.append(f"{verb} {host}{urllib.parse.unquote(parts.path)}")
        try:
            if headers.get("Authorization") != f"Bearer {self.token}":
                words = "Request had invalid authentication credentials. Expected OAuth 2 access token."
                raise Refused(401, "UNAUTHENTICATED", words)
            if api in APIS and api not in self.projects.enabled:
                name = f"{api}.googleapis.com"
                place = f"https://console.developers.google.com/apis/api/{name}/overview?project={PROJECT}"
                words = f"{name} has not been used in project {PROJECT} before or it is disabled."
                words += f" Enable it by visiting {place}"
                raise Refused(403, "PERMISSION_DENIED", words, "SERVICE_DISABLED")
            handle = self.hosts.get(host)
            path = urllib.parse.unquote(parts.path)
            if headers.get_content_type() == "application/json":
                body = json.loads(body) if body else None
            elif body:
                # Of several parts, which its own head tells apart; gcloud quotes as only Python does.
                kind = headers["Content-Type"].replace("'", '"')
                body = f"Content-Type: {kind}\r\n\r\n".encode() + body
            found = handle and handle(verb, path, query, body)
            if found is None:
                raise Refused(403, "PERMISSION_DENIED", f"Permission denied on {verb} {host}{path}")
            return 200, found
        except Refused as refused:
            return refused.code, refused.body
        except (KeyError, TypeError, ValueError) as error:
            return 400, Refused(400, "INVALID_ARGUMENT", f"{type(error).__name__}: {error}").body

    def remove_images(self, repository):
        path = f"{repository}/server"
        for tag in self.registry_asked("GET", f"{path}/tags/list").get("tags") or []:
            digest = self.registry_asked("HEAD", f"{path}/manifests/{tag}")
            self.registry_asked("DELETE", f"{path}/manifests/{digest}")

    def registry_asked(self, verb, path):
        login = b64encode(f"oauth2accesstoken:{self.token}".encode()).decode()
        headers = {"Accept": "application/vnd.oci.image.manifest.v1+json", "Authorization": f"Basic {login}"}
        request = urllib.request.Request(f"http://{self.registry}/v2/{path}", headers=headers, method=verb)
        try:
            with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=10) as answer:
                return answer.headers["Docker-Content-Digest"] if verb == "HEAD" else json.loads(answer.read() or "{}")
        except urllib.error.HTTPError as error:
            if error.code == 404:
                return {}
            raise

    def inventory(self):
        """What exists, each thing as a kind and a name."""
        things = [["service", name] for name in self.run.services]
        things += [["revision", one["metadata"]["name"]] for list in self.run.revisions.values() for one in list]
        things += [["secret", name] for name in self.secrets.entries]
        things += [["repository", name] for name in self.artifacts.repositories]
        for repository in self.registry_asked("GET", "_catalog").get("repositories", []):
            for tag in self.registry_asked("GET", f"{repository}/tags/list").get("tags") or []:
                things.append(["image", f"{repository}:{tag}"])
        return things

    def obey(self, line):
        command, _, rest = line.strip().partition(" ")
        match command:
            case "inventory":
                return self.inventory()
            case "uploaded":
                return self.builds.uploaded()
            case "asked":
                return self.asked
            case "service":
                return self.run.services[rest]
            case "secret":
                return [data.decode() for _, data in self.secrets.versions[rest]]
            case "disable":
                return self.projects.enabled.discard(rest)
            case "enable":
                return self.projects.enabled.add(rest)
            case "log":
                service, _, payload = rest.partition(" ")
                return self.logging.tell(service, json.loads(payload))
        raise ValueError(f"no command: {line}")


def handler(cloud, lock):
    class Handler(http.server.BaseHTTPRequestHandler):
        def reply(self):
            length = int(self.headers.get("Content-Length") or 0)
            with lock:
                status, found = cloud.answer(self.command, self.path, self.headers, self.rfile.read(length))
            body = json.dumps(found).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = reply

        def log_message(self, *_):
            pass

    return Handler


def main():
    cloud, lock = Cloud(*sys.argv[1:]), threading.Lock()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler(cloud, lock))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(server.server_port, flush=True)
    # When whoever started it is gone, there is nothing more to read.
    for line in sys.stdin:
        with lock:
            print(json.dumps(cloud.obey(line)), flush=True)


main()
