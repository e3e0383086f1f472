//! What a platform must be able to do: one trait, one folder per platform.

mod answers;
mod archive;
mod aws_lambda;
pub(crate) mod cloudflare_workers;
mod executable;
mod google_cloud_run;
mod log_lines;
mod pmcp_run;
mod static_binary;
mod versions;
mod zig;

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

pub(crate) use self::answers::{LogLine, LogLines, Login, Logout, Outputs, Status, Term};
use crate::cli::{self, Init, Logs, Platform, Rollback};
use crate::config::{Config, PATH, STATE_KEYS, TargetType, storing};
use crate::deploy::Project;
use crate::exec::{Hidden, Program};
use crate::failure::{Failure, Result};
use crate::files::NewFile;
use crate::output::Output;
use crate::plan::Plan;

/// A platform that servers are deployed to.
pub(crate) trait Target {
    /// Whose `main` the server needs.
    fn platform(&self) -> Platform;
    /// Where the server is deployed to, as it stands in a sentence after "in": a region, a project, an account.
    fn place(&self, config: &Config) -> String;
    /// Takes what this machine is set to, for a project that is new.
    fn set_up(&self, _config: &mut Config) {}
    /// Takes what `deploy init` was told of that place; refuses what the platform does not have.
    fn settle(&self, config: &mut Config, options: &Init) -> Result;
    /// deploy.toml and what else `deploy init` writes, but for the `main`.
    fn files(&self, project: &Project) -> Vec<NewFile>;
    /// What code must know that ran elsewhere before, where deploy.toml lets one expect something else.
    fn moving_note(&self, _config: &Config) -> Option<String> {
        None
    }
    /// A file of the project, beside deployed.json, that says what was made, and nothing else does.
    fn memory(&self) -> Option<&'static str> {
        None
    }
    /// What deploying leaves in the project's folders, beside [`Target::files`].
    fn traces(&self, _project: &Project) -> Traces {
        Traces::default()
    }
    /// What stands in the way of deploying, on this machine and in the account.
    fn doctor(&self, config: &Config) -> Vec<Check>;
    /// A file of the project that deploying cannot do without, and that `deploy init` writes.
    fn needed_file(&self, _project: &Project) -> Option<String> {
        None
    }
    /// What `deploy` would do. Changes nothing and asks nobody.
    fn plan(&self, project: &Project) -> Result<Plan>;
    fn deploy(&self, project: &Project, output: Output) -> Result<Outputs>;
    fn outputs(&self, config: &Config) -> Result<Outputs>;
    /// Who is logged in; [`Failure::LoggedOut`] if nobody is.
    fn who(&self, config: &Config) -> Result<Login>;
    /// Logs in; `false` where there is no way to do that from here.
    fn login(&self, config: &Config, options: &cli::Login, output: Output) -> Result<bool>;
    /// Ends the login, where it is this program's own.
    fn logout(&self, config: &Config) -> Result<Logout> {
        let platform = config.target.target_type;
        if let Some(variable) = self.login_variable(config) {
            let what =
                format!("the login to {} is what {variable} says, and no login of this machine", platform.title());
            return Err(Failure::refused(what, format!("unset {variable} to end it")));
        }
        Err(Failure::refused(
            format!("the login to {} belongs to a program that others use as well", platform.title()),
            format!("end it there: {}", platform.logout_line()),
        ))
    }
    /// The variable that says who is logged in, if one does: it goes before every login.
    fn login_variable(&self, _config: &Config) -> Option<&'static str> {
        None
    }
    /// How whoever looks after the server gets the token that the platform wants before it lets somebody in, where it does.
    fn token_advice(&self, _config: &Config) -> Option<&'static str> {
        None
    }
    /// Where clients reach the deployed server.
    fn url(&self, config: &Config) -> Result<String>;
    fn status(&self, config: &Config) -> Result<Status>;
    /// Whether a server of this name is there.
    fn is_deployed(&self, config: &Config) -> Result<bool> {
        Ok(self.status(config)?.deployed)
    }
    /// That deploying takes away the URL that clients know, if that is so.
    fn loses_url(&self, _config: &Config) -> Result<Option<String>> {
        Ok(None)
    }
    /// The account that the place is in, where only the platform knows it; what follows may then be told of it.
    fn account(&self, _config: &mut Config) -> Result<Option<String>> {
        Ok(None)
    }
    /// What says where the place is: a variable, a program or the file, as it stands in a sentence.
    fn says_place(&self, _config: &Config) -> &'static str {
        PATH
    }
    /// Lets another version answer, and returns which.
    fn rollback(&self, config: &Config, options: &Rollback) -> Result<Plan>;
    fn logs(&self, config: &Config, options: &Logs, output: Output) -> Result;
    /// What a secret is called on the platform.
    fn secret_name(&self, config: &Config, key: &str) -> String;
    /// What is said of secrets, as it is on the platform.
    fn secret_notes(&self) -> SecretNotes;
    /// Secrets that have a value, by variable, and when each was stored.
    fn secrets(&self, config: &Config) -> Result<BTreeMap<String, Option<String>>>;
    /// The most that is kept of one value, in bytes.
    fn longest_secret(&self) -> usize {
        64 << 10
    }
    fn set_secret(&self, config: &Config, key: &str, value: Hidden) -> Result;
    /// Refuses to delete what the live version reads, as far as that can be asked for before.
    fn check_unread(&self, _config: &Config, _key: &str) -> Result {
        Ok(())
    }
    /// Deletes one that is not read.
    fn delete_secret(&self, config: &Config, key: &str) -> Result;
    /// Versions that read a secret at their start, where a rollback brings back what a version reads.
    fn readers(&self, _config: &Config, _key: &str) -> Result<Vec<String>> {
        Ok(Vec::new())
    }
    /// What `destroy` would remove.
    fn removal(&self, project: &Project, clean: bool) -> Result<Removal>;
    fn destroy(&self, project: &Project, removal: &Removal, output: Output) -> Result;
}

impl TargetType {
    /// The platform of this name.
    pub(crate) fn target(self) -> &'static dyn Target {
        match self {
            Self::AwsLambda => &aws_lambda::AwsLambda,
            Self::CloudflareWorkers => &cloudflare_workers::CloudflareWorkers,
            Self::GoogleCloudRun => &google_cloud_run::GoogleCloudRun,
            Self::PmcpRun => &pmcp_run::PmcpRun,
        }
    }

    /// What ends a login that is not this program's.
    fn logout_line(self) -> &'static str {
        match self {
            Self::AwsLambda => "aws sso logout",
            Self::CloudflareWorkers => "wrangler logout",
            Self::GoogleCloudRun => "gcloud auth revoke",
            Self::PmcpRun => "cargo pmcp deploy logout",
        }
    }
}

/// Of what the platform refused for reasons of its own.
const AGAIN: &str = "run the command again when this is mended";

/// Of what was interrupted before anything was done that stays.
pub(crate) const UNCHANGED: &str = "nothing was changed: run `cargo pmcp deploy` again to have what is here";

/// What is said of secrets.
pub(crate) struct SecretNotes {
    /// Once one was stored that deploy.toml gives to the server, and one that it does not.
    pub(crate) given: &'static str,
    pub(crate) not_given: &'static str,
    /// Of one that was deleted.
    pub(crate) deleted: &'static str,
}

impl SecretNotes {
    /// Where the server is given a value by the next deployment.
    fn once_deployed(deleted: &'static str) -> Self {
        Self {
            given: "the server reads it once you run `cargo pmcp deploy`",
            not_given: "to give it to the server, add `{key} = {}` under [secrets] in .pmcp/deploy.toml and run `cargo pmcp \
                        deploy`",
            deleted,
        }
    }
}

/// For commands that need a deployed server.
fn not_deployed(config: &Config) -> Failure {
    not_deployed_in(config, &config.target.target_type.target().place(config))
}

/// The same where the platform has said more of the place than deploy.toml.
fn not_deployed_in(config: &Config, place: &str) -> Failure {
    Failure::failed(format!("{} is not deployed in {place}", config.server.name), DEPLOY_IT)
}

/// What to do about that, where nothing else is deployed.
pub(crate) const DEPLOY_IT: &str = "deploy it: `cargo pmcp deploy`";

/// That a secret cannot be deleted before the live version does without it.
fn read_at_start(config: &Config, key: &str) -> Failure {
    Failure::refused(
        format!("the live version of {} reads {key} whenever an instance starts", config.server.name),
        "take it out of [secrets] in .pmcp/deploy.toml and run `cargo pmcp deploy` first",
    )
}

/// That deploy.toml gives to the server what has no value.
fn missing_secrets(config: &Config, stored: &BTreeMap<String, Option<String>>) -> Result {
    let missing: Vec<&str> =
        config.secrets.keys().filter(|key| !stored.contains_key(*key)).map(String::as_str).collect();
    without_value(&missing)
}

/// The same of those that are known to be missing.
fn without_value(missing: &[&str]) -> Result {
    // Whoever sees only how another is stored does not know what this one is.
    let is_to_be_made = missing.iter().skip(1).any(|key| *key == STATE_KEYS);
    let made = if is_to_be_made { format!("; and {STATE_KEYS}: {}", storing(STATE_KEYS)) } else { String::new() };
    match missing.first() {
        None => Ok(()),
        Some(first) => Err(Failure::refused(
            format!(".pmcp/deploy.toml names secrets that have no value yet: {}", missing.join(", ")),
            format!("store each: {}{made}", storing(first)),
        )),
    }
}

/// What a failed deployment leaves, in the words of the person who has to go on: what there is now, and what to do.
fn after_failure<A: Into<String>>(
    name: &str,
    failure: Failure,
    now: impl FnOnce() -> Result<Option<(String, A)>>,
) -> Failure {
    if matches!(failure, Failure::Interrupted { .. }) {
        return failure.when_interrupted(
            "the new version may be live already: see `cargo pmcp deploy status`, and run `cargo pmcp deploy` again",
        );
    }
    let (now, advice) = match now() {
        Ok(None) => ("nothing exists of it now".to_owned(), "mend what it says, and deploy again".into()),
        Ok(Some((now, advice))) => (now, advice.into()),
        Err(asking) => (format!("what exists of it is not known: {asking}"), "see `cargo pmcp deploy status`".into()),
    };
    Failure::failed(format!("{}\nthe deployment of {name} failed, and {now}", failure.to_string().trim_end()), advice)
}

/// One thing that deploying needs.
#[derive(Debug, Serialize)]
pub(crate) struct Check {
    pub(crate) what: String,
    pub(crate) ok: bool,
    /// What was found; or the line that mends it.
    pub(crate) detail: String,
}

impl Check {
    fn of_program(program: &Program) -> Self {
        match program.find() {
            Some(path) => Self { what: program.name.into(), ok: true, detail: path.display().to_string() },
            None => Self { what: program.name.into(), ok: false, detail: program.install.into() },
        }
    }

    /// Whoever is not answered may be logged in all the same.
    fn of_login(platform: &str, found: Result<String>) -> Self {
        let what = match found {
            Err(Failure::Failed { .. }) => "an answer of",
            _ => "a login to",
        };
        Self::of(format!("{what} {platform}"), found.map_err(Failure::in_a_line))
    }

    fn of(what: impl Into<String>, found: Result<String, impl fmt::Display>) -> Self {
        let (ok, detail) = match found {
            Ok(found) => (true, found),
            Err(failure) => (false, failure.to_string().replace('\n', "; ")),
        };
        Self { what: what.into(), ok, detail }
    }
}

/// What deploying leaves in the project's folders.
#[derive(Default)]
pub(crate) struct Traces {
    /// Files and folders that are made anew whenever they are needed.
    pub(crate) made: Vec<String>,
    /// What stays whatever is removed, and why.
    pub(crate) kept: Vec<(String, &'static str)>,
}

/// What is about to be removed on the platform.
#[derive(Debug, Serialize)]
pub(crate) struct Removal {
    /// Whether the server itself is there.
    pub(crate) deployed: bool,
    /// What goes along with it, and is nowhere else, as it stands in a sentence.
    pub(crate) along: Option<String>,
    /// Names of what outlives the server: with `--clean` to be removed too, else kept.
    pub(crate) outliving: Vec<Outliving>,
}

/// Something that a server leaves behind.
#[derive(Debug, Serialize)]
pub(crate) struct Outliving {
    pub(crate) kind: &'static str,
    pub(crate) name: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_value_is_told_with_the_line_that_makes_it() {
        let told = |missing: &[&str]| without_value(missing).expect_err("is refused").to_string();
        let key = "`openssl rand -base64 32 | cargo pmcp deploy secrets set PMCP_STATE_KEYS`";
        assert!(
            told(&["PMCP_STATE_KEYS"]).ends_with(&format!("\nstore each: {key}")),
            "{}",
            told(&["PMCP_STATE_KEYS"])
        );
        let both = told(&["KEY", "PMCP_STATE_KEYS"]);
        let advice = format!("\nstore each: `cargo pmcp deploy secrets set KEY`; and PMCP_STATE_KEYS: {key}");
        assert!(both.ends_with(&advice), "{both}");
        let there = without_value(&["PMCP_STATE_KEYS"]).expect_err("is refused").for_target("pmcp-run").to_string();
        assert!(there.contains("32 | cargo pmcp deploy --target pmcp-run secrets set"), "{there}");
    }
}
