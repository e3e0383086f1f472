//! The account as Cloudflare's API and wrangler reach it, and what their errors mean.

use std::fs;
use std::time::Duration;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::asking::doing;
use super::environment::{VARIABLE, base, given, given_in, login, login_variable, quiet, wrangler};
use crate::config::{Config, is_account};
use crate::exec::{Call, Hidden, HttpClient, Request, Said};
use crate::failure::{Failure, Result};
use crate::files::no_link;

/// For one request with its answer.
const LIMIT: Duration = Duration::from_secs(60);

/// Codes of errors that say that a token is none.
const UNKNOWN_TOKEN: [u64; 5] = [1000, 6003, 6111, 9106, 9109];

/// That the account is not there, or nobody's business of whoever asks.
const NO_ACCOUNT: [u64; 3] = [7000, 7003, 10000];

/// That what was asked for is not there.
const NOT_THERE: [u64; 5] = [7404, 10006, 10007, 10013, 10090];

/// One account, and the right to change it.
pub(super) struct Account {
    pub(super) id: String,
    /// Where to correct which it is.
    named_in: &'static str,
    api: Api,
}

/// Cloudflare's API, with what it is told of who asks.
struct Api {
    http: HttpClient,
    base: String,
    login: Vec<(&'static str, Hidden)>,
}

#[derive(Deserialize)]
struct Reply {
    success: bool,
    #[serde(default)]
    errors: Vec<Trouble>,
    #[serde(default)]
    result: Value,
}

#[derive(Deserialize)]
struct Trouble {
    code: u64,
    message: String,
}

#[derive(Deserialize)]
struct Known {
    id: String,
    name: String,
}

/// What was asked of the API, and what it did not like.
enum Answered {
    Result(Value),
    NotThere,
    /// It has done nothing.
    Refused(Failure),
}

impl Account {
    /// The account of deploy.toml, of the environment, or the only one there is.
    pub(super) fn open(config: &Config) -> Result<Self> {
        let (set, given) = (config.cloudflare.account_id.clone(), given());
        if let Some(id) = given.as_ref().filter(|id| set.is_none() && !is_account(id)) {
            return Err(Failure::refused(
                format!("{VARIABLE} is `{id}`, which is no id of an account at Cloudflare"),
                "correct it, or unset it; `wrangler whoami` shows them: 32 digits and letters from a to f",
            ));
        }
        let named_in = match (&set, &given) {
            (None, Some(_)) => "CLOUDFLARE_ACCOUNT_ID in the environment",
            _ => "`account_id` under [cloudflare] in .pmcp/deploy.toml",
        };
        let api = Api { http: HttpClient::new(), base: base()?, login: login()? };
        if let Some(id) = set.or(given) {
            return Ok(Self { id, named_in, api });
        }
        let account = Self { id: String::new(), named_in, api };
        let found: Vec<Known> = account.ask_at("/accounts?per_page=50")?.unwrap_or_default();
        let list = found.iter().map(|Known { id, name }| format!("{id} ({name})")).collect::<Vec<_>>().join(", ");
        match &found[..] {
            [Known { id, .. }] => Ok(Self { id: id.clone(), ..account }),
            [] => Err(Failure::missing(
                "this login sees no account at Cloudflare",
                match login_variable() {
                    Some(variable) => format!("give {} the right to one, or put another there", given_in(variable)),
                    None => "log in as somebody else: `wrangler login`".into(),
                },
            )),
            _ => Err(Failure::refused(
                format!("there are several accounts at Cloudflare: {list}"),
                "name the one that is meant: `account_id` under [cloudflare] in .pmcp/deploy.toml",
            )),
        }
    }

    /// Where it is, as it stands in a sentence after "in".
    pub(super) fn place(&self) -> String {
        place(&self.id)
    }

    /// Asks for something of the account; nothing if it is not there.
    pub(super) fn ask<T: DeserializeOwned>(&self, path: &str) -> Result<Option<T>> {
        self.ask_at(&format!("/accounts/{}{path}", self.id))
    }

    /// The same for what is of nobody in particular.
    pub(super) fn ask_at<T: DeserializeOwned>(&self, path: &str) -> Result<Option<T>> {
        match self.send("GET", path, None)? {
            Answered::NotThere => Ok(None),
            Answered::Refused(failure) => Err(failure),
            Answered::Result(result) => serde_json::from_value(result).map(Some).map_err(|error| {
                Failure::failed(
                    format!("Cloudflare answered what is not understood (GET {path}): {error}"),
                    "update cargo pmcp",
                )
            }),
        }
    }

    /// Changes something of the account, and returns what it says of that.
    pub(super) fn tell(&self, method: &str, path: &str, body: Option<&Value>) -> Result<Value> {
        self.told(method, path, body)?
    }

    /// The same, with what Cloudflare refused to do apart from what it may have done: of that nothing is known.
    pub(super) fn told(&self, method: &str, path: &str, body: Option<&Value>) -> Result<Result<Value>> {
        Ok(match self.send(method, &format!("/accounts/{}{path}", self.id), body)? {
            Answered::Result(result) => Ok(result),
            Answered::Refused(failure) => Err(failure),
            // Of what is gone already nothing is left to do.
            Answered::NotThere if method == "DELETE" => Ok(Value::Null),
            Answered::NotThere => Err(Failure::failed(
                format!("Cloudflare says that it is not there ({method} {path})"),
                "somebody may have removed it: see `cargo pmcp deploy status`, and run this again",
            )),
        })
    }

    fn send(&self, method: &str, path: &str, body: Option<&Value>) -> Result<Answered> {
        let Api { http, base, login } = &self.api;
        let request = Request::new(method, &format!("{base}{path}"), LIMIT).doing(doing(method, path));
        let request = login.iter().fold(request, |request, (name, Hidden(value))| request.header(name, value));
        let request = body.iter().fold(request, |request, body| request.content("application/json", body.to_string()));
        let response = http.send(request).map_err(|error| error.into_failure(unreachable))?;
        let status = response.status;
        let reply: Reply = serde_json::from_str(&response.text()).map_err(|_| {
            Failure::failed(
                format!("Cloudflare answered {method} {path} with status {status}, and no words of its API"),
                "try again in a minute; https://www.cloudflarestatus.com says whether it is known",
            )
        })?;
        let has = |codes: &[u64]| reply.errors.iter().any(|trouble| codes.contains(&trouble.code));
        match reply.success {
            true => Ok(Answered::Result(reply.result)),
            false if status == 404 && has(&NOT_THERE) => Ok(Answered::NotThere),
            false => {
                let words: Vec<_> =
                    reply.errors.iter().map(|Trouble { code, message }| format!("{message} [code: {code}]")).collect();
                let words = response.without_credentials(&words.join("; "));
                let refused = self.explain(&words, |advice| {
                    Failure::failed(format!("Cloudflare refused {method} {path}: {words}"), advice)
                });
                if status >= 500 { Err(refused) } else { Ok(Answered::Refused(refused)) }
            }
        }
    }

    /// A call of wrangler for this account, which asks nobody anything.
    pub(super) fn wrangler(&self, arguments: &[&str]) -> Result<Call> {
        Ok(quiet(wrangler(arguments)?).env("CLOUDFLARE_ACCOUNT_ID", &self.id))
    }

    /// The same for what is about a Worker by its name alone. wrangler would take its account from any wrangler.toml in the
    /// current folder or above it, before the one that it is told.
    pub(super) fn wrangler_about(&self, config: &Config, arguments: &[&str]) -> Result<Call> {
        let folder = config.root.join(".pmcp/build");
        no_link(&folder)?;
        fs::create_dir_all(&folder).map_err(Failure::file("creating", &folder))?;
        let path = folder.join("wrangler.json");
        no_link(&path)?;
        let settings = json!({ "name": config.server.name, "account_id": self.id });
        fs::write(&path, settings.to_string()).map_err(Failure::file("writing", &path))?;
        let path = std::path::absolute(&path).map_err(Failure::file("finding", &path))?;
        self.wrangler(&[arguments, &["--config", &path.to_string_lossy()]].concat())
    }

    /// Runs wrangler for what it does, and returns what it printed.
    pub(super) fn run(&self, call: Call) -> Result<String> {
        self.run_or(call, |_| None)
    }

    /// The same; of what goes wrong there alone, `known` has words of its own.
    pub(super) fn run_or(&self, call: Call, known: impl FnOnce(&str) -> Option<Failure>) -> Result<String> {
        call.capture()?.map_err(|Said { call, words }| {
            let words = plain(&words);
            self.explain(&words, |advice| {
                known(&words).unwrap_or_else(|| Said { call, words: errors(&words) }.failed(advice))
            })
        })
    }

    /// What Cloudflare says, in words that say what to do.
    fn explain(&self, words: &str, otherwise: impl FnOnce(&str) -> Failure) -> Failure {
        let has = |codes: &[u64]| codes.iter().any(|code| words.contains(&format!("[code: {code}]")));
        if words.contains("fetch failed") || words.contains("ENOTFOUND") || words.contains("ECONNREFUSED") {
            return unreachable("wrangler got no connection");
        }
        if has(&UNKNOWN_TOKEN) {
            return match login_variable() {
                Some(variable) => Failure::logged_out(
                    format!("Cloudflare does not take {}", given_in(variable)),
                    "put another there, or unset it and log in: `wrangler login`",
                ),
                None => Failure::logged_out(
                    "Cloudflare does not know this login any more",
                    "log in again: `wrangler login`",
                ),
            };
        }
        if has(&NO_ACCOUNT) && !self.id.is_empty() {
            return Failure::missing(
                format!("this login may not use the account {} at Cloudflare", self.id),
                format!("see {}, and that the token may edit Workers there, and what they are bound to", self.named_in),
            );
        }
        // wrangler has words of its own for it, without the code.
        if has(&[10214, 10215]) || words.contains("latest version of your Worker isn't currently deployed") {
            return Failure::refused(
                "a rollback has made an older version live, and Cloudflare changes secrets of the newest alone",
                "run `cargo pmcp deploy` first, which goes forward again",
            );
        }
        otherwise(crate::target::AGAIN)
    }
}

/// Where it is as long as only the login says which account that is.
pub(crate) const ANY_ACCOUNT: &str = "your account at Cloudflare";

/// How an account that is known is called.
const ACCOUNT: &str = "the account ";

pub(crate) fn place(id: &str) -> String {
    format!("{ACCOUNT}{id}")
}

/// The account that a place is.
pub(crate) fn named_at_cloudflare(place: &str) -> Option<&str> {
    place.strip_prefix(ACCOUNT)
}

/// The account that is named somewhere.
pub(super) fn named(config: &Config) -> Option<String> {
    config.cloudflare.account_id.clone().or_else(given)
}

/// From where wrangler says what is wrong, without what it was about to do.
fn errors(words: &str) -> String {
    let begin = words.lines().position(|line| line.contains("[ERROR]")).unwrap_or_default();
    words.lines().skip(begin).collect::<Vec<_>>().join("\n")
}

/// Without the codes that colour words.
fn plain(words: &str) -> String {
    let mut plain = String::new();
    let mut rest = words;
    while let Some((before, after)) = rest.split_once('\u{1b}') {
        plain.push_str(before);
        rest = after.find('m').and_then(|end| after.get(end + 1..)).unwrap_or_default();
    }
    plain + rest
}

pub(super) fn unreachable(why: &str) -> Failure {
    Failure::failed(format!("Cloudflare cannot be reached: {why}"), "see that the network is up, and run this again")
}
