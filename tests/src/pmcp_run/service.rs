//! What the service does: one answer for each operation of the OpenAPI file.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::contract::Operation;
use super::host::{self, Host};
use super::http::{Answer, Received};

/// The account of everybody who is logged in.
const ACCOUNT: &str = "acme";

/// How many things are on one page.
const PAGE: usize = 3;

/// All that there is.
#[derive(Debug)]
pub(super) struct Service {
    pub(super) folder: PathBuf,
    pub(super) artifacts: BTreeMap<String, Vec<u8>>,
    servers: BTreeMap<String, Deployed>,
    secrets: BTreeMap<String, BTreeMap<String, String>>,
    logs: BTreeMap<String, Arc<Mutex<Vec<String>>>>,
    /// Answers by their idempotency key, and what was asked.
    answered: HashMap<String, (Vec<u8>, Answer)>,
    /// Names of other accounts.
    pub(super) taken: Vec<String>,
    /// Why the next deployment fails.
    pub(super) next_fails: Option<String>,
}

#[derive(Debug)]
struct Deployed {
    port: u16,
    versions: Vec<Version>,
    /// Counted from one; 0 for none.
    live: usize,
    state: &'static str,
    host: Option<Host>,
    failed: Option<String>,
}

#[derive(Debug, PartialEq)]
struct Version {
    definition: Value,
    secrets: BTreeMap<String, String>,
}

impl Service {
    pub(super) fn new(folder: PathBuf) -> Self {
        Self {
            folder,
            artifacts: BTreeMap::new(),
            servers: BTreeMap::new(),
            secrets: BTreeMap::new(),
            logs: BTreeMap::new(),
            answered: HashMap::new(),
            taken: Vec::new(),
            next_fails: None,
        }
    }

    /// What is there, each as a kind and a name.
    pub(super) fn inventory(&self) -> Vec<String> {
        let mut all: Vec<String> = self.servers.keys().map(|name| format!("server {name}")).collect();
        all.extend(self.artifacts.keys().map(|digest| format!("artifact {digest}")));
        all.extend(self.logs.keys().map(|name| format!("logs {name}")));
        for (name, keys) in &self.secrets {
            all.extend(keys.keys().map(|key| format!("secret {name}/{key}")));
        }
        all
    }

    /// `None` for an operation that it does not know.
    pub(super) fn handle(&mut self, operation: &Operation<'_>, request: &Received) -> Option<Answer> {
        let name = operation.part("server").to_owned();
        if self.taken.contains(&name) {
            return Some(match operation.id {
                "deploy" | "storeSecret" => Answer::problem(409, "name-taken", "this name is another account's"),
                "listSecrets" => Answer::json(200, &json!({ "secrets": [] })),
                _ => not_found(&name),
            });
        }
        Some(match operation.id {
            "describeAccount" => Answer::json(200, &json!({ "account": ACCOUNT, "user": "ada" })),
            "hasArtifact" => match self.artifacts.contains_key(operation.part("digest")) {
                true => Answer::empty(200),
                false => Answer::empty(404),
            },
            "storeArtifact" => self.store(operation.part("digest"), &request.body),
            "describeServer" => self.describe(&name),
            "removeServer" => self.remove(&name),
            "deploy" => self.deploy(&name, request),
            "describeDeployment" => self.deployment(&name, operation.part("deployment")),
            "listVersions" => self.versions(&name, request),
            "goLive" => self.go_live(&name, &request.json()),
            "readLogs" => self.read_logs(&name, request),
            "removeLogs" => match (self.servers.contains_key(&name), self.logs.remove(&name)) {
                (true, _) => Answer::problem(409, "in-use", "the server is still there"),
                (false, Some(_)) => Answer::empty(204),
                (false, None) => not_found("the logs"),
            },
            "listSecrets" => {
                let keys = self.secrets.get(&name).into_iter().flat_map(BTreeMap::keys);
                let secrets: Vec<Value> =
                    keys.map(|key| json!({ "key": key, "changed": "2026-11-22T20:15:00Z" })).collect();
                Answer::json(200, &json!({ "secrets": secrets }))
            }
            "storeSecret" => {
                let value = request.json()["value"].as_str().expect("was checked").to_owned();
                self.secrets.entry(name).or_default().insert(operation.part("key").into(), value);
                Answer::empty(204)
            }
            "removeSecret" => self.remove_secret(&name, operation.part("key")),
            _ => return None,
        })
    }

    fn store(&mut self, digest: &str, archive: &[u8]) -> Answer {
        if digest != format!("sha256:{}", hex(&Sha256::digest(archive))) {
            return Answer::problem(422, "digest", "the bytes have another digest");
        }
        if let Err(why) = host::executable(archive) {
            return Answer::problem(422, "invalid", &why);
        }
        let stored = json!({ "digest": digest, "bytes": archive.len() });
        let before = self.artifacts.insert(digest.to_owned(), archive.to_vec());
        Answer::json(if before.is_some() { 200 } else { 201 }, &stored)
    }

    fn describe(&self, name: &str) -> Answer {
        let Some(server) = self.servers.get(name) else { return not_found(name) };
        Answer::json(
            200,
            &json!({
                "name": name,
                "account": ACCOUNT,
                "url": format!("http://127.0.0.1:{}/mcp", server.port),
                "state": server.state,
                "live_version": if server.live == 0 { Value::Null } else { json!(server.live) },
            }),
        )
    }

    fn remove(&mut self, name: &str) -> Answer {
        let Some(server) = self.servers.remove(name) else { return not_found(name) };
        for version in server.versions {
            self.artifacts.remove(version.definition["artifact"].as_str().expect("was checked"));
        }
        Answer::empty(204)
    }

    fn deploy(&mut self, name: &str, request: &Received) -> Answer {
        let key = request.header("idempotency-key").expect("was checked").to_owned();
        if let Some((body, answer)) = self.answered.get(&key) {
            return match *body == request.body {
                true => answer.clone(),
                false => Answer::problem(422, "invalid", "this Idempotency-Key was for something else"),
            };
        }
        let answer = self.begin(name, request.json());
        self.answered.insert(key, (request.body.clone(), answer.clone()));
        answer
    }

    fn begin(&mut self, name: &str, definition: Value) -> Answer {
        if !self.artifacts.contains_key(definition["artifact"].as_str().expect("was checked")) {
            return Answer::problem(422, "no-artifact", "no archive of this digest is stored");
        }
        let stored = self.secrets.get(name);
        let mut secrets = BTreeMap::new();
        for key in definition["secrets"].as_array().expect("was checked").iter().filter_map(Value::as_str) {
            let Some(value) = stored.and_then(|stored| stored.get(key)) else {
                return Answer::problem(422, "no-secret", &format!("{key} has no value"));
            };
            secrets.insert(key.to_owned(), value.clone());
        }
        let version = Version { definition, secrets };
        self.logs.entry(name.to_owned()).or_default();
        let server = self.servers.entry(name.to_owned()).or_insert_with(|| Deployed {
            port: host::free_port(),
            versions: Vec::new(),
            live: 0,
            state: "deploying",
            host: None,
            failed: None,
        });
        if server.state == "deploying" && server.live != 0 {
            return Answer::problem(409, "under-way", "another deployment is under way");
        }
        let is_new = server.versions.last() != Some(&version);
        if is_new {
            server.versions.push(version);
        }
        let number = server.versions.len();
        if is_new || self.next_fails.is_some() {
            server.state = "deploying";
            server.failed = self.next_fails.take();
            return Answer::json(202, &json!({ "id": format!("d-{number}"), "version": number, "state": "deploying" }));
        }
        match self.start(name, number) {
            Ok(()) => Answer::json(200, &json!({ "id": format!("d-{number}"), "version": number, "state": "live" })),
            Err(why) => Answer::problem(500, "internal", &why),
        }
    }

    /// The first who asks has it started.
    fn deployment(&mut self, name: &str, id: &str) -> Answer {
        let number = id.strip_prefix("d-").and_then(|number| number.parse::<usize>().ok());
        let (Some(number), Some(server)) = (number, self.servers.get_mut(name)) else { return not_found(id) };
        let failed = server.failed.clone();
        if server.state == "deploying" {
            let why = match failed {
                None => self.start(name, number).err(),
                why => why,
            };
            let server = self.servers.get_mut(name).expect("is there");
            server.failed = why;
            if server.failed.is_some() {
                server.state = if server.live == 0 { "failed" } else { "live" };
                server.versions.pop();
            }
        }
        let server = self.servers.get(name).expect("is there");
        let mut answer = json!({ "id": id, "version": number, "state": "live" });
        if let Some(why) = server.failed.clone() {
            answer["state"] = json!("failed");
            answer["problem"] = json!({ "type": "/problems/start", "title": "start", "status": 422, "detail": why });
        }
        Answer::json(200, &answer)
    }

    /// Lets a version answer, in the place of the one before.
    fn start(&mut self, name: &str, number: usize) -> Result<(), String> {
        let server = self.servers.get_mut(name).expect("is there");
        let version = server.versions.get(number - 1).ok_or("there is no such version")?;
        let archive = &self.artifacts[version.definition["artifact"].as_str().expect("was checked")];
        let plain = version.definition["environment"].as_object().expect("was checked");
        let mut environment: Vec<(String, String)> =
            plain.iter().map(|(name, value)| (name.clone(), value.as_str().expect("was checked").into())).collect();
        environment.extend(version.secrets.clone());
        let log = self.logs.entry(name.to_owned()).or_default();
        server.host = None;
        server.host = Some(Host::start(&host::executable(archive)?, &self.folder, server.port, &environment, log)?);
        (server.live, server.state) = (number, "live");
        Ok(())
    }

    fn versions(&self, name: &str, request: &Received) -> Answer {
        let Some(server) = self.servers.get(name) else { return not_found(name) };
        let begin = after(request);
        let all = server.versions.iter().enumerate().skip(begin).take(PAGE);
        let versions: Vec<Value> = all
            .map(|(index, version)| {
                json!({ "version": index + 1, "artifact": version.definition["artifact"], "created": now() })
            })
            .collect();
        let mut page = json!({ "versions": versions });
        if begin + PAGE < server.versions.len() {
            page["next"] = json!((begin + PAGE).to_string());
        }
        Answer::json(200, &page)
    }

    fn go_live(&mut self, name: &str, body: &Value) -> Answer {
        let number = body["version"].as_u64().and_then(|number| usize::try_from(number).ok()).expect("was checked");
        if self.servers.get(name).is_none_or(|server| server.versions.len() < number) {
            return not_found("this version");
        }
        match self.start(name, number) {
            Ok(()) => self.describe(name),
            Err(why) => Answer::problem(500, "internal", &why),
        }
    }

    fn read_logs(&self, name: &str, request: &Received) -> Answer {
        let Some(log) = self.logs.get(name) else { return not_found("the logs") };
        let find = |name: &str| request.query.iter().find(|(found, _)| found == name).map(|(_, value)| value as &str);
        let since: u64 = find("since").and_then(|since| since.parse().ok()).expect("was checked");
        let text = find("contains").unwrap_or_default();
        let log = log.lock().expect("no reader panics");
        // All lines are as old as the question, which is as well as any test needs it.
        let all: Vec<(usize, &String)> =
            log.iter().enumerate().filter(|(_, line)| since <= now() && line.contains(text)).collect();
        let begin = after(request);
        let lines: Vec<Value> = all
            .iter()
            .skip(begin)
            .take(PAGE)
            .map(|(index, line)| json!({ "id": format!("l-{index}"), "timestamp": now(), "message": line }))
            .collect();
        let mut page = json!({ "lines": lines });
        if begin + PAGE < all.len() {
            page["next"] = json!((begin + PAGE).to_string());
        }
        Answer::json(200, &page)
    }

    fn remove_secret(&mut self, name: &str, key: &str) -> Answer {
        let live = self.servers.get(name).and_then(|server| server.versions.get(server.live.wrapping_sub(1)));
        if live.is_some_and(|version| version.secrets.contains_key(key)) {
            return Answer::problem(409, "in-use", "the live version reads it");
        }
        match self.secrets.get_mut(name).and_then(|keys| keys.remove(key)) {
            Some(_) => Answer::empty(204),
            None => not_found(key),
        }
    }
}

fn not_found(what: &str) -> Answer {
    Answer::problem(404, "not-found", &format!("{what} is not there"))
}

fn after(request: &Received) -> usize {
    let found = request.query.iter().find(|(name, _)| name == "after");
    found.and_then(|(_, value)| value.parse().ok()).unwrap_or_default()
}

fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock after 1970");
    u64::try_from(since.as_millis()).expect("is small")
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
