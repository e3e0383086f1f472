"""Cloud Run, as its API for services in Kubernetes' form answers: one region, services with revisions and traffic.

https://cloud.google.com/run/docs/reference/rest/v1/namespaces.services
"""

import json
import re
import time
import urllib.request
from base64 import b64encode

import limits
import strict
from strict import Refused, refuse_unless

DIGITS = re.compile(r"\d+")
BOOLEAN = re.compile("true|false")
ANYTHING = re.compile(".+")

# A project may begin with a domain: `example.com:my-project`.
INSTANCE = r"([a-z0-9.-]+\.[a-z]+:)?[a-z][a-z0-9-]+:[a-z]+-[a-z]+\d+:[a-z][a-z0-9-]*"
INSTANCES = re.compile(f"{INSTANCE}(,{INSTANCE})*")

SERVICE_ANNOTATIONS = {
    "run.googleapis.com/ingress": re.compile("all|internal|internal-and-cloud-load-balancing"),
    "run.googleapis.com/invoker-iam-disabled": BOOLEAN,
}
REVISION_ANNOTATIONS = {
    "autoscaling.knative.dev/minScale": DIGITS,
    "autoscaling.knative.dev/maxScale": DIGITS,
    "run.googleapis.com/cpu-throttling": BOOLEAN,
    "run.googleapis.com/cloudsql-instances": INSTANCES,
    "run.googleapis.com/vpc-access-egress": re.compile("all-traffic|private-ranges-only"),
    "run.googleapis.com/vpc-access-connector": ANYTHING,
    "run.googleapis.com/network-interfaces": ANYTHING,
}
# What gcloud says of itself, and what a service that was read is sent back with.
FROM_GCLOUD = re.compile(
    r"run\.googleapis\.com/(client-(name|version)|operation-id|ingress-status|urls)"
    r"|serving\.knative\.dev/(creator|lastModifier)"
)
RESERVED = {"PORT", "K_SERVICE", "K_REVISION", "K_CONFIGURATION"}


def now():
    return time.strftime("%Y-%m-%dT%H:%M:%S.", time.gmtime()) + f"{time.time_ns() // 1000 % 1_000_000:06}Z"


class Run:
    def __init__(self, project, number, region, registry, token, secrets):
        self.project, self.number, self.region = project, number, region
        self.registry, self.token, self.secrets = registry, token, secrets
        self.services, self.revisions = {}, {}
        # What the newest revision of each service was made from.
        self.templates = {}

    def handle(self, verb, path, query, body):
        match = re.fullmatch(r"/apis/serving\.knative\.dev/v1/namespaces/([^/]+)/(services|revisions)(?:/([^/]+))?", path)
        if not match or match[1] != self.project:
            return None
        kind, name = match[2], match[3]
        if kind == "revisions":
            return self.list_revisions(query) if verb == "GET" and not name else None
        if verb == "POST" and not name:
            return self.put(body, new=True)
        if verb == "GET" and not name:
            items = list(self.services.values())
            return {"apiVersion": "serving.knative.dev/v1", "kind": "ServiceList", "metadata": {}, "items": items}
        if not name:
            return None
        if verb == "GET":
            return self.find(name)
        if verb == "PUT":
            known = self.find(name)["metadata"]["resourceVersion"]
            told = body["metadata"].get("resourceVersion", known)
            if told != known:
                words = f"Conflict for resource '{name}': version '{told}' was specified but current version is '{known}'."
                raise Refused(409, "ABORTED", words)
            return self.put(body, new=False)
        if verb == "DELETE":
            self.find(name)
            del self.services[name], self.revisions[name]
            return {"kind": "Status", "status": "Success"}
        return None

    def find(self, name):
        if name not in self.services:
            raise Refused(404, "NOT_FOUND", f"Resource '{name}' of kind 'SERVICE' in region '{self.region}' does not exist.")
        return self.services[name]

    def list_revisions(self, query):
        selector = query.get("labelSelector", "")
        match = re.fullmatch(r"serving\.knative\.dev/service ?= ?(.+)", selector)
        refuse_unless(match, f"labelSelector {selector!r}")
        # Newest first, as nobody may rely on their order.
        items = list(reversed(self.revisions.get(match[1], [])))
        return {"apiVersion": "serving.knative.dev/v1", "kind": "RevisionList", "metadata": {}, "items": items}

    def put(self, body, new):
        service = strict.message(strict.run.Service, body)
        refuse_unless((service.apiVersion, service.kind) == ("serving.knative.dev/v1", "Service"), "apiVersion and kind")
        metadata, spec = body["metadata"], body["spec"]
        name = metadata["name"]
        refuse_unless(re.fullmatch(r"[a-z]([a-z0-9-]{0,47}[a-z0-9])?", name), f"metadata.name {name!r}")
        refuse_unless(metadata["namespace"] == self.project, "metadata.namespace")
        if new and name in self.services:
            raise Refused(409, "ALREADY_EXISTS", f"Resource '{name}' already exists.")
        self.check_annotations(metadata.get("annotations", {}), SERVICE_ANNOTATIONS)
        self.check_labels(metadata.get("labels", {}))
        template = spec["template"]
        # What gcloud says of itself is no change.
        template["metadata"] = {
            **template.get("metadata", {}),
            "annotations": {
                key: value
                for key, value in template.get("metadata", {}).get("annotations", {}).items()
                if not FROM_GCLOUD.fullmatch(key)
            },
        }
        self.check_template(template)
        return self.accept(name, metadata, spec)

    def check_annotations(self, annotations, known):
        for key, value in annotations.items():
            if not FROM_GCLOUD.fullmatch(key):
                refuse_unless(key in known and known[key].fullmatch(value), f"annotation {key}: {value!r}")

    def check_labels(self, labels):
        for key, value in labels.items():
            if key == "cloud.googleapis.com/location":
                refuse_unless(value == self.region, "the region is another")
                continue
            fits = re.fullmatch(r"[a-z][a-z0-9_-]{0,62}", key) and re.fullmatch(r"[a-z0-9_-]{0,63}", value)
            refuse_unless(fits, f"label {key}: {value!r}")

    def check_template(self, template):
        annotations = template["metadata"]["annotations"]
        self.check_annotations(annotations, REVISION_ANNOTATIONS)
        limits.check_network(annotations)
        self.check_labels(template["metadata"].get("labels", {}))
        spec = template["spec"]
        refuse_unless(1 <= spec["containerConcurrency"] <= 1000, "containerConcurrency")
        refuse_unless(1 <= spec["timeoutSeconds"] <= 3600, "timeoutSeconds")
        refuse_unless(len(spec["containers"]) == 1, "containers")
        container = spec["containers"][0]
        limits.check_size(spec, annotations)
        self.check_image(container["image"])
        account = spec.get("serviceAccountName", f"{self.number}-compute@developer.gserviceaccount.com")
        names = [variable["name"] for variable in container.get("env", [])]
        refuse_unless(len(set(names)) == len(names), "env has a name twice")
        refuse_unless(not RESERVED & set(names), f"env: reserved names were provided: {RESERVED & set(names)}")
        for variable in container.get("env", []):
            refuse_unless(("value" in variable) != ("valueFrom" in variable), f"env {variable['name']}")
            if "valueFrom" in variable:
                reference = variable["valueFrom"]["secretKeyRef"]
                self.secrets.check_readable(reference["name"], reference["key"], account)
        volumes = {volume["name"]: volume["secret"] for volume in spec.get("volumes", [])}
        mounts = container.get("volumeMounts", [])
        limits.check_mounts(volumes, mounts, annotations)
        for secret in volumes.values():
            for item in secret["items"]:
                self.secrets.check_readable(secret["secretName"], item["key"], account)

    def check_image(self, image):
        """It is pulled, by its digest, and is for Linux on x86-64."""
        match = re.fullmatch(rf"{re.escape(self.registry)}/(.+)@(sha256:[0-9a-f]{{64}})", image)
        refuse_unless(match, f"image {image!r} is named by no digest of this registry")
        kind = "application/vnd.oci.image.manifest.v1+json"
        try:
            manifest = json.loads(self.pull(f"{match[1]}/manifests/{match[2]}", kind))
            config = json.loads(self.pull(f"{match[1]}/blobs/{manifest['config']['digest']}", "*/*"))
        except OSError as error:
            raise Refused(400, "INVALID_ARGUMENT", f"Image '{image}' not found: {error}") from error
        refuse_unless((config["os"], config["architecture"]) == ("linux", "amd64"), "the image is for another platform")

    def pull(self, path, accept):
        login = b64encode(f"oauth2accesstoken:{self.token}".encode()).decode()
        headers = {"Accept": accept, "Authorization": f"Basic {login}"}
        # Not through the proxy that this is itself.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(urllib.request.Request(f"http://{self.registry}/v2/{path}", headers=headers), timeout=10) as answer:
            return answer.read()

    def accept(self, name, metadata, spec):
        before = self.services.get(name)
        revisions = self.revisions.setdefault(name, [])
        generation = before["metadata"]["generation"] + 1 if before else 1
        template = spec["template"]
        newest = revisions[-1] if revisions else None
        if newest is None or self.templates[name] != template:
            newest = self.new_revision(name, len(revisions) + 1, template)
            revisions.append(newest)
            self.templates[name] = template
        traffic = self.traffic(name, spec.get("traffic") or [{"latestRevision": True, "percent": 100}])
        ready = [c for c in newest["status"]["conditions"] if c["type"] == "Ready"][0]
        url = f"https://{name}-{self.number}.{self.region}.run.app"
        kinds = ["Ready", "ConfigurationsReady", "RoutesReady"]
        service = {
            "apiVersion": "serving.knative.dev/v1",
            "kind": "Service",
            "metadata": {
                **metadata,
                "uid": f"uid-of-{name}",
                "generation": generation,
                "resourceVersion": f"v{generation}",
                "creationTimestamp": before["metadata"]["creationTimestamp"] if before else now(),
            },
            "spec": spec,
            "status": {
                "observedGeneration": generation,
                "conditions": [{**ready, "type": kind} for kind in kinds],
                "latestCreatedRevisionName": newest["metadata"]["name"],
                "url": url,
                "address": {"url": url},
                "traffic": traffic,
            },
        }
        self.services[name] = service
        return service

    def traffic(self, name, wanted):
        refuse_unless(sum(part.get("percent", 0) for part in wanted) == 100, "spec.traffic must be 100 percent")
        is_ready = lambda revision: revision["status"]["conditions"][0]["status"] == "True"
        ready = [revision["metadata"]["name"] for revision in self.revisions[name] if is_ready(revision)]
        traffic = []
        for part in wanted:
            if part.get("latestRevision"):
                if not ready:
                    return []
                traffic.append({"revisionName": ready[-1], "percent": part["percent"], "latestRevision": True})
            else:
                refuse_unless(part["revisionName"] in ready, f"Revision '{part['revisionName']}' cannot serve traffic")
                traffic.append({"revisionName": part["revisionName"], "percent": part["percent"]})
        return traffic

    def new_revision(self, name, number, template):
        revision = f"{name}-{number:05}-{chr(97 + number % 26) * 3}"
        variables = [variable["name"] for variable in template["spec"]["containers"][0].get("env", [])]
        ready = {"type": "Ready", "status": "True", "lastTransitionTime": now()}
        if "NEVER_READY" in variables:
            ready["status"], ready["reason"] = "False", "HealthCheckContainerError"
            ready["message"] = (
                f"Revision '{revision}' is not ready and cannot serve traffic. The user-provided container failed to start "
                "and listen on the port defined provided by the PORT=8080 environment variable."
            )
        return {
            "apiVersion": "serving.knative.dev/v1",
            "kind": "Revision",
            "metadata": {
                "name": revision,
                "namespace": self.project,
                "creationTimestamp": now(),
                "labels": {"serving.knative.dev/service": name, **template["metadata"].get("labels", {})},
                "annotations": template["metadata"]["annotations"],
            },
            "spec": template["spec"],
            "status": {"conditions": [ready]},
        }
