//! `.pmcp/deploy.toml`: its sections, their defaults, and what is wrong with them.

mod address;
mod auth;
mod aws;
mod check;
mod cloudflare;
mod gcp;
mod pmcp_run;
mod private;
mod problem;
mod state_keys;
mod variable;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub(crate) use address::{is_address, is_loopback, is_safe_address};
pub(crate) use auth::{Auth, Cognito};
pub(crate) use aws::{Alarms, Architecture, Aws, Front, Throttling, Vpc, is_region as is_aws_region};
pub(crate) use check::check_name;
pub(crate) use cloudflare::{
    Cloudflare, LONGEST_VALUE, is_account, is_bucket, is_database, name_of as name_at_cloudflare,
};
pub(crate) use gcp::{
    Authentication, Gcp, ImageBuilder, check_name as check_gcp_name, is_project, is_region as is_gcp_region,
};
pub(crate) use pmcp_run::{PmcpRun, check_url};
pub(crate) use problem::{Problem, span};
pub(crate) use state_keys::{STATE_KEYS, are_state_keys, storing};
pub(crate) use variable::check_variable;

use crate::failure::{Failure, Result};
use crate::toml_text::has;

/// Where the file is in a project.
pub(crate) const PATH: &str = ".pmcp/deploy.toml";

/// How a project is deployed: `.pmcp/deploy.toml`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    /// The folder of the project that the file is of.
    #[serde(skip)]
    pub(crate) root: PathBuf,
    /// Where the server is deployed to.
    pub(crate) target: Target,
    /// What is deployed.
    pub(crate) server: Server,
    /// For the target aws-lambda.
    #[serde(default)]
    pub(crate) aws: Aws,
    /// For the target cloudflare-workers.
    #[serde(default)]
    pub(crate) cloudflare: Cloudflare,
    /// For the target google-cloud-run.
    #[serde(default)]
    pub(crate) gcp: Gcp,
    /// For the target pmcp-run.
    #[serde(default)]
    pub(crate) pmcp_run: PmcpRun,
    /// Environment variables of the server. They are stored and shown as plain text: nothing secret belongs here.
    #[serde(default)]
    pub(crate) environment: BTreeMap<String, String>,
    /// Environment variables whose values are kept by the platform and are not in this file:
    /// `cargo pmcp deploy secrets set KEY` stores them.
    #[serde(default)]
    pub(crate) secrets: BTreeMap<String, Secret>,
    /// Who may call the server, on AWS Lambda. Without it, everybody who knows the URL. For Google Cloud Run it is
    /// `authentication` under [gcp] that says so.
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
    /// Cloudflare Workers.
    CloudflareWorkers,
    /// Google Cloud Run.
    GoogleCloudRun,
    /// pmcp.run.
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

    /// What only this platform reads in deploy.toml.
    pub(crate) fn section(self) -> &'static str {
        match self {
            Self::AwsLambda => "aws",
            Self::CloudflareWorkers => "cloudflare",
            Self::GoogleCloudRun => "gcp",
            Self::PmcpRun => "pmcp_run",
        }
    }
}

/// What is deployed.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Server {
    /// The server's name on the platform: lower-case letters, digits and hyphens, a letter first. Up to 50, and 49 on
    /// Google Cloud Run.
    #[schemars(length(min = 1, max = 50), regex(pattern = r"^[a-z][a-z0-9-]*$"))]
    pub(crate) name: String,
    /// The cargo package that is deployed, if it is for the target. Without it, `NAME-` and the platform, as in
    /// `crm-lambda`, or the only package that uses the platform's adapter.
    pub(crate) package: Option<String>,
}

/// A variable whose value the platform keeps.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Secret {
    /// On AWS Lambda, an entry of AWS Secrets Manager in the function's region that is there already and stays yours, by
    /// its whole ARN. Without it, the one that
    /// `cargo pmcp deploy secrets set` makes.
    pub(crate) arn: Option<String>,
    /// On Google Cloud Run, an entry of the project's Secret Manager that is there already and stays yours, and that
    /// the server may read already. Without it, the one that `cargo pmcp deploy secrets set` makes.
    pub(crate) entry: Option<String>,
    /// On Google Cloud Run, the file that has the value, such as `/secrets/database/url`, instead of a variable.
    pub(crate) file: Option<String>,
}

impl Secret {
    /// The platform's name of an entry that was there before, if that is meant.
    pub(crate) fn yours(&self) -> Option<&str> {
        self.arn.as_deref().or(self.entry.as_deref())
    }
}

impl Config {
    /// What a file says that has the least.
    pub(crate) fn new(target_type: TargetType, name: String) -> Self {
        Self {
            root: PathBuf::new(),
            target: Target { target_type },
            server: Server { name, package: None },
            aws: Aws::default(),
            cloudflare: Cloudflare::default(),
            gcp: Gcp::default(),
            pmcp_run: PmcpRun::default(),
            environment: BTreeMap::new(),
            secrets: BTreeMap::new(),
            auth: None,
        }
    }

    /// Reads the file of the project in `root`; `target` stands for what the file says.
    pub(crate) fn load(root: &Path, target: Option<TargetType>) -> Result<Self> {
        let text = read(root)?.ok_or_else(|| {
            Failure::setting(
                format!("there is no {}", path(root).display()),
                "make one with `cargo pmcp deploy init`, or go into the project, or name its folder with -C",
            )
        })?;
        Ok(Self { root: root.to_path_buf(), ..Self::parse(&text, target)? })
    }

    /// Parses the file's text, and holds it to what the platform takes.
    pub(crate) fn parse(text: &str, target: Option<TargetType>) -> Result<Self, Problem> {
        let mut config: Self = toml::from_str(text).map_err(|error| Problem::of_parsing(text, &error))?;
        config.target.target_type = target.unwrap_or(config.target.target_type);
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

/// The project that a folder is in: the nearest with the file, upwards within its cargo workspace; else the folder itself.
pub(crate) fn project(folder: &Path) -> PathBuf {
    let above = std::path::absolute(folder).unwrap_or_default();
    // Like cargo, but where a workspace ends another may begin.
    let is_workspace =
        |folder: &Path| fs::read_to_string(folder.join("Cargo.toml")).is_ok_and(|text| has(&text, &["workspace"]));
    let mut last = false;
    let mut folders = above.ancestors().take_while(|folder| !std::mem::replace(&mut last, is_workspace(folder)));
    match folders.find(|folder| folder.join(PATH).is_file()) {
        Some(found) if found != above => found.to_path_buf(),
        _ => folder.to_path_buf(),
    }
}

/// More is no deploy.toml, in bytes.
const LONGEST: u64 = 1 << 20;

/// The text of the file of the project in `root`, if it has one.
pub(crate) fn read(root: &Path) -> Result<Option<String>> {
    let path = path(root);
    // Before it is opened: who opens a pipe waits for its other end.
    match fs::metadata(&path) {
        Ok(found) if found.is_file() && found.len() <= LONGEST => {}
        Ok(_) => {
            let what = format!("{} is no file of up to 1 MiB", path.display());
            return Err(Failure::setting(what, "remove it, and write one with `cargo pmcp deploy init`"));
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Failure::file("reading", path)(error)),
    }
    let bytes = fs::read(&path).map_err(Failure::file("reading", &path))?;
    String::from_utf8(bytes).map(Some).map_err(|error| {
        let before = error.as_bytes().get(..error.utf8_error().valid_up_to()).unwrap_or_default();
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        Failure::setting(format!("line {line} of {} is no UTF-8", path.display()), "save the file as UTF-8")
    })
}

fn path(root: &Path) -> PathBuf {
    if root == Path::new(".") { PathBuf::from(PATH) } else { root.join(PATH) }
}

#[cfg(test)]
mod tests;
