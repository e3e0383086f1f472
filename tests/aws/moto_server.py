"""moto as an AWS account on loopback, with what its CloudFormation lacks of Lambda: aliases and Function URLs.

`python moto_server.py PORT` serves until it is killed.
"""

import sys

import moto.awslambda.models as awslambda
import moto.cloudformation.models as cloudformation
import moto.cloudformation.parsing as parsing
from moto.core.common_models import CloudFormationModel
from moto.server import main


class Alias(CloudFormationModel):
    # moto finds the service that a resource belongs to by the name of its module.
    __module__ = "moto.awslambda.models"

    def __init__(self, arn):
        self.arn = arn

    @property
    def physical_resource_id(self):
        return self.arn

    @staticmethod
    def cloudformation_type():
        return "AWS::Lambda::Alias"

    @classmethod
    def create_from_cloudformation_json(cls, resource_name, cloudformation_json, account_id, region_name, **kwargs):
        properties = cloudformation_json["Properties"]
        backend = awslambda.lambda_backends[account_id][region_name]
        alias = backend.create_alias(
            properties["Name"], properties["FunctionName"], str(properties["FunctionVersion"]), "", None
        )
        return cls(alias.arn)

    @classmethod
    def update_from_cloudformation_json(
        cls, original_resource, new_resource_name, cloudformation_json, account_id, region_name
    ):
        properties = cloudformation_json["Properties"]
        backend = awslambda.lambda_backends[account_id][region_name]
        backend.update_alias(
            properties["Name"], properties["FunctionName"], str(properties["FunctionVersion"]), "", None
        )
        return original_resource

    @classmethod
    def delete_from_cloudformation_json(cls, resource_name, cloudformation_json, account_id, region_name):
        """An alias goes with its function."""


class Url(CloudFormationModel):
    __module__ = "moto.awslambda.models"

    def __init__(self, function, url):
        self.function = function
        self.url = url

    @property
    def physical_resource_id(self):
        return self.function

    @classmethod
    def has_cfn_attr(cls, attr):
        return attr == "FunctionUrl"

    def get_cfn_attribute(self, attribute_name):
        return self.url

    @staticmethod
    def cloudformation_type():
        return "AWS::Lambda::Url"

    @classmethod
    def create_from_cloudformation_json(cls, resource_name, cloudformation_json, account_id, region_name, **kwargs):
        properties = cloudformation_json["Properties"]
        # An alias's ARN ends with its name, which moto does not know in this place.
        function = properties["TargetFunctionArn"].split(":function:")[-1].split(":")[0]
        backend = awslambda.lambda_backends[account_id][region_name]
        # Lambda's URLs end with a slash.
        return cls(function, backend.create_function_url_config(function, properties).url + "/")

    @classmethod
    def update_from_cloudformation_json(
        cls, original_resource, new_resource_name, cloudformation_json, account_id, region_name
    ):
        return original_resource

    @classmethod
    def delete_from_cloudformation_json(cls, resource_name, cloudformation_json, account_id, region_name):
        """A Function URL goes with its function."""


# Versions have a number that templates ask for, and they stay when a template no longer names them.
awslambda.LambdaVersion.has_cfn_attr = classmethod(lambda cls, attr: attr == "Version")
awslambda.LambdaVersion.get_cfn_attribute = lambda self, name: str(self.version)
awslambda.LambdaVersion.delete_from_cloudformation_json = classmethod(lambda cls, *arguments, **named: None)

resolve_update_parameters = cloudformation.CloudFormationBackend._resolve_update_parameters


def resolve_with_defaults(self, instance, incoming_params):
    """A parameter that was never given has its default as its previous value."""
    known = [param for param in incoming_params if param["ParameterKey"] in instance.parameters]
    return resolve_update_parameters(self, instance, known)


cloudformation.CloudFormationBackend._resolve_update_parameters = resolve_with_defaults
update = parsing.ResourceMap.update


def update_functions_first(self, template, parameters=None):
    """A version is of the function as it is after the update; moto would make it first."""
    for name, resource in template["Resources"].items():
        if resource["Type"] == "AWS::Lambda::Function" and name in self._parsed_resources:
            properties = parsing.clean_json(resource["Properties"], self)
            self._parsed_resources[name].update_configuration(properties)
            self._parsed_resources[name].update_function_code(properties["Code"])
    update(self, template, parameters)


parsing.ResourceMap.update = update_functions_first

main(["--host", "127.0.0.1", "--port", sys.argv[1]])
