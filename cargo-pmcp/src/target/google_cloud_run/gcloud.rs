//! The project as gcloud reaches it, and what its errors mean.

use std::env;
use std::sync::OnceLock;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::config::{Config, ImageBuilder, is_project};
use crate::exec::{Call, Hidden, Program, Said};
use crate::failure::{Failure, Result};

pub(super) const GCLOUD: Program =
    Program { name: "gcloud", install: "install the Google Cloud CLI: https://cloud.google.com/sdk/docs/install" };

/// What deploying uses.
const APIS: [&str; 4] =
    ["run.googleapis.com", "artifactregistry.googleapis.com", "secretmanager.googleapis.com", "logging.googleapis.com"];

/// What it uses besides where Cloud Build makes the image; where its source is kept is a part of it.
const BUILD_APIS: [&str; 1] = ["cloudbuild.googleapis.com"];

/// The file of a token that goes before every login.
const TOKEN_FILE: &str = "CLOUDSDK_AUTH_ACCESS_TOKEN_FILE";

/// How gcloud begins to say why it failed.
const ERROR: &str = "ERROR: (gcloud.";

/// One region of one project.
pub(super) struct CloudProject {
    pub(super) id: String,
    pub(super) region: String,
    /// What must be switched on in it.
    pub(super) apis: Vec<&'static str>,
}

impl CloudProject {
    pub(super) fn new(config: &Config) -> Result<Self> {
        let Some(id) = config.gcp.project.clone().or_else(default_project) else {
            GCLOUD.call([""; 0])?;
            return Err(Failure::missing(
                "neither .pmcp/deploy.toml nor gcloud says which project of Google Cloud is meant",
                "add `project = \"ID\"` under [gcp]; `gcloud projects list` names yours",
            ));
        };
        let builds: &[&str] = if config.gcp.builder == ImageBuilder::CloudBuild { &BUILD_APIS } else { &[] };
        Ok(Self { id, region: config.gcp.region.clone(), apis: [&APIS[..], builds].concat() })
    }

    /// As it stands in a sentence after "in".
    pub(super) fn place(&self) -> String {
        format!("{} of {}", self.region, self.id)
    }

    /// A call of gcloud for this project.
    pub(super) fn call(&self, arguments: &[&str]) -> Result<Call> {
        let arguments = arguments.iter().copied().chain(["--project", &self.id]);
        Ok(quiet(GCLOUD.call(arguments)?))
    }

    /// What gcloud answers; `Ok(None)` if it says that what was asked for is not there.
    pub(super) fn ask<T: DeserializeOwned>(&self, arguments: &[&str]) -> Result<Option<T>> {
        let text = match self.call(&[arguments, &["--format", "json"]].concat())?.capture()? {
            Ok(text) => text,
            Err(said) if is_not_there(&said.words) => return Ok(None),
            Err(said) => return Err(self.explain(said)),
        };
        parse(arguments, &text).map(Some)
    }

    /// The same with what has no region of its own.
    pub(super) fn ask_here<T: DeserializeOwned>(&self, arguments: &[&str]) -> Result<Option<T>> {
        self.ask(&[arguments, &["--region", &self.region]].concat())
    }

    /// The same of an API that may never have been switched on: then nothing of it is there.
    pub(super) fn ask_if_enabled<T: DeserializeOwned>(&self, arguments: &[&str]) -> Result<Option<T>> {
        match self.call(&[arguments, &["--format", "json"]].concat())?.capture()? {
            Ok(text) => parse(arguments, &text).map(Some),
            Err(said) if is_not_there(&said.words) || is_disabled(&said.words) => Ok(None),
            Err(said) => Err(self.explain(said)),
        }
    }

    /// Changes something, and wants no answer.
    pub(super) fn tell(&self, arguments: &[&str]) -> Result {
        self.call(arguments)?.capture()?.map(drop).map_err(|said| self.explain(said))
    }

    /// Runs what takes long, and shows what it says as it comes; `advice` is for a failure that has no other.
    pub(super) fn show(&self, call: Call, advice: &str) -> Result {
        call.run_heard()?.map_err(|Said { call, words }| {
            // What a build has said is above, and may be of anything.
            let own = words.rfind(ERROR).and_then(|begin| words.get(begin..)).unwrap_or(&words).to_owned();
            self.explain_or(Said { call, words: own }, advice)
        })
    }

    /// Changes something with what it reads from standard input, and wants no answer.
    pub(super) fn tell_hidden(&self, arguments: &[&str], input: Hidden) -> Result {
        self.call(arguments)?.input(input).capture()?.map(drop).map_err(|said| self.explain(said))
    }

    /// What lets whoever is logged in into a registry, for an hour at most.
    pub(super) fn token(&self) -> Result<Hidden> {
        let said = quiet(GCLOUD.call(["auth", "print-access-token"])?).capture()?;
        said.map(|token| Hidden(token.trim().to_owned())).map_err(|said| self.explain(said))
    }

    /// Who is logged in.
    pub(super) fn who(&self) -> Result<String> {
        #[derive(Deserialize)]
        struct Account {
            account: String,
        }
        self.token()?;
        let arguments = ["auth", "list", "--filter", "status:ACTIVE", "--format", "json"];
        let text = quiet(GCLOUD.call(arguments)?).capture()?.map_err(|said| self.explain(said))?;
        let accounts: Vec<Account> = parse(&arguments, &text)?;
        // With a token that comes from elsewhere gcloud does not know whose it is.
        Ok(accounts.into_iter().next().map_or_else(|| "whoever its access token is of".into(), |found| found.account))
    }

    /// Logs in in the browser, here or on another device.
    pub(super) fn login(no_browser: bool) -> Result {
        if has_token_file() {
            let what = format!("{TOKEN_FILE} names a token, which goes before every login");
            return Err(Failure::refused(what, "unset it, and log in again"));
        }
        let browser: &[&str] = if no_browser { &["--no-launch-browser"] } else { &[] };
        let login = GCLOUD.call([&["auth", "login", "--brief"], browser].concat())?;
        login.terminal().run("log in yourself: `gcloud auth login`")
    }

    /// What deploying uses and the project does not have switched on.
    pub(super) fn disabled_apis(&self) -> Result<Vec<&'static str>> {
        #[derive(Deserialize)]
        struct Service {
            config: Settings,
        }
        #[derive(Deserialize)]
        struct Settings {
            name: String,
        }
        let enabled: Option<Vec<Service>> = self.ask(&["services", "list", "--enabled"])?;
        let enabled = enabled.unwrap_or_default();
        let is_enabled = |api: &&str| enabled.iter().any(|service| service.config.name == *api);
        Ok(self.apis.iter().copied().filter(|api| !is_enabled(api)).collect())
    }

    /// The line that switches it all on.
    pub(super) fn enabling(&self) -> String {
        format!("gcloud services enable {} --project {}", self.apis.join(" "), self.id)
    }

    /// What gcloud says, in words that say what to do.
    pub(super) fn explain(&self, said: Said) -> Failure {
        self.explain_or(said, "run the command again when this is mended: what was done already is not done twice")
    }

    /// The same with another advice on what is not known.
    fn explain_or(&self, said: Said, advice: &str) -> Failure {
        let words = said.words.as_str();
        let has = |parts: &[&str]| parts.iter().any(|part| words.contains(part));
        let Self { id, region, .. } = self;
        if has(&["do not currently have an active account", "no active account", "do not have any valid credentials"]) {
            Failure::logged_out(
                "not logged in to Google Cloud: gcloud has no active account",
                "log in: `gcloud auth login`",
            )
        } else if has(&[
            "Max retries exceeded",
            "NameResolutionError",
            "Unable to find the server",
            "Failed to establish a new connection",
            "Connection refused",
            "Network is unreachable",
        ]) {
            Failure::failed(
                format!("Google Cloud cannot be reached in {region}"),
                "see that the network is up, and that `region` under [gcp] in .pmcp/deploy.toml exists",
            )
        } else if has(&[
            "refreshing your current auth tokens",
            "Reauthentication",
            "invalid_grant",
            "UNAUTHENTICATED",
            "invalid authentication credentials",
        ]) {
            match has_token_file() {
                true => Failure::logged_out(
                    format!("Google Cloud does not take the token that {TOKEN_FILE} names"),
                    "put another there, or unset it and log in: `gcloud auth login`",
                ),
                false => {
                    Failure::logged_out("the login to Google Cloud has expired", "log in again: `gcloud auth login`")
                }
            }
        } else if is_disabled(words) {
            let api = words.split(|letter: char| !(letter.is_ascii_alphanumeric() || matches!(letter, '.' | '-')));
            let api = api.into_iter().find(|word| word.ends_with(".googleapis.com"));
            let api = api.map_or_else(|| "an API that this needs".into(), |api| format!("the API {api}"));
            Failure::missing(
                format!("{api} is not enabled in {id}"),
                format!("enable what deploying needs: `{}`", self.enabling()),
            )
        } else if has(&["BILLING_DISABLED", "billing to be enabled", "Billing account for project"]) {
            Failure::missing(
                format!("{id} has no billing account, which Google Cloud wants even for what costs nothing"),
                format!("link one: https://console.cloud.google.com/billing/linkedaccount?project={id}"),
            )
        } else if has(&["CONSUMER_INVALID", "rojects instance [", "roject not found", "resource project"]) {
            Failure::missing(
                format!("there is no project {id}, or whoever is logged in may not see it"),
                "see `gcloud projects list`, and correct `project` under [gcp] in .pmcp/deploy.toml",
            )
        } else if has(&["is not found or access is unauthorized", "not a valid location", "Unsupported region"]) {
            Failure::refused(
                format!("Google Cloud has no region {region} for this"),
                "choose another `region` under [gcp] in .pmcp/deploy.toml: `gcloud run regions list` names them",
            )
        } else if has(&["ReadTimeout", "Read timed out", "DEADLINE_EXCEEDED"]) {
            Failure::failed(
                format!("Google Cloud took too long to answer in {region}"),
                "it may have done what it was asked: see `cargo pmcp deploy status`, and run the command again",
            )
        } else if has(&["RESOURCE_EXHAUSTED", "uota exceeded", "QUOTA_EXCEEDED", "uota violated"]) {
            said.failed(format!(
                "wait a minute where it says `per minute`; else use less, or ask for more: \
                 https://console.cloud.google.com/iam-admin/quotas?project={id}"
            ))
        } else if has(&["Permission denied on secret"]) {
            said.failed(format!(
                "let the account that it names read the secret that it names: `gcloud secrets add-iam-policy-binding SECRET \
                 --member serviceAccount:ACCOUNT --role roles/secretmanager.secretAccessor --project {id}`"
            ))
        } else if has(&["run.managed.requireInvokerIam"]) {
            Failure::refused(
                format!("the organisation of {id} does not allow servers that everybody may call"),
                "set `authentication = \"iam\"` under [gcp] in .pmcp/deploy.toml",
            )
        } else if has(&["NOT_FOUND", "not found", "does not exist"]) {
            said.failed(format!(
                "see that what [gcp] and [secrets] in .pmcp/deploy.toml name is there, in {region} of {id}"
            ))
        } else if has(&["PERMISSION_DENIED", "does not have permission", "Permission '", "is forbidden from", "(403)"])
        {
            said.failed(
                "see that `project` under [gcp] in .pmcp/deploy.toml is the one that you mean, and ask whoever looks after it \
                 for this permission",
            )
        } else if has(&["ABORTED", "ALREADY_EXISTS", "(409)"]) {
            said.failed(
                "somebody else changes the same thing: see `cargo pmcp deploy status`, and run the command again",
            )
        } else {
            said.failed(advice)
        }
    }
}

fn has_token_file() -> bool {
    token_variable().is_some()
}

/// The variable of a token that goes before every login, where it is set.
pub(super) fn token_variable() -> Option<&'static str> {
    env::var_os(TOKEN_FILE).is_some_and(|file| !file.is_empty()).then_some(TOKEN_FILE)
}

/// The project that gcloud is set to, if it is there and set to one.
pub(super) fn default_project() -> Option<String> {
    static FOUND: OnceLock<Option<String>> = OnceLock::new();
    let ask = || {
        let said = quiet(GCLOUD.call(["config", "get-value", "project"]).ok()?).capture().ok()?.ok()?;
        Some(said.trim().to_owned()).filter(|id| is_project(id))
    };
    FOUND.get_or_init(ask).clone()
}

/// It asks nobody, does not look for news of itself, and writes no bold letters into what is no terminal.
fn quiet(call: Call) -> Call {
    let call = call.env("CLOUDSDK_CORE_DISABLE_PROMPTS", "1").env("TERM", "dumb");
    // Its report of that goes on after it has ended.
    let call = call.env("CLOUDSDK_CORE_DISABLE_USAGE_REPORTING", "1");
    // What it answers is read here, and of its platforms one is meant, whatever it is set to.
    let call = call.env("CLOUDSDK_CORE_USER_OUTPUT_ENABLED", "true").env("CLOUDSDK_RUN_PLATFORM", "managed");
    call.env("CLOUDSDK_COMPONENT_MANAGER_DISABLE_UPDATE_CHECK", "1")
}

fn parse<T: DeserializeOwned>(arguments: &[&str], text: &str) -> Result<T> {
    serde_json::from_str(text).map_err(|error| {
        Failure::failed(
            format!("`gcloud {}` answered what is not understood: {error}", arguments.join(" ")),
            "update it: `gcloud components update`",
        )
    })
}

/// How gcloud says that something is not there; a project that is not there is another thing.
fn is_not_there(words: &str) -> bool {
    let has = |part: &str| words.contains(part);
    (has("NOT_FOUND") && !has("Project")) || has("Cannot find service") || has("could not be found")
}

fn is_disabled(words: &str) -> bool {
    ["SERVICE_DISABLED", "Enable it by visiting", "] not enabled on project"].iter().any(|part| words.contains(part))
}
