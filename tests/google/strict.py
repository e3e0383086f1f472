"""What Google's APIs refuse: a field that a message does not have, a value that is none of its type."""

import json
import os
import sys

SDK = os.environ["PMCP_GCLOUD_SDK"]
# The APIs' messages as gcloud has them, made from the discovery documents.
sys.path[:0] = [os.path.join(SDK, "lib"), os.path.join(SDK, "lib", "third_party")]

from apitools.base.py import encoding, exceptions  # noqa: E402
from googlecloudsdk.command_lib.util.crc32c import get_checksum, get_crc32c  # noqa: E402
from googlecloudsdk.generated_clients.apis.artifactregistry.v1 import artifactregistry_v1_messages as artifacts  # noqa: E402
from googlecloudsdk.generated_clients.apis.cloudbuild.v1 import cloudbuild_v1_messages as cloudbuild  # noqa: E402
from googlecloudsdk.generated_clients.apis.logging.v2 import logging_v2_messages as logging  # noqa: E402
from googlecloudsdk.generated_clients.apis.run.v1 import run_v1_messages as run  # noqa: E402
from googlecloudsdk.generated_clients.apis.secretmanager.v1 import secretmanager_v1_messages as secrets  # noqa: E402
from googlecloudsdk.generated_clients.apis.storage.v1 import storage_v1_messages as storage  # noqa: E402

__all__ = [
    "Refused", "artifacts", "cloudbuild", "crc32c", "logging", "message", "refuse_unless", "run", "secrets", "storage"
]


def crc32c(data):
    return get_checksum(get_crc32c(data))


class Refused(Exception):
    """An answer that is an error, in the form that Google's APIs have for it."""

    def __init__(self, code, status, words, reason=None):
        super().__init__(words)
        self.code = code
        self.body = {"error": {"code": code, "message": words, "status": status}}
        if reason:
            detail = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": reason, "domain": "googleapis.com"}
            self.body["error"]["details"] = [detail]


def refuse_unless(fits, words):
    if not fits:
        raise Refused(400, "INVALID_ARGUMENT", words)


def message(kind, body):
    """The body as a message of this kind, if it is one and nothing else."""
    try:
        found = encoding.JsonToMessage(kind, json.dumps(body))
    except (exceptions.Error, ValueError, TypeError) as error:
        raise Refused(400, "INVALID_ARGUMENT", f"Invalid JSON payload received: {error}") from error
    for edges, fields in encoding.UnrecognizedFieldIter(found):
        where = ".".join(str(edge.field) for edge in edges)
        raise Refused(400, "INVALID_ARGUMENT", f'Invalid JSON payload received. Unknown name "{fields[0]}" at "{where}"')
    for name in sorted(body):
        refuse_unless(any(field.name == name for field in kind.all_fields()), f'Unknown name "{name}"')
    return found

