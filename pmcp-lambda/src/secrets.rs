//! Secrets of AWS Secrets Manager, in the environment before the server is made.
//!
//! A process cannot safely change its own environment once it has threads; it can start itself anew with another.
//! <https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html>

use std::collections::BTreeMap;
use std::env;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use serde::Deserialize;
use serde_json::json;
use ureq::Agent;

use crate::platform::now;
use crate::signature::{Credentials, Signed};
use crate::{Config, Error, SECRETS, SecretsError, failed, log};

/// How long all secrets together may take: a function has 10 s to start; Secrets Manager takes some 20 ms for each.
const PATIENCE: Duration = Duration::from_secs(8);

/// How long one may take.
const LONGEST: Duration = Duration::from_secs(5);

/// How long to wait at first before what may pass is tried again, as when many instances start at once.
const PAUSE: Duration = Duration::from_millis(100);

/// Puts what `PMCP_SECRETS` names into the environment, and starts this process anew with it.
///
/// The variable is a JSON object of variables and the ARNs of their entries in Secrets Manager; `cargo pmcp deploy`
/// sets it. Where it is not set, as on your own machine, nothing is done. The function's role must be allowed
/// `secretsmanager:GetSecretValue` on the entries, and a function in a private network needs a way to Secrets Manager.
///
/// [`run`](crate::run) does the same. Call this first in `main` where the server reads the environment while it is made:
///
/// ```no_run
/// # fn server(database: String) -> pmcp_core::ServerBuilder { pmcp_core::Server::builder(database, "1.0.0") }
/// #[tokio::main]
/// async fn main() -> pmcp_lambda::Result {
///     pmcp_lambda::load_secrets().await?;
///     let database = std::env::var("DATABASE_URL").expect("DATABASE_URL is set");
///     pmcp_lambda::run(server(database)).await
/// }
/// ```
///
/// # Errors
/// When a secret cannot be had; Lambda is told which, and why.
pub async fn load_secrets() -> Result<(), Error> {
    let Some(named) = env::var_os(SECRETS) else { return Ok(()) };
    // Nothing else runs yet that this could keep waiting.
    let error = match read(&named.to_string_lossy()) {
        Ok(values) => start_anew(values),
        Err(error) => error,
    };
    log::install(&Config::from_env().unwrap_or_default());
    Err(failed(Error::Secrets(error)).await)
}

/// Returns only if that cannot be done.
fn start_anew(values: BTreeMap<String, String>) -> SecretsError {
    match env::current_exe() {
        Ok(program) => {
            let mut command = Command::new(program);
            command.args(env::args_os().skip(1)).env_remove(SECRETS).envs(values);
            SecretsError(format!("the process cannot be started anew with its secrets: {}", command.exec()))
        }
        Err(error) => SecretsError(format!("the process cannot be started anew with its secrets: {error}")),
    }
}

fn read(named: &str) -> Result<BTreeMap<String, String>, SecretsError> {
    let arns: BTreeMap<String, String> = serde_json::from_str(named)
        .map_err(|error| SecretsError(format!("{SECRETS} is no JSON object of variables and ARNs: {error}")))?;
    let credentials = credentials()?;
    let agent: Agent = Agent::config_builder()
        // What Secrets Manager says is read in any case.
        .http_status_as_error(false)
        .build()
        .into();
    let end = Instant::now() + PATIENCE;
    let one = |(variable, arn): (String, String)| match fetch_patiently(&agent, &credentials, &arn, end) {
        Ok(value) => Ok((variable, value)),
        Err(why) => Err(SecretsError(format!("the secret {variable} ({arn}) cannot be read: {why}"))),
    };
    arns.into_iter().map(one).collect()
}

/// Tries again what may pass, as long as there is time.
fn fetch_patiently(agent: &Agent, credentials: &Credentials, arn: &str, end: Instant) -> Result<String, String> {
    let mut pause = PAUSE;
    loop {
        let left = end.saturating_duration_since(Instant::now());
        match fetch(agent, credentials, arn, left.clamp(PAUSE, LONGEST)) {
            Ok(value) => return Ok(value),
            Err(Unread { may_pass: true, .. }) if left > pause + LONGEST => thread::sleep(pause),
            Err(Unread { why, .. }) => return Err(why),
        }
        pause *= 2;
    }
}

/// Why a secret was not read.
struct Unread {
    why: String,
    may_pass: bool,
}

impl From<String> for Unread {
    fn from(why: String) -> Self {
        Self { why, may_pass: false }
    }
}

/// Those that Lambda gives to every function.
fn credentials() -> Result<Credentials, SecretsError> {
    let variable = |name: &str| env::var(name).ok().filter(|value| !value.is_empty());
    let needed =
        |name: &str| variable(name).ok_or_else(|| SecretsError(format!("{SECRETS} is set, and {name} is not")));
    Ok(Credentials {
        id: needed("AWS_ACCESS_KEY_ID")?,
        secret: needed("AWS_SECRET_ACCESS_KEY")?,
        token: variable("AWS_SESSION_TOKEN"),
    })
}

#[derive(Deserialize)]
struct Entry {
    #[serde(rename = "SecretString")]
    value: Option<String>,
}

#[derive(Deserialize)]
struct Refusal {
    #[serde(rename = "__type", default)]
    kind: String,
    #[serde(alias = "Message", default)]
    message: String,
}

fn fetch(agent: &Agent, credentials: &Credentials, arn: &str, patience: Duration) -> Result<String, Unread> {
    let parts: Vec<&str> = arn.split(':').collect();
    let ["arn", partition, "secretsmanager", region, ..] = parts[..] else {
        return Err("this is no ARN of an entry in Secrets Manager".to_owned().into());
    };
    let endpoint = endpoint(partition, region);
    let host = endpoint.split("://").last().unwrap_or_default();
    let body = json!({ "SecretId": arn }).to_string();
    let signed = Signed {
        service: "secretsmanager",
        region,
        host,
        target: "secretsmanager.GetSecretValue",
        body: body.as_bytes(),
    };
    let mut request = agent.post(format!("{endpoint}/")).config().timeout_global(Some(patience)).build();
    for (name, value) in signed.headers(credentials, now()) {
        request = request.header(name, value);
    }
    let mut response = request.send(&body).map_err(|error| {
        format!("{host} does not answer ({error}); from a private network it is reached through a VPC endpoint")
    })?;
    let answer = response.body_mut().read_to_string().map_err(|error| format!("the answer broke off: {error}"))?;
    let status = response.status();
    if !status.is_success() {
        let refusal: Option<Refusal> = serde_json::from_str(&answer).ok();
        let why = match refusal {
            Some(Refusal { kind, message }) => format!("{kind}: {message}"),
            None => format!("{host} answered {status}"),
        };
        let may_pass = status.is_server_error() || why.starts_with("Throttling");
        return Err(Unread { why, may_pass });
    }
    // Why it cannot be read may repeat what is in it.
    let entry: Entry = serde_json::from_str(&answer).map_err(|_| "the answer is not understood".to_owned())?;
    match entry.value {
        Some(value) if !value.contains('\0') => Ok(value),
        _ => Err("it is no text, and a variable must be".to_owned().into()),
    }
}

/// Where the variables of AWS's own SDKs say, else where the region has it; without a slash at its end.
fn endpoint(partition: &str, region: &str) -> String {
    let told =
        ["AWS_ENDPOINT_URL_SECRETS_MANAGER", "AWS_ENDPOINT_URL"].into_iter().find_map(|name| env::var(name).ok());
    let suffix = if partition == "aws-cn" { "amazonaws.com.cn" } else { "amazonaws.com" };
    let endpoint = told.unwrap_or_else(|| format!("https://secretsmanager.{region}.{suffix}"));
    endpoint.trim_end_matches('/').to_owned()
}
