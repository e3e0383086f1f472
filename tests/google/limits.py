"""What Cloud Run refuses of a revision.

https://cloud.google.com/run/docs/configuring/services/cpu
https://cloud.google.com/run/docs/configuring/services/memory-limits
https://cloud.google.com/run/docs/configuring/services/secrets
https://cloud.google.com/run/docs/reference/rest/v1/KeyToPath
"""

import json
import re

from strict import refuse_unless

# Thousandths of a processor, and the least and the most memory for them, in MiB.
SIZES = {1000: (128, 4096), 2000: (128, 8192), 4000: (2048, 16384), 6000: (4096, 24576), 8000: (4096, 32768)}
NAME = re.compile(r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?")
PATH = re.compile(r"projects/[a-z0-9.:-]+(/[A-Za-z0-9-]+)+")


def check_size(spec, annotations):
    limits = spec["containers"][0]["resources"]["limits"]
    cpu, memory = re.fullmatch(r"(\d+)m", limits["cpu"]), re.fullmatch(r"(\d+)Mi", limits["memory"])
    refuse_unless(cpu and memory, f"limits {limits}")
    cpu, memory = int(cpu[1]), int(memory[1])
    if cpu < 1000:
        refuse_unless(cpu >= 80, "Invalid value specified for cpu. Minimum cpu is 0.08.")
        refuse_unless(spec["containerConcurrency"] == 1, "Total cpu < 1 is not supported with concurrency > 1.")
        throttled = annotations.get("run.googleapis.com/cpu-throttling", "true") == "true"
        refuse_unless(throttled, "Total cpu < 1 is not supported with cpu-throttling disabled.")
    least, most = SIZES.get(cpu) or ((128, 512 if cpu < 500 else 1024) if cpu < 1000 else (1, 0))
    refuse_unless(least <= memory <= most, f"Invalid value specified for container memory: {memory}Mi with cpu {cpu}m")
    least, most = (int(annotations.get(f"autoscaling.knative.dev/{key}Scale", "0")) for key in ("min", "max"))
    refuse_unless(most == 0 or most >= least, "minScale is more than maxScale")


def check_network(annotations):
    connector = annotations.get("run.googleapis.com/vpc-access-connector")
    interfaces = annotations.get("run.googleapis.com/network-interfaces")
    refuse_unless(connector is None or interfaces is None, "a connector and network interfaces")
    is_name = lambda name: isinstance(name, str) and (NAME.fullmatch(name) or PATH.fullmatch(name))
    refuse_unless(connector is None or is_name(connector), f"VPC connector {connector!r}")
    for interface in json.loads(interfaces or "[]"):
        refuse_unless(set(interface) <= {"network", "subnetwork", "tags"}, interfaces)
        names = [interface[key] for key in ("network", "subnetwork") if key in interface]
        refuse_unless(names and all(map(is_name, names)), interfaces)
        refuse_unless(all(map(NAME.fullmatch, interface.get("tags", []))), interfaces)
    with_egress = "run.googleapis.com/vpc-access-egress" in annotations
    refuse_unless(not with_egress or connector or interfaces, "vpc-access-egress without a network")


def check_mounts(volumes, mounts, annotations):
    refuse_unless(sorted(mount["name"] for mount in mounts) == sorted(volumes), "volumes and volumeMounts")
    paths = [mount["mountPath"] for mount in mounts]
    if "run.googleapis.com/cloudsql-instances" in annotations:
        paths.append("/cloudsql")
    refuse_unless(len(set(paths)) == len(paths), "volumeMounts: a mountPath twice")
    for path in paths:
        parts = path.split("/")
        refuse_unless(parts[0] == "" and len(parts) > 1 and ":" not in path, f"mountPath {path!r}")
        refuse_unless(not {"", ".", ".."} & set(parts[1:]), f"mountPath {path!r}")
        refuse_unless(parts[1] not in ("dev", "proc", "sys"), f"mountPath {path!r} is reserved")
    for secret in volumes.values():
        for item in secret["items"]:
            refuse_unless(item["path"] and not item["path"].startswith(("/", "..")), f"path {item['path']!r}")
