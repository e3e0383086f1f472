//! What the CDK app is told of deploy.toml.

use std::collections::BTreeMap;

use serde::Serialize;

use super::secrets::Granted;
use crate::config::{Alarms, Architecture, Cognito, Config, Front, Throttling, Vpc};

/// What the CDK app reads: `Settings` in server-stack.ts.
#[derive(Debug, Serialize)]
pub(super) struct Settings<'a> {
    server: &'a str,
    region: &'a str,
    zip: String,
    architecture: Architecture,
    memory_mb: u32,
    timeout_seconds: u32,
    front: Front,
    log_retention_days: u32,
    reserved_concurrency: Option<u32>,
    environment: &'a BTreeMap<String, String>,
    secrets: &'a Granted,
    vpc: Option<&'a Vpc>,
    throttling: Option<Throttling>,
    alarms: Option<&'a Alarms>,
    cognito: Option<&'a Cognito>,
}

impl<'a> Settings<'a> {
    pub(super) fn new(config: &'a Config, secrets: &'a Granted, zip: String) -> Self {
        let aws = &config.aws;
        Self {
            server: &config.server.name,
            region: &aws.region,
            zip,
            architecture: aws.architecture,
            memory_mb: aws.memory_mb,
            timeout_seconds: aws.timeout_seconds,
            front: aws.front,
            log_retention_days: aws.log_retention_days,
            reserved_concurrency: aws.reserved_concurrency,
            environment: &config.environment,
            secrets,
            vpc: aws.vpc.as_ref(),
            throttling: aws.throttling,
            alarms: aws.alarms.as_ref(),
            cognito: config.auth.as_ref().map(|auth| &auth.cognito),
        }
    }
}
