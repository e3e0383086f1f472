//! The account as the AWS CLI reaches it, and what its errors mean.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::super::AGAIN;
use super::stack;
use crate::config::Config;
use crate::exec::{AWS, Call, Hidden, Said};
use crate::failure::{Failure, Result};

/// One region of one account.
pub(super) struct Account {
    pub(super) region: String,
    profile: Option<String>,
}

/// Who is logged in.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Identity {
    pub(super) account: String,
    pub(super) arn: String,
}

impl Account {
    pub(super) fn new(config: &Config) -> Self {
        Self { region: config.aws.region.clone(), profile: config.aws.profile.clone() }
    }

    /// A call of the AWS CLI for this region.
    pub(super) fn call(&self, arguments: &[&str]) -> Result<Call> {
        // Text is UTF-8 in both directions, whatever the machine's own: AWS CLI 1 is Python, 2 has a variable of its own.
        let call = AWS.call(arguments.iter().copied().chain(self.option()))?;
        let call = call.env("PYTHONUTF8", "1").env("AWS_CLI_FILE_ENCODING", "UTF-8");
        Ok(self.environment(call))
    }

    /// What the AWS CLI and the CDK read alike.
    pub(super) fn environment(&self, call: Call) -> Call {
        let call = call.env("AWS_REGION", &self.region).env("AWS_DEFAULT_REGION", &self.region).env("AWS_PAGER", "");
        match &self.profile {
            Some(profile) => call.env("AWS_PROFILE", profile),
            None => call,
        }
    }

    /// The CDK's call with nothing but what this program says: every other option can be a variable or stand in a file of
    /// settings, such as a profile of another account.
    pub(super) fn of_the_cdk(&self, call: Call) -> Call {
        // These are none: which program makes images, where it keeps what it caches, and what it tells its makers.
        let kept = ["CDK_DOCKER", "CDK_HOME", "CDK_DISABLE_CLI_TELEMETRY", "CDK_DISABLE_VERSION_CHECK"];
        let call = call.without_all("CDK", &kept).always("--output=cdk.out");
        match &self.profile {
            Some(_) => call,
            None => call.always("--profile="),
        }
    }

    /// What both take as well: before keys in the environment goes only a profile that is an option.
    pub(super) fn option(&self) -> impl Iterator<Item = &str> {
        self.profile.iter().flat_map(|profile| ["--profile", profile])
    }

    /// A line for a person to type, which reaches the same account.
    pub(super) fn line(&self, words: &str) -> String {
        format!("{words} --region {}{}", self.region, self.with_profile())
    }

    pub(super) fn with_profile(&self) -> String {
        self.profile.as_ref().map(|profile| format!(" --profile {profile}")).unwrap_or_default()
    }

    /// What the AWS CLI answers; `Ok(None)` if it says that what was asked for is not there.
    pub(super) fn ask<T: DeserializeOwned>(&self, arguments: &[&str]) -> Result<Option<T>> {
        let mut with_format = arguments.to_vec();
        with_format.extend(["--output", "json"]);
        let text = match self.call(&with_format)?.capture()? {
            // Of an empty list it sometimes says nothing.
            Ok(text) if text.trim().is_empty() => return Ok(None),
            Ok(text) => text,
            Err(said) if is_not_there(&said.words) => return Ok(None),
            Err(said) => return Err(self.explain(said)),
        };
        serde_json::from_str(&text).map(Some).map_err(|error| {
            Failure::failed(
                format!("`aws {}` answered what is not understood: {error}", arguments.join(" ")),
                "update the AWS CLI",
            )
        })
    }

    /// Changes something, and wants no answer.
    pub(super) fn tell(&self, arguments: &[&str]) -> Result {
        self.call(arguments)?.capture()?.map(drop).map_err(|said| self.explain(said))
    }

    /// Changes something with what it reads from standard input, and wants an answer with this member: all else may be
    /// somebody's who stands between.
    pub(super) fn tell_hidden(&self, arguments: &[&str], input: Hidden, member: &str) -> Result {
        let said = self.call(arguments)?.input(input).capture()?.map_err(|said| self.explain(said))?;
        match serde_json::from_str::<Value>(&said).is_ok_and(|said| said[member].is_string()) {
            true => Ok(()),
            false => Err(Failure::failed(
                format!("`aws {}` does not answer that it was done", arguments.join(" ")),
                "see that nothing stands between this machine and AWS, and run the command again",
            )),
        }
    }

    /// Whether the AWS CLI writes down all that it sends.
    pub(super) fn keeps_history(&self) -> Result<bool> {
        let set = self.call(&["configure", "get", "cli_history"])?.capture()?;
        Ok(set.is_ok_and(|set| set.trim() == "enabled"))
    }

    /// Who is logged in.
    pub(super) fn identity(&self) -> Result<Identity> {
        self.ask(&["sts", "get-caller-identity"])?
            .ok_or_else(|| Failure::logged_out("AWS does not know who is logged in", "log in: `aws configure sso`"))
    }

    /// Logs in in the browser, where the AWS CLI knows how.
    pub(super) fn login(&self, no_browser: bool) -> Result<bool> {
        // Of a key that is not set the AWS CLI says nothing, with an exit code of 1.
        let is_set = |key: &str| -> Result<bool> { Ok(self.call(&["configure", "get", key])?.capture()?.is_ok()) };
        if !is_set("sso_session")? && !is_set("sso_start_url")? {
            return Ok(false);
        }
        let mut arguments = vec!["sso", "login"];
        if no_browser {
            arguments.push("--no-browser");
            let version = self.call(&["--version"])?.capture()?.map_err(|said| self.explain(said))?;
            arguments.extend(wants_device_code(&version).then_some("--use-device-code"));
        }
        self.call(&arguments)?.run("see what the AWS CLI says above").map(|()| true)
    }

    /// Whether the CDK may put its files here.
    pub(super) fn bootstrapped(&self) -> Result {
        if stack::has_toolkit(self)? {
            return Ok(());
        }
        let account = self.identity()?.account;
        let region = &self.region;
        Err(Failure::missing(
            format!(
                "the account {account} was never bootstrapped in {region}: the CDK has no place for its files there"
            ),
            // By the package's name, as the CDK of the project is installed later.
            format!("do it once: npx aws-cdk@2 bootstrap aws://{account}/{region}{}", self.with_profile()),
        ))
    }

    /// What the AWS CLI says, in words that say what to do.
    fn explain(&self, said: Said) -> Failure {
        let words = said.words.as_str();
        let has = |parts: &[&str]| parts.iter().any(|part| words.contains(part));
        let profile = self.with_profile();
        if has(&["Unable to locate credentials", "NoCredentials"]) {
            Failure::logged_out(
                "not logged in to AWS: the AWS CLI finds no credentials",
                match &self.profile {
                    Some(_) => format!("log in: `aws configure sso{profile}`"),
                    None => "log in: `aws configure sso`, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY".into(),
                },
            )
        } else if has(&["Partial credentials found"]) {
            said.logged_out("set what is missing, or log in: `aws configure sso`")
        } else if has(&["Error when retrieving credentials"]) {
            said.logged_out(
                "see that what the profile names, such as its `credential_process`, gives credentials by itself",
            )
        } else if has(&["Enter MFA code", "MFA token required", "EOF when reading a line"]) {
            Failure::logged_out(
                "the profile wants a code from a device, and there is nobody to ask",
                "run it at a terminal; or get a session with `aws sts get-session-token`, and export what that prints",
            )
        } else if has(&["Signature expired", "Signature not yet current", "RequestExpired", "RequestTimeTooSkewed"]) {
            said.failed("set the clock of this machine right: AWS takes what is signed within minutes only")
        } else if has(&["ExpiredToken", "has expired", "Error loading SSO Token", "Error when retrieving token"]) {
            Failure::logged_out("the login to AWS has expired", format!("log in again: `aws sso login{profile}`"))
        } else if has(&["InvalidClientTokenId", "UnrecognizedClientException", "SignatureDoesNotMatch"]) {
            Failure::logged_out(
                "AWS does not know these credentials",
                format!("log in again: `aws configure sso{profile}`; a region that was never enabled says the same"),
            )
        } else if has(&["could not be found"]) && words.contains("config profile") {
            let found = words.split(['(', ')']).nth(1).unwrap_or_default();
            Failure::missing(
                format!("the AWS CLI has no profile `{}`", self.profile.as_deref().unwrap_or(found)),
                "make it with `aws configure sso`, or correct AWS_PROFILE, or `profile` under [aws] in .pmcp/deploy.toml",
            )
        } else if has(&["Could not connect to the endpoint URL", "Connect timeout", "Name or service not known"]) {
            Failure::failed(
                format!("AWS cannot be reached in {}", self.region),
                "see that the network is up, and that `region` under [aws] in .pmcp/deploy.toml exists",
            )
        } else if has(&["Failed to connect to proxy URL"]) {
            said.failed("correct HTTPS_PROXY, or unset it: it says by which way AWS is reached")
        } else if has(&["Read timeout", "ReadTimeout"]) {
            Failure::failed(
                format!("AWS took too long to answer in {}", self.region),
                "it may have done what it was asked: see `cargo pmcp deploy status`, and run the command again",
            )
        } else if has(&["AccessDenied", "UnauthorizedOperation", "not authorized to perform"]) {
            said.failed("ask whoever looks after the account for this permission")
        } else {
            said.failed(AGAIN)
        }
    }
}

/// From 2.22 on the AWS CLI waits for a browser on this very machine, unless it is told to print a code.
fn wants_device_code(version: &str) -> bool {
    let mut parts = version.trim_start_matches("aws-cli/").split(['.', ' ']).map_while(|part| part.parse::<u32>().ok());
    matches!((parts.next(), parts.next()), (Some(3..), _) | (Some(2), Some(22..)))
}

/// How AWS's services say that something is not there.
fn is_not_there(words: &str) -> bool {
    let has = |part: &str| words.contains(part);
    (has("ValidationError") && has("does not exist")) || has("ResourceNotFoundException") || has("NoSuchBucket")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_newer_versions_of_the_aws_cli_are_told_to_print_a_code() {
        for (version, wants) in [
            ("aws-cli/1.44.2 Python/3.11.2 Linux/6.1 botocore/1.42.2", false),
            ("aws-cli/2.21.3 Python/3.12.6 Linux/6.1 exe/x86_64", false),
            ("aws-cli/2.22.0 Python/3.12.6 Linux/6.1 exe/x86_64", true),
            ("aws-cli/2.34.18 Python/3.13.2 Darwin/24.1", true),
            ("something else", false),
        ] {
            assert_eq!(wants_device_code(version), wants, "{version}");
        }
    }
}
