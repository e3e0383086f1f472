//! The settings, and the environment variables they are read from.

use std::{env, fmt, net::IpAddr, str::FromStr, sync::Arc, time::Duration};

use pmcp_core::{IntoServer, MemorySessionStore, SessionStore, StateKey, StreamableHttp};

use crate::Error;

/// How the server listens, and what one caller may cost.
///
/// | variable | default | what it is |
/// |---|---|---|
/// | `HOST` | `127.0.0.1`; `0.0.0.0` on Cloud Run | the address to listen on |
/// | `PORT` | `8080` | the port to listen on; `0` lets the system choose |
/// | `PMCP_ALLOWED_HOSTS` | loopback names where only loopback is listened on, else any | names the server answers to, by comma |
/// | `PMCP_ALLOWED_ORIGINS` | the server's own | origins of web pages that may call, by comma |
/// | `PMCP_MAX_CONCURRENCY` | `1000` | requests in flight; more are answered 503 with `Retry-After` |
/// | `PMCP_MAX_BODY_BYTES` | `4194304` | the longest request body |
/// | `PMCP_MAX_BUFFERED_BYTES` | `268435456` | what all request bodies together take while they come in; beyond it 503 |
/// | `PMCP_MAX_HEADER_BYTES` | `65536` | the longest request head |
/// | `PMCP_TIME_LIMIT_MS` | `300000` | how long a handler may take; `0` for no limit |
/// | `PMCP_HEADER_TIMEOUT_MS` | `10000` | how long a request head may take, and a connection be idle |
/// | `PMCP_BODY_TIMEOUT_MS` | `30000` | how long a request body may take |
/// | `PMCP_WRITE_TIMEOUT_MS` | `30000` | how long a client may read nothing of what is sent to it |
/// | `PMCP_SESSIONS` | `none` | `memory` keeps sessions for clients of revisions before 2026-07-28 in this process: for one instance; `shared` keeps them where all instances find them, if the server says where ([`share_sessions`](Self::share_sessions)) |
/// | `PMCP_ANSWERS` | `auto` | `events` answers in a stream of events also where there is nothing to send but the result, for clients that read nothing else |
/// | `PMCP_STATE_KEYS` | one made up at start | keys that seal what clients carry between the rounds of a request, by comma: the first seals, all open; `openssl rand -base64 32` makes one. Needed where several instances run: keep it in a secret |
/// | `PMCP_STATE_LIFETIME_MS` | `600000` | how long a person may take to answer a question |
/// | `PMCP_SHUTDOWN_GRACE_MS` | `9000` | how long requests in flight may go on after SIGTERM |
/// | `GOOGLE_CLOUD_PROJECT` | none | the project in whose traces the log lines of a request are joined |
/// | `PMCP_LOG` | `json` on Cloud Run, else `text` | how log lines are written |
/// | `RUST_LOG` | `info` | what is logged, such as `debug` or `warn,pmcp_core=debug` |
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// The address to listen on.
    pub host: IpAddr,
    /// The port to listen on; 0 lets the system choose.
    pub port: u16,
    /// The names the server answers to; empty for the default.
    pub allowed_hosts: Vec<String>,
    /// The origins of web pages that may call besides the server's own.
    pub allowed_origins: Vec<String>,
    /// Requests in flight; more are answered 503.
    pub max_concurrency: usize,
    /// The longest request body, in bytes.
    pub max_body_bytes: usize,
    /// What all request bodies together may take while they come in, in bytes.
    pub max_buffered_bytes: usize,
    /// The longest request head, in bytes, at least 8192.
    pub max_header_bytes: u32,
    /// How long a handler may take; `None` for no limit.
    pub time_limit: Option<Duration>,
    /// How long a request head may take, and a connection be idle.
    pub header_timeout: Duration,
    /// How long a request body may take.
    pub body_timeout: Duration,
    /// How long a client may read nothing of what is sent to it.
    pub write_timeout: Duration,
    /// Where sessions for clients of older revisions are kept.
    pub sessions: Sessions,
    /// Where those are that are shared.
    pub(crate) session_store: Option<SharedStore>,
    /// Whether every answer is a stream of events.
    pub answer_in_events: bool,
    /// Keys that seal what clients carry between the rounds of a request: the first seals, all open.
    pub state_keys: Vec<StateKey>,
    /// How long a person may take to answer a question.
    pub state_lifetime: Duration,
    /// How long requests in flight may go on after SIGTERM.
    pub shutdown_grace: Duration,
    /// Whether a log line is a JSON object, in Cloud Logging's form.
    pub log_json: bool,
    /// What is logged.
    pub log_filter: String,
    /// The project in whose traces the log lines of a request are joined.
    pub trace_project: Option<String>,
    /// Whether the process runs on Cloud Run, which wants its logs in JSON.
    pub on_cloud_run: bool,
}

/// Where sessions for clients of older revisions are kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Sessions {
    /// Nowhere: every request stands alone.
    #[default]
    None,
    /// In this process, which does for one instance.
    Memory,
    /// In the store that [`Config::share_sessions`] was given.
    Shared,
}

#[derive(Clone)]
pub(crate) struct SharedStore(Arc<dyn SessionStore>);

impl fmt::Debug for SharedStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SharedStore")
    }
}

/// A setting that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the environment variable {variable} is {value:?}, but must be {expected}")]
#[non_exhaustive]
pub struct ConfigError {
    /// Its name.
    pub variable: &'static str,
    /// As it was found.
    pub value: String,
    /// What it must be.
    pub expected: &'static str,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            host: IpAddr::from([127, 0, 0, 1]),
            port: 8080,
            allowed_hosts: Vec::new(),
            allowed_origins: Vec::new(),
            max_concurrency: 1000,
            max_body_bytes: 4 << 20,
            max_buffered_bytes: 256 << 20,
            max_header_bytes: 64 << 10,
            time_limit: Some(Duration::from_secs(300)),
            header_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(30),
            write_timeout: Duration::from_secs(30),
            sessions: Sessions::None,
            session_store: None,
            answer_in_events: false,
            state_keys: Vec::new(),
            state_lifetime: Duration::from_secs(600),
            shutdown_grace: Duration::from_secs(9),
            log_json: false,
            log_filter: "info".to_owned(),
            trace_project: None,
            on_cloud_run: false,
        }
    }
}

impl Config {
    /// Reads the environment.
    ///
    /// # Errors
    /// Which variable is wrong, and what it must be.
    pub fn from_env() -> Result<Self, ConfigError> {
        // What is not Unicode is not the value that anything expects, and is reported as that.
        Self::read(|variable| env::var_os(variable).map(|value| value.to_string_lossy().into_owned()))
    }

    pub(crate) fn is_on_cloud_run() -> bool {
        env::var_os("K_SERVICE").is_some()
    }

    fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let default = Self::default();
        let on_cloud_run = variable("K_SERVICE").is_some();
        let any = IpAddr::from([0, 0, 0, 0]);
        let environment = Environment(&variable);
        let time_limit = environment.duration("PMCP_TIME_LIMIT_MS", default.time_limit.unwrap_or_default())?;
        let header_bytes = environment.parse("PMCP_MAX_HEADER_BYTES", default.max_header_bytes, "a number of bytes")?;
        Ok(Self {
            host: match variable("HOST").as_deref().map(str::trim) {
                Some("localhost") => default.host,
                _ => environment.parse(
                    "HOST",
                    if on_cloud_run { any } else { default.host },
                    "an IP address, such as 127.0.0.1 or 0.0.0.0",
                )?,
            },
            port: environment.parse("PORT", default.port, "a port, 0 to 65535")?,
            allowed_hosts: environment.list("PMCP_ALLOWED_HOSTS"),
            allowed_origins: environment.list("PMCP_ALLOWED_ORIGINS"),
            max_concurrency: match environment.parse("PMCP_MAX_CONCURRENCY", default.max_concurrency, POSITIVE)? {
                0 => return Err(environment.wrong("PMCP_MAX_CONCURRENCY", POSITIVE)),
                most => most,
            },
            max_body_bytes: environment.parse("PMCP_MAX_BODY_BYTES", default.max_body_bytes, "a number of bytes")?,
            max_buffered_bytes: environment.parse(
                "PMCP_MAX_BUFFERED_BYTES",
                default.max_buffered_bytes,
                "a number of bytes",
            )?,
            max_header_bytes: match header_bytes {
                8192.. => header_bytes,
                _ => return Err(environment.wrong("PMCP_MAX_HEADER_BYTES", "at least 8192")),
            },
            time_limit: (!time_limit.is_zero()).then_some(time_limit),
            header_timeout: environment.timeout("PMCP_HEADER_TIMEOUT_MS", default.header_timeout)?,
            body_timeout: environment.timeout("PMCP_BODY_TIMEOUT_MS", default.body_timeout)?,
            write_timeout: environment.timeout("PMCP_WRITE_TIMEOUT_MS", default.write_timeout)?,
            sessions: match variable("PMCP_SESSIONS").as_deref().map(str::trim) {
                None | Some("none") => Sessions::None,
                Some("memory") => Sessions::Memory,
                Some("shared") => Sessions::Shared,
                Some(_) => return Err(environment.wrong("PMCP_SESSIONS", "none, memory or shared")),
            },
            session_store: None,
            answer_in_events: match variable("PMCP_ANSWERS").as_deref().map(str::trim) {
                None | Some("auto") => false,
                Some("events") => true,
                Some(_) => return Err(environment.wrong("PMCP_ANSWERS", "auto or events")),
            },
            state_keys: environment.state_keys()?,
            state_lifetime: environment.duration("PMCP_STATE_LIFETIME_MS", default.state_lifetime)?,
            shutdown_grace: environment.duration("PMCP_SHUTDOWN_GRACE_MS", default.shutdown_grace)?,
            log_json: match variable("PMCP_LOG").as_deref().map(str::trim) {
                None => on_cloud_run,
                Some("json") => true,
                Some("text") => false,
                Some(_) => return Err(environment.wrong("PMCP_LOG", "json or text")),
            },
            log_filter: variable("RUST_LOG").unwrap_or(default.log_filter),
            trace_project: variable("GOOGLE_CLOUD_PROJECT"),
            on_cloud_run,
        })
    }

    /// Keeps sessions in `store` where they are to be [`shared`](Sessions::Shared), such as a `RedisSessionStore` of
    /// `pmcp-redis`: whether they are is up to whoever runs the server.
    #[must_use]
    pub fn share_sessions(mut self, store: impl SessionStore) -> Self {
        self.session_store = Some(SharedStore(Arc::new(store)));
        self
    }

    /// The endpoint that serves `server` under these rules.
    pub(crate) fn endpoint(&self, server: impl IntoServer) -> Result<StreamableHttp, Error> {
        let mut endpoint = StreamableHttp::new(server)?
            .max_body_bytes(self.max_body_bytes)
            .allowed_origins(self.allowed_origins.iter().cloned())
            .state_keys(self.state_keys.iter().cloned(), self.state_lifetime);
        match (self.sessions, &self.session_store) {
            (Sessions::None, _) => {}
            (Sessions::Memory, _) => endpoint = endpoint.sessions(MemorySessionStore::default()),
            (Sessions::Shared, Some(SharedStore(store))) => endpoint = endpoint.sessions_in(Arc::clone(store)),
            (Sessions::Shared, None) => {
                let expected = "none or memory: this server has no store to share (see Config::share_sessions)";
                let (variable, value) = ("PMCP_SESSIONS", "shared".to_owned());
                return Err(ConfigError { variable, value, expected }.into());
            }
        }
        if self.answer_in_events {
            endpoint = endpoint.answer_in_events();
        }
        if let Some(limit) = self.time_limit {
            endpoint = endpoint.time_limit(limit);
        }
        Ok(match (self.allowed_hosts.is_empty(), self.host.is_loopback()) {
            (false, _) => endpoint.allowed_hosts(self.allowed_hosts.iter().cloned()),
            (true, true) => endpoint,
            // Whoever routes requests here chose the name; a list of our own could only be wrong.
            (true, false) => endpoint.any_host(),
        })
    }
}

const POSITIVE: &str = "a number of requests, at least 1";

struct Environment<'v, F>(&'v F);

impl<F: Fn(&str) -> Option<String>> Environment<'_, F> {
    fn parse<T: FromStr>(&self, variable: &'static str, default: T, expected: &'static str) -> Result<T, ConfigError> {
        match (self.0)(variable) {
            None => Ok(default),
            Some(value) => value.trim().parse().map_err(|_| ConfigError { variable, value, expected }),
        }
    }

    fn duration(&self, variable: &'static str, default: Duration) -> Result<Duration, ConfigError> {
        let millis = u64::try_from(default.as_millis()).unwrap_or(u64::MAX);
        self.parse(variable, millis, "a number of milliseconds").map(Duration::from_millis)
    }

    /// A duration in which something can happen.
    fn timeout(&self, variable: &'static str, default: Duration) -> Result<Duration, ConfigError> {
        match self.duration(variable, default)? {
            Duration::ZERO => Err(self.wrong(variable, "a number of milliseconds, at least 1")),
            timeout => Ok(timeout),
        }
    }

    fn list(&self, variable: &str) -> Vec<String> {
        let value = (self.0)(variable).unwrap_or_default();
        value.split(',').map(str::trim).filter(|entry| !entry.is_empty()).map(str::to_owned).collect()
    }

    /// A key that is wrong is not repeated: it may be a secret with a typing error.
    fn state_keys(&self) -> Result<Vec<StateKey>, ConfigError> {
        let variable = "PMCP_STATE_KEYS";
        let expected = "keys of 32 random bytes in base64, by comma; `openssl rand -base64 32` makes one";
        let keys = self.list(variable).into_iter().map(|key| StateKey::parse(&key));
        keys.collect::<Result<_, _>>().map_err(|_| ConfigError { variable, value: "(hidden)".to_owned(), expected })
    }

    fn wrong(&self, variable: &'static str, expected: &'static str) -> ConfigError {
        ConfigError { variable, value: (self.0)(variable).unwrap_or_default(), expected }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Result<Config, ConfigError> {
        Config::read(|variable| pairs.iter().find(|(name, _)| *name == variable).map(|(_, value)| (*value).to_owned()))
    }

    #[test]
    fn stays_on_the_machine_unless_told_otherwise() {
        assert!(read(&[]).is_ok_and(|config| config.host.is_loopback() && config.port == 8080));
        assert!(read(&[("K_SERVICE", "crm")]).is_ok_and(|config| config.host.is_unspecified()));
        assert!(read(&[("K_SERVICE", "crm"), ("HOST", "localhost")]).is_ok_and(|config| config.host.is_loopback()));
    }

    #[test]
    fn names_what_is_wrong() {
        for (variable, value) in [
            ("PORT", "eighty"),
            ("PORT", "65536"),
            ("HOST", "example.com"),
            ("PMCP_MAX_CONCURRENCY", "0"),
            ("PMCP_TIME_LIMIT_MS", "-1"),
            ("PMCP_MAX_HEADER_BYTES", "10"),
            ("PMCP_WRITE_TIMEOUT_MS", "0"),
        ] {
            let error = read(&[(variable, value)]).expect_err(variable);
            assert_eq!((error.variable, error.value.as_str()), (variable, value));
        }
    }

    #[test]
    fn sessions_are_shared_only_where_there_is_a_store() {
        let config = read(&[("PMCP_SESSIONS", "shared")]).expect("good settings");
        let error = config.endpoint(calculator::server()).err().expect("nowhere to keep them").to_string();
        assert!(error.starts_with("the environment variable PMCP_SESSIONS is \"shared\", but must be none or memory"));
        assert!(config.share_sessions(MemorySessionStore::default()).endpoint(calculator::server()).is_ok());
        // Given a store, the server still keeps no sessions unless it is told to.
        assert!(read(&[]).is_ok_and(|config| config.sessions == Sessions::None));
        assert!(read(&[("PMCP_SESSIONS", "redis")]).is_err_and(|error| error.variable == "PMCP_SESSIONS"));
    }

    #[test]
    fn reads_lists_and_no_limit() {
        let config = read(&[("PMCP_ALLOWED_HOSTS", " a.example, ,b.example "), ("PMCP_TIME_LIMIT_MS", "0")]);
        let config = config.expect("good settings");
        assert_eq!(config.allowed_hosts, ["a.example", "b.example"]);
        assert_eq!(config.time_limit, None);
    }
}
