//! The HTTP API of pmcp.run, as pmcp-run.openapi.json describes it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::login::Session;
use super::problem::{Problem, not_understood, unreachable};
use super::{SERVICE, address, is_chosen_here};
use crate::config::{Config, PmcpRun};
use crate::date;
use crate::exec::{Hidden, HttpClient, NoResponse, Request, Response, encode_part, go_on, pause as wait};
use crate::failure::{Failure, Result};
use crate::output::Output;
use crate::random::random;
use crate::target::log_lines::Event;
use crate::target::{LogLine, Term};

/// For one request with its answer.
const LIMIT: Duration = Duration::from_secs(30);

/// The same where an archive is sent, which a slow line takes its time for.
const SENDING_LIMIT: Duration = Duration::from_secs(900);

/// How often a request is sent that got no answer, or was told to come again.
const ATTEMPTS: u32 = 4;

/// The longest wait that the service may ask for; nobody is told of it meanwhile.
const PATIENCE: Duration = Duration::from_secs(20);

/// What nobody means who asks for a wait.
const DAY: Duration = Duration::from_secs(86_400);

/// How many pages one answer may have: a service that always names another would be asked for ever.
const PAGES: usize = 1000;

/// The last millisecond of the year 9999: nothing was logged since.
const END_OF_TIME: u64 = 253_402_300_799_999;

/// The service, and the server that is looked after.
pub(super) struct Api {
    http: HttpClient,
    base: String,
    session: Session,
    server: String,
}

#[derive(Deserialize)]
pub(super) struct Account {
    pub(super) account: String,
    pub(super) user: String,
}

#[derive(Deserialize)]
pub(super) struct Server {
    pub(super) account: String,
    pub(super) url: String,
    pub(super) state: String,
    pub(super) live_version: Option<u64>,
}

/// What is deployed.
#[derive(Serialize)]
pub(super) struct NewDeployment<'a> {
    pub(super) artifact: &'a str,
    pub(super) settings: Settings,
    pub(super) environment: &'a BTreeMap<String, String>,
    pub(super) secrets: Vec<&'a str>,
}

#[derive(Serialize)]
pub(super) struct Settings {
    architecture: &'static str,
    memory_mb: u32,
    timeout_seconds: u32,
    max_instances: u32,
}

impl Settings {
    pub(super) fn new(config: &PmcpRun) -> Self {
        Self {
            architecture: config.architecture.name(),
            memory_mb: config.memory_mb,
            timeout_seconds: config.timeout_seconds,
            max_instances: config.max_instances,
        }
    }
}

#[derive(Deserialize)]
pub(super) struct Deployment {
    pub(super) id: String,
    pub(super) state: String,
    pub(super) problem: Option<Problem>,
}

#[derive(Deserialize)]
struct Versions {
    versions: Vec<Version>,
    next: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct Version {
    version: u64,
    /// In milliseconds since 1970.
    created: u64,
}

impl Version {
    pub(super) fn name(&self) -> String {
        self.version.to_string()
    }

    pub(super) fn made(&self) -> String {
        date::encode(self.created / 1000)
    }
}

#[derive(Deserialize)]
struct Secrets {
    secrets: Vec<Secret>,
}

#[derive(Deserialize)]
struct Secret {
    key: String,
    changed: String,
}

#[derive(Deserialize)]
struct Page {
    lines: Vec<Logged>,
    next: Option<String>,
}

#[derive(Deserialize)]
struct Logged {
    id: String,
    #[serde(flatten)]
    line: LogLine,
}

/// What a request has beside its verb and its path.
#[derive(Default)]
struct RequestParts<'a> {
    headers: Vec<(&'static str, &'a str)>,
    body: Option<(&'static str, &'a [u8])>,
    limit: Option<Duration>,
}

impl Api {
    pub(super) fn new(config: &Config) -> Result<Self> {
        let base = address(config)?;
        Ok(Self {
            http: HttpClient::new(),
            session: Session::new(&base, is_chosen_here(config)),
            base,
            server: config.server.name.clone(),
        })
    }

    pub(super) fn login(&self, no_browser: bool, output: Output) -> Result {
        self.session.login(&self.http, no_browser, output)
    }

    /// `false` if nobody was logged in.
    pub(super) fn logout(&self) -> Result<bool> {
        self.session.logout(&self.http)
    }

    /// Where the login is good, and how long.
    pub(super) fn term(&self) -> Result<Term> {
        self.session.term()
    }

    pub(super) fn account(&self) -> Result<Account> {
        self.must("GET", "/v1/account")
    }

    /// The server, if it is deployed.
    pub(super) fn server(&self) -> Result<Option<Server>> {
        self.ask("GET", &self.path(""), RequestParts::default())
    }

    pub(super) fn remove(&self) -> Result {
        self.tell("DELETE", &self.path(""), RequestParts::default())
    }

    /// Its versions, oldest first.
    pub(super) fn versions(&self) -> Result<Vec<Version>> {
        let mut all = Vec::new();
        self.pages(&self.path("/versions?"), |page: Versions| {
            all.extend(page.versions);
            page.next
        })?;
        Ok(all)
    }

    pub(super) fn go_live(&self, version: &str) -> Result {
        let version: u64 = version.parse().unwrap_or_default();
        self.tell("PUT", &self.path("/live"), json_body(&json!({ "version": version }).to_string()))
    }

    /// Stores an archive; `false` if it was there already.
    pub(super) fn store(&self, digest: &str, archive: &[u8]) -> Result<bool> {
        let path = format!("/v1/artifacts/{digest}");
        if self.send("HEAD", &path, &RequestParts::default())?.is_ok() {
            return Ok(false);
        }
        let body = Some(("application/zip", archive));
        self.tell("PUT", &path, RequestParts { body, limit: Some(SENDING_LIMIT), ..RequestParts::default() })?;
        Ok(true)
    }

    /// Begins a deployment. Sent twice it is one: the key says so.
    pub(super) fn deploy(&self, new: &NewDeployment<'_>) -> Result<Deployment> {
        let key = random()?;
        let text = serde_json::to_string(new).map_err(|error| not_understood(&self.base, &error.to_string()))?;
        let mut parts = json_body(&text);
        parts.headers.push(("idempotency-key", &key));
        let path = self.path("/deployments");
        self.ask("POST", &path, parts)?.ok_or_else(|| not_understood(&self.base, &format!("{path} is missing")))
    }

    pub(super) fn deployment(&self, id: &str) -> Result<Deployment> {
        self.must("GET", &self.path(&format!("/deployments/{}", encode_part(id))))
    }

    /// Lines from a time on that have a text in them; `None` if nothing was ever logged.
    pub(super) fn logs(&self, since: u64, text: Option<&str>) -> Result<Option<Vec<Event>>> {
        let text = text.map_or_else(String::new, |text| format!("&contains={}", encode_part(text)));
        let mut found = Vec::new();
        let is_there = self.pages(&self.path(&format!("/logs?since={since}{text}&")), |page: Page| {
            found.extend(page.lines.into_iter().map(|Logged { id, line }| Event { id, line }));
            page.next
        })?;
        Ok(is_there.then_some(found))
    }

    pub(super) fn has_logs(&self) -> Result<bool> {
        Ok(self.logs(END_OF_TIME, None)?.is_some())
    }

    pub(super) fn remove_logs(&self) -> Result {
        self.tell("DELETE", &self.path("/logs"), RequestParts::default())
    }

    /// The names of secrets that have a value, and when each was stored.
    pub(super) fn secrets(&self) -> Result<BTreeMap<String, Option<String>>> {
        let found: Secrets = self.must("GET", &self.path("/secrets"))?;
        Ok(found.secrets.into_iter().map(|secret| (secret.key, Some(secret.changed))).collect())
    }

    pub(super) fn set_secret(&self, key: &str, value: &Hidden) -> Result {
        let body = json!({ "value": value.0 }).to_string();
        let stored = self.send("PUT", &self.path(&format!("/secrets/{key}")), &json_body(&body))?;
        stored.map(drop).map_err(|problem| problem.without(value).into_failure(&self.server))
    }

    pub(super) fn remove_secret(&self, key: &str) -> Result {
        match self.send("DELETE", &self.path(&format!("/secrets/{key}")), &RequestParts::default())? {
            Err(problem) if problem.is("in-use") => Err(Failure::refused(
                format!("the live version of {} reads {key} whenever an instance starts", self.server),
                "take it out of [secrets] in .pmcp/deploy.toml and run `cargo pmcp deploy` first",
            )),
            answer => self.done("DELETE", answer),
        }
    }

    /// Takes one page after the other, each of which names the next; `false` if what was asked for is not there.
    fn pages<T: DeserializeOwned>(&self, first: &str, mut take: impl FnMut(T) -> Option<String>) -> Result<bool> {
        let mut named = BTreeSet::new();
        let mut path = first.trim_end_matches(['?', '&']).to_owned();
        while let Some(page) = self.ask("GET", &path, RequestParts::default())? {
            let Some(next) = take(page) else { return Ok(true) };
            let after = format!("{first}after={}", encode_part(&next));
            if named.len() + 1 == PAGES {
                return Err(endless(&path));
            }
            if !named.insert(next) {
                return Err(not_understood(&self.base, &format!("GET {path} leads back to a page before it")));
            }
            path = after;
        }
        Ok(false)
    }

    fn path(&self, rest: &str) -> String {
        format!("/v1/servers/{}{rest}", self.server)
    }

    fn must<T: DeserializeOwned>(&self, verb: &str, path: &str) -> Result<T> {
        let found = self.ask(verb, path, RequestParts::default())?;
        found.ok_or_else(|| not_understood(&self.base, &format!("{path} is missing")))
    }

    /// What is answered; `Ok(None)` if what was asked for is not there.
    fn ask<T: DeserializeOwned>(&self, verb: &str, path: &str, parts: RequestParts<'_>) -> Result<Option<T>> {
        match self.send(verb, path, &parts)? {
            Ok(response) => serde_json::from_str(&response.text())
                .map(Some)
                .map_err(|error| not_understood(&self.base, &format!("{verb} {path}: {error}"))),
            Err(problem) if problem.is("not-found") => Ok(None),
            Err(problem) => Err(problem.into_failure(&self.server)),
        }
    }

    /// Changes something, and wants no answer.
    fn tell(&self, verb: &str, path: &str, parts: RequestParts<'_>) -> Result {
        self.done(verb, self.send(verb, path, &parts)?)
    }

    fn done(&self, verb: &str, answer: Result<Response, Problem>) -> Result {
        match answer {
            Ok(_) => Ok(()),
            // What is gone was to go: the answer that said so got lost, or somebody was quicker.
            Err(problem) if verb == "DELETE" && problem.is("not-found") => Ok(()),
            Err(problem) => Err(problem.into_failure(&self.server)),
        }
    }

    /// Sends a request until there is an answer to it: with another token if this one is not taken, and again if it got
    /// lost, which changes nothing twice.
    fn send(&self, verb: &str, path: &str, parts: &RequestParts<'_>) -> Result<Result<Response, Problem>> {
        let url = format!("{}{path}", self.base);
        let mut token = self.session.token(&self.http)?;
        let mut is_another = false;
        let mut attempt = 1;
        loop {
            go_on(&format!("{} was asked anything more", super::SERVICE))?;
            let request = Request::new(verb, &url, parts.limit.unwrap_or(LIMIT)).bearer(&token);
            let request = request.header("accept", "application/json, application/problem+json");
            let request = parts.headers.iter().fold(request, |request, (name, value)| request.header(name, value));
            let request = parts.body.iter().fold(request, |request, (kind, bytes)| request.content(kind, *bytes));
            let pause = Duration::from_millis(250 << attempt);
            let pause = match self.http.send(request) {
                Ok(response) if response.status == 401 && !is_another => {
                    is_another = true;
                    token = self.session.another(&self.http)?;
                    continue;
                }
                Ok(response) if response.status == 401 => return Err(super::login::not_known()),
                Ok(response) if matches!(response.status, 429 | 502..=504) && attempt < ATTEMPTS => {
                    let asked = response.header("retry-after").and_then(|seconds| seconds.parse().ok());
                    match asked.map_or(pause, Duration::from_secs) {
                        asked if asked > PATIENCE => return Err(later(asked)),
                        asked => asked,
                    }
                }
                Ok(response) if (200..300).contains(&response.status) => return Ok(Ok(response)),
                Ok(response) => {
                    let what = || format!("{verb} {path} has status {}", response.status);
                    return Problem::of(verb, &response).map(Err).ok_or_else(|| not_understood(&self.base, &what()));
                }
                Err(NoResponse::Lost(_)) if attempt < ATTEMPTS => pause,
                Err(error) => return Err(unreachable(&self.base, error)),
            };
            attempt += 1;
            wait(pause, &format!("{} was asked again", super::SERVICE))?;
        }
    }
}

fn endless(path: &str) -> Failure {
    Failure::failed(
        format!("{SERVICE} names more than {PAGES} pages: the last that was asked for is {path}"),
        "ask for less, if it is about logs: with a shorter --since, or with --filter",
    )
}

fn later(asked: Duration) -> Failure {
    let advice = match asked > DAY {
        true => "run the command again tomorrow: it asks for more time than that".into(),
        false => format!("run the command again in {} seconds, as it asks for", asked.as_secs()),
    };
    Failure::failed(format!("{SERVICE} has no time at the moment"), advice)
}

fn json_body(text: &str) -> RequestParts<'_> {
    RequestParts { body: Some(("application/json", text.as_bytes())), ..RequestParts::default() }
}
