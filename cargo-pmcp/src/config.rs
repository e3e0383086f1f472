//! `.pmcp/deploy.toml`: its sections, their defaults, and what is wrong with them.

mod check;
mod problem;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub(crate) use check::{check_name, check_variable, is_region};
pub(crate) use problem::Problem;

use crate::failure::{Failure, Result};

/// Where the file is in a project.
pub(crate) const PATH: &str = ".pmcp/deploy.toml";

/// How a project is deployed: `.pmcp/deploy.toml`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    /// Where the server is deployed to.
    pub(crate) target: Target,
    /// What is deployed.
    pub(crate) server: Server,
    /// For the target aws-lambda.
    #[serde(default)]
    pub(crate) aws: Aws,
    /// Environment variables of the server. They are stored and shown as plain text: nothing secret belongs here.
    #[serde(default)]
    pub(crate) environment: BTreeMap<String, String>,
    /// Environment variables whose values are kept by the platform and are not in this file:
    /// `cargo pmcp deploy secrets set KEY` stores them.
    #[serde(default)]
    pub(crate) secrets: BTreeMap<String, Secret>,
    /// Who may call the server. Without it, everybody who knows the URL.
    pub(crate) auth: Option<Auth>,
}

/// Where the server is deployed to.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Target {
    /// The platform.
    pub(crate) target_type: TargetType,
}

/// A platform.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema, ValueEnum, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum TargetType {
    /// AWS Lambda.
    AwsLambda,
    /// Cloudflare Workers; not yet.
    CloudflareWorkers,
    /// Google Cloud Run; not yet.
    GoogleCloudRun,
    /// pmcp.run; not yet.
    PmcpRun,
}

impl TargetType {
    /// As its makers write it.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::AwsLambda => "AWS Lambda",
            Self::CloudflareWorkers => "Cloudflare Workers",
            Self::GoogleCloudRun => "Google Cloud Run",
            Self::PmcpRun => "pmcp.run",
        }
    }
}

/// What is deployed.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Server {
    /// The server's name on the platform: lower-case letters, digits and hyphens, a letter first.
    #[schemars(length(min = 1, max = 50), regex(pattern = r"^[a-z][a-z0-9-]*$"))]
    pub(crate) name: String,
    /// The cargo package whose binary is deployed. Without it, `NAME-lambda`, or the only package that uses the
    /// platform's adapter.
    pub(crate) package: Option<String>,
}

/// For the target aws-lambda.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Aws {
    /// The region, such as `eu-central-1`.
    pub(crate) region: String,
    /// The profile of the AWS CLI. Without it, what the environment says.
    pub(crate) profile: Option<String>,
    /// The processor. `arm64` costs less for the same work.
    pub(crate) architecture: Architecture,
    /// Memory, in MB. Processor time grows with it.
    #[schemars(range(min = 128, max = 10_240))]
    pub(crate) memory_mb: u32,
    /// How long one request may take, in seconds. An HTTP API gives up after 30.
    #[schemars(range(min = 1, max = 900))]
    pub(crate) timeout_seconds: u32,
    /// What stands in front of the function.
    pub(crate) front: Front,
    /// How long logs are kept, in days: one of the numbers that CloudWatch Logs knows.
    pub(crate) log_retention_days: u32,
    /// How many instances may run side by side; they are taken from what the account has. Without it, any number.
    pub(crate) reserved_concurrency: Option<u32>,
    /// How many requests the HTTP API lets through. A Function URL has only `reserved_concurrency`.
    pub(crate) throttling: Option<Throttling>,
    /// The private network that the function is to reach. It then reaches the internet only through a NAT there.
    pub(crate) vpc: Option<Vpc>,
    /// What is watched. Without it, nothing.
    pub(crate) alarms: Option<Alarms>,
}

impl Default for Aws {
    fn default() -> Self {
        Self {
            region: "us-east-1".into(),
            profile: None,
            architecture: Architecture::Arm64,
            memory_mb: 256,
            timeout_seconds: 30,
            front: Front::FunctionUrl,
            log_retention_days: 30,
            reserved_concurrency: None,
            throttling: None,
            vpc: None,
            alarms: None,
        }
    }
}

/// A processor.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema, PartialEq, Eq)]
pub(crate) enum Architecture {
    /// Graviton.
    #[serde(rename = "arm64")]
    Arm64,
    /// Intel and AMD.
    #[serde(rename = "x86_64")]
    X86_64,
}

impl Architecture {
    /// As Rust names it.
    pub(crate) fn rust_name(self) -> &'static str {
        match self {
            Self::Arm64 => "aarch64",
            Self::X86_64 => "x86_64",
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Arm64 => "arm64",
            Self::X86_64 => "x86_64",
        }
    }
}

/// What stands in front of a function.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Front {
    /// A Function URL that streams answers; up to 15 minutes.
    FunctionUrl,
    /// An API Gateway HTTP API: whole answers within 30 seconds, throttling, and `[auth]`.
    HttpApi,
}

/// How many requests the HTTP API lets through.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Throttling {
    /// On average.
    pub(crate) requests_per_second: u32,
    /// At once.
    pub(crate) burst: u32,
}

/// A private network.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Vpc {
    /// Ids of subnets, `subnet-…`.
    #[schemars(length(min = 1))]
    pub(crate) subnets: Vec<String>,
    /// Ids of security groups, `sg-…`.
    #[schemars(length(min = 1))]
    pub(crate) security_groups: Vec<String>,
}

/// What is watched: errors and throttled calls, five minutes at a time.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Alarms {
    /// Who is told. AWS asks that address for its consent once.
    pub(crate) email: Option<String>,
    /// Whether a CloudWatch dashboard is made.
    #[serde(default)]
    pub(crate) dashboard: bool,
}

/// A variable whose value the platform keeps.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Secret {
    /// An entry of AWS Secrets Manager that is there already and stays yours. Without it, the one that
    /// `cargo pmcp deploy secrets set` makes.
    pub(crate) arn: Option<String>,
}

/// Who may call the server.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Auth {
    /// Signs people in; the HTTP API lets only them through.
    pub(crate) cognito: Cognito,
}

/// A Cognito user pool that is made for this server.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Cognito {
    /// The scopes that clients may ask for; on the platform `NAME/scope`.
    #[schemars(length(min = 1))]
    pub(crate) scopes: Vec<String>,
    /// Where the sign-in page may lead back to.
    #[schemars(length(min = 1))]
    pub(crate) callback_urls: Vec<String>,
}

impl Config {
    /// Reads the file of the project in `root`.
    pub(crate) fn load(root: &Path) -> Result<Self> {
        let path = if root == Path::new(".") { PathBuf::from(PATH) } else { root.join(PATH) };
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(Failure::refused(
                    format!("there is no {}", path.display()),
                    "make one with `cargo pmcp deploy init`, or name the project's folder with -C",
                ));
            }
            Err(error) => return Err(Failure::file("reading", path)(error)),
        };
        Ok(Self::parse(&text)?)
    }

    /// Parses the file's text, and holds it to what the platform takes.
    pub(crate) fn parse(text: &str) -> Result<Self, Problem> {
        let config: Self = toml::from_str(text).map_err(|error| Problem::of_parsing(text, &error))?;
        check::check(&config).map_err(|(key, what)| Problem::of_value(text, &key, what))?;
        Ok(config)
    }

    /// The JSON schema of the file, for editors.
    #[cfg(test)]
    fn schema() -> String {
        let mut schema = schemars::schema_for!(Self);
        schema.insert("title".into(), "deploy.toml of cargo pmcp".into());
        let text = serde_json::to_string_pretty(&schema).expect("a schema is JSON");
        text + "\n"
    }
}

#[cfg(test)]
mod tests;
