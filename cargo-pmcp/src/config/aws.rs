//! `[aws]` in deploy.toml, and what only AWS Lambda has of the rest.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// For the target aws-lambda.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Aws {
    /// The region, such as `eu-central-1`.
    pub(crate) region: String,
    /// The profile of the AWS CLI, by its name; keys in the environment are not used then. Without it, what the
    /// environment says.
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
    /// How many instances may run side by side, 1 at least; they are taken from what the account has. Without it, any
    /// number.
    #[schemars(range(min = 1))]
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
    #[schemars(range(min = 1))]
    pub(crate) requests_per_second: u32,
    /// At once.
    #[schemars(range(min = 1))]
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

/// A Cognito user pool that is made for this server.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Cognito {
    /// The scopes that clients may ask for; on the platform `NAME/scope`.
    #[schemars(length(min = 1))]
    pub(crate) scopes: Vec<String>,
    /// Where the sign-in page may lead back to: `https://` addresses, `http://` ones of this machine, or those of an
    /// app such as `cursor://`.
    #[schemars(length(min = 1))]
    pub(crate) callback_urls: Vec<String>,
}
