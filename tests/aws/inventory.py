"""What exists in an account, as sorted lines of JSON: `python inventory.py ENDPOINT REGION`."""

import json
import sys

import boto3


def resources(client):
    """Pairs of a kind and a name, of everything that a server's deployment could make."""

    def every(service, operation, key, name, **arguments):
        found = getattr(client(service), operation)(**arguments)[key]
        return [item if name is None else item[name] for item in found]

    for stack in client("cloudformation").describe_stacks()["Stacks"]:
        yield "stack", stack["StackName"]
    for function in every("lambda", "list_functions", "Functions", "FunctionName"):
        yield "function", function
        for version in every("lambda", "list_versions_by_function", "Versions", "Version", FunctionName=function):
            yield "version", f"{function}:{version}"
        for alias in every("lambda", "list_aliases", "Aliases", "Name", FunctionName=function):
            yield "alias", f"{function}:{alias}"
    for role in every("iam", "list_roles", "Roles", "RoleName"):
        yield "role", role
        for policy in every("iam", "list_role_policies", "PolicyNames", None, RoleName=role):
            yield "role policy", f"{role}:{policy}"
    for bucket in every("s3", "list_buckets", "Buckets", "Name"):
        yield "bucket", bucket
        kept = client("s3").list_object_versions(Bucket=bucket)
        for item in kept.get("Versions", []) + kept.get("DeleteMarkers", []):
            yield "object", f"{bucket}/{item['Key']}@{item['VersionId']}"
    secrets = client("secretsmanager").list_secrets(IncludePlannedDeletion=True)["SecretList"]
    yield from (("secret", secret["Name"]) for secret in secrets)
    pools = client("cognito-idp").list_user_pools(MaxResults=60)["UserPools"]
    yield from (("user pool", pool["Name"]) for pool in pools)
    for kind, service, operation, key, name in [
        ("log group", "logs", "describe_log_groups", "logGroups", "logGroupName"),
        ("policy", "iam", "list_policies", "Policies", "PolicyName"),
        ("HTTP API", "apigatewayv2", "get_apis", "Items", "Name"),
        ("alarm", "cloudwatch", "describe_alarms", "MetricAlarms", "AlarmName"),
        ("dashboard", "cloudwatch", "list_dashboards", "DashboardEntries", "DashboardName"),
        ("topic", "sns", "list_topics", "Topics", "TopicArn"),
        ("subscription", "sns", "list_subscriptions", "Subscriptions", "Endpoint"),
        ("parameter", "ssm", "describe_parameters", "Parameters", "Name"),
        ("repository", "ecr", "describe_repositories", "repositories", "repositoryName"),
    ]:
        scope = {"Scope": "Local"} if kind == "policy" else {}
        for found in every(service, operation, key, name, **scope):
            yield kind, found


def main(endpoint, region):
    def client(service):
        return boto3.client(service, endpoint_url=endpoint, region_name=region)

    for kind, name in sorted(resources(client)):
        print(json.dumps({"kind": kind, "name": name}))


main(*sys.argv[1:])
