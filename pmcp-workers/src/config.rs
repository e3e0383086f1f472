//! The settings, and the variables and secrets of the Worker that they are read from.
#![cfg_attr(not(target_arch = "wasm32"), allow(dead_code, reason = "only Workers have settings to read"))]

#[cfg(feature = "objects")]
use std::{fmt, sync::Arc};
use std::{str::FromStr, time::Duration};

#[cfg(feature = "objects")]
use pmcp_core::SessionStore;
use pmcp_core::{StateKey, StreamableHttp};
use tracing::level_filters::LevelFilter;
#[cfg(target_arch = "wasm32")]
use worker::js_sys::{JSON, Reflect};

const STATE_KEYS: &str = "PMCP_STATE_KEYS";
/// In the place of a key that is wrong.
const HIDDEN: &str = "(hidden)";
/// The alarms of the platform have an end, and sessions too.
#[cfg(feature = "objects")]
const MOST_IDLE: Duration = Duration::from_secs(31_536_000);

/// Whom the Worker answers, and what one request may cost.
///
/// Each is a variable (`[vars]` in wrangler.toml) or a secret (`wrangler secret put`): text, a number or a boolean.
///
/// | name | default | what it is |
/// |---|---|---|
/// | `PMCP_ALLOWED_HOSTS` | any: the platform has chosen by the name already | names the server answers to, by comma |
/// | `PMCP_ALLOWED_ORIGINS` | the server's own | origins of web pages that may call, by comma |
/// | `PMCP_MAX_BODY_BYTES` | `4194304` | the longest request body |
/// | `PMCP_TIME_LIMIT_MS` | `300000` | how long a handler may take, and a client leave unread what it was sent; `0` for no limit |
/// | `PMCP_SESSIONS` | `none` | `shared` keeps sessions for clients of revisions before 2026-07-28 where all isolates find them, if the Worker says where: `Config::share_sessions`, with the feature `objects` |
/// | `PMCP_SESSION_IDLE_MS` | `3600000` | how long a session is kept that nobody uses, if the Worker asks for it (`Config::session_idle`, with the feature `objects`); an open stream uses its session once a minute, so give it more; at most a year |
/// | `PMCP_STATE_KEYS` | one made up in each isolate | keys that seal what clients carry between the rounds of a request, by comma: the first seals, all open; `openssl rand -base64 32` makes one. There are always several isolates: make it a secret if handlers ask their clients |
/// | `PMCP_STATE_LIFETIME_MS` | `600000` | how long a person may take to answer a question |
/// | `RUST_LOG` | `info` | the least grave lines that are logged: `error`, `warn`, `info`, `debug` (which has a line for each request), `trace` or `off` |
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// The names the server answers to; empty for any.
    pub allowed_hosts: Vec<String>,
    /// The origins of web pages that may call besides the server's own.
    pub allowed_origins: Vec<String>,
    /// The longest request body, in bytes.
    pub max_body_bytes: usize,
    /// How long a handler may take; `None` for no limit.
    pub time_limit: Option<Duration>,
    /// Whether sessions are kept for clients of older revisions.
    #[cfg(feature = "objects")]
    pub sessions: Sessions,
    /// How long a session is kept that nobody uses.
    #[cfg(feature = "objects")]
    pub session_idle: Duration,
    #[cfg(feature = "objects")]
    pub(crate) session_store: Option<SharedStore>,
    /// Keys that seal what clients carry between the rounds of a request: the first seals, all open.
    pub state_keys: Vec<StateKey>,
    /// How long a person may take to answer a question.
    pub state_lifetime: Duration,
    /// The least grave lines that are logged.
    pub log_level: LevelFilter,
}

/// A setting that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the variable {variable} is {value:?}, but must be {expected}; correct it in wrangler.toml or the secrets")]
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
            allowed_hosts: Vec::new(),
            allowed_origins: Vec::new(),
            max_body_bytes: 4 << 20,
            time_limit: Some(Duration::from_secs(300)),
            #[cfg(feature = "objects")]
            sessions: Sessions::None,
            #[cfg(feature = "objects")]
            session_idle: Duration::from_secs(3_600),
            #[cfg(feature = "objects")]
            session_store: None,
            state_keys: Vec::new(),
            state_lifetime: Duration::from_secs(600),
            log_level: LevelFilter::INFO,
        }
    }
}

impl Config {
    /// Reads the Worker's variables and secrets.
    ///
    /// # Errors
    /// Which variable is wrong, and what it must be.
    #[cfg(target_arch = "wasm32")]
    pub fn from_env(env: &worker::Env) -> Result<Self, ConfigError> {
        // Secrets are variables to those who read them. In wrangler.toml a variable may be a number, or a list.
        Self::read(|variable| {
            let value = Reflect::get(env, &variable.into()).unwrap_or_default();
            let json = || JSON::stringify(&value).map(String::from).unwrap_or_default();
            match value.as_string() {
                Some(text) => Ok(Some(text)),
                None if value.is_undefined() => Ok(None),
                None if value.as_f64().is_some() || value.as_bool().is_some() => Ok(Some(json())),
                None => {
                    let value = if variable == STATE_KEYS { HIDDEN.to_owned() } else { json() };
                    Err(ConfigError { variable, value, expected: "text, with commas where it names several" })
                }
            }
        })
    }

    fn read(variable: impl Fn(&'static str) -> Result<Option<String>, ConfigError>) -> Result<Self, ConfigError> {
        let default = Self::default();
        let settings = Settings(&variable);
        #[cfg(not(feature = "objects"))]
        if let Some(value) = variable("PMCP_SESSIONS")?.filter(|value| value.trim() != "none") {
            let expected = "none: sessions need the feature `objects` of pmcp-workers";
            return Err(ConfigError { variable: "PMCP_SESSIONS", value, expected });
        }
        let time_limit = settings.duration("PMCP_TIME_LIMIT_MS", default.time_limit.unwrap_or_default())?;
        Ok(Self {
            allowed_hosts: settings.list("PMCP_ALLOWED_HOSTS")?,
            allowed_origins: settings.list("PMCP_ALLOWED_ORIGINS")?,
            max_body_bytes: settings.parse("PMCP_MAX_BODY_BYTES", default.max_body_bytes, "a number of bytes")?,
            time_limit: (!time_limit.is_zero()).then_some(time_limit),
            #[cfg(feature = "objects")]
            sessions: match variable("PMCP_SESSIONS")?.as_deref().map(str::trim) {
                None | Some("none") => Sessions::None,
                Some("shared") => Sessions::Shared,
                Some(value) => return Err(not_shared(value, "none or shared")),
            },
            #[cfg(feature = "objects")]
            session_idle: settings.session_idle(default.session_idle)?,
            #[cfg(feature = "objects")]
            session_store: None,
            state_keys: settings.state_keys()?,
            state_lifetime: settings.duration("PMCP_STATE_LIFETIME_MS", default.state_lifetime)?,
            log_level: settings.parse("RUST_LOG", default.log_level, "error, warn, info, debug, trace or off")?,
        })
    }

    /// Keeps sessions in `store` where they are to be [`shared`](Sessions::Shared), such as an `ObjectSessionStore`:
    /// whether they are is up to whoever deploys the Worker.
    #[cfg(feature = "objects")]
    pub fn share_sessions(&mut self, store: impl SessionStore) {
        self.session_store = Some(SharedStore(Arc::new(store)));
    }

    /// The endpoint under these rules.
    pub(crate) fn apply(&self, endpoint: StreamableHttp) -> Result<StreamableHttp, ConfigError> {
        let mut endpoint = endpoint
            .max_body_bytes(self.max_body_bytes)
            .allowed_origins(self.allowed_origins.iter().cloned())
            .state_keys(self.state_keys.iter().cloned(), self.state_lifetime);
        if let Some(limit) = self.time_limit {
            endpoint = endpoint.time_limit(limit);
        }
        #[cfg(feature = "objects")]
        match (self.sessions, &self.session_store) {
            (Sessions::None, _) => {}
            (Sessions::Shared, Some(SharedStore(store))) => endpoint = endpoint.sessions_in(Arc::clone(store)),
            (Sessions::Shared, None) => {
                let expected = "none: this Worker has no store to share (see Config::share_sessions)";
                return Err(not_shared("shared", expected));
            }
        }
        Ok(match self.allowed_hosts.is_empty() {
            // The platform routes by the name; a list of our own could only be wrong.
            true => endpoint.any_host(),
            false => endpoint.allowed_hosts(self.allowed_hosts.iter().cloned()),
        })
    }
}

#[cfg(feature = "objects")]
fn not_shared(value: &str, expected: &'static str) -> ConfigError {
    ConfigError { variable: "PMCP_SESSIONS", value: value.to_owned(), expected }
}

/// Whether sessions are kept for clients of older revisions.
#[cfg(feature = "objects")]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Sessions {
    /// No: every request stands alone.
    #[default]
    None,
    /// In the store that [`Config::share_sessions`] was given.
    Shared,
}

#[cfg(feature = "objects")]
#[derive(Clone)]
pub(crate) struct SharedStore(Arc<dyn SessionStore>);

#[cfg(feature = "objects")]
impl fmt::Debug for SharedStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SharedStore")
    }
}

struct Settings<'v, F>(&'v F);

impl<F: Fn(&'static str) -> Result<Option<String>, ConfigError>> Settings<'_, F> {
    fn parse<T: FromStr>(&self, variable: &'static str, default: T, expected: &'static str) -> Result<T, ConfigError> {
        let Some(value) = (self.0)(variable)? else { return Ok(default) };
        // An empty level would be one.
        let given = Some(value.trim()).filter(|given| !given.is_empty());
        match given.and_then(|given| given.parse().ok()) {
            Some(parsed) => Ok(parsed),
            None => Err(ConfigError { variable, value, expected }),
        }
    }

    fn duration(&self, variable: &'static str, default: Duration) -> Result<Duration, ConfigError> {
        let millis = u64::try_from(default.as_millis()).unwrap_or(u64::MAX);
        self.parse(variable, millis, "a number of milliseconds").map(Duration::from_millis)
    }

    #[cfg(feature = "objects")]
    fn session_idle(&self, default: Duration) -> Result<Duration, ConfigError> {
        let variable = "PMCP_SESSION_IDLE_MS";
        let idle = self.duration(variable, default)?;
        if idle.is_zero() || idle > MOST_IDLE {
            let expected = "a number of milliseconds, from 1 to 31536000000, a year";
            return Err(ConfigError { variable, value: idle.as_millis().to_string(), expected });
        }
        Ok(idle)
    }

    fn list(&self, variable: &'static str) -> Result<Vec<String>, ConfigError> {
        let value = (self.0)(variable)?.unwrap_or_default();
        Ok(value.split(',').map(str::trim).filter(|entry| !entry.is_empty()).map(str::to_owned).collect())
    }

    /// A key that is wrong is not repeated: it may be a secret with a typing error.
    fn state_keys(&self) -> Result<Vec<StateKey>, ConfigError> {
        let variable = STATE_KEYS;
        let expected = "keys of 32 random bytes in base64, by comma; `openssl rand -base64 32` makes one";
        let mut keys = Vec::new();
        for key in self.list(variable)? {
            let wrong = |_| ConfigError { variable, value: HIDDEN.to_owned(), expected };
            keys.push(StateKey::parse(&key).map_err(wrong)?);
        }
        Ok(keys)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Result<Config, ConfigError> {
        Config::read(|variable| {
            Ok(pairs.iter().find(|(name, _)| *name == variable).map(|(_, value)| (*value).to_owned()))
        })
    }

    #[test]
    fn reads_lists_limits_and_levels() {
        let config = read(&[
            ("PMCP_ALLOWED_HOSTS", " a.example, ,b.example "),
            ("PMCP_TIME_LIMIT_MS", "0"),
            ("PMCP_MAX_BODY_BYTES", "10"),
            ("RUST_LOG", "warn"),
        ]);
        let config = config.expect("good settings");
        assert_eq!(config.allowed_hosts, ["a.example", "b.example"]);
        assert_eq!((config.time_limit, config.max_body_bytes), (None, 10));
        assert_eq!(config.log_level, LevelFilter::WARN);
    }

    #[cfg(feature = "objects")]
    #[test]
    fn sessions_are_shared_only_where_there_is_a_store() {
        struct Hello;
        #[pmcp_core::server(name = "hello", version = "1.0.0")]
        impl Hello {}
        let endpoint = || StreamableHttp::new(Hello).expect("a good server");
        let mut config = read(&[("PMCP_SESSIONS", "shared")]).expect("good settings");
        let error = config.apply(endpoint()).err().expect("no store").to_string();
        assert!(error.contains("PMCP_SESSIONS is \"shared\", but must be none"), "{error}");
        config.share_sessions(pmcp_core::MemorySessionStore::default());
        assert!(config.apply(endpoint()).is_ok());
        // Given a store, the Worker still keeps no sessions unless it is told to.
        assert!(read(&[]).is_ok_and(|config| config.sessions == Sessions::None));
        assert!(read(&[("PMCP_SESSIONS", "memory")]).is_err_and(|error| error.variable == "PMCP_SESSIONS"));
    }

    #[cfg(feature = "objects")]
    #[test]
    fn sessions_are_kept_for_a_while_and_not_for_ever() {
        for (idle, is_good) in [("0", false), ("1", true), ("31536000000", true), ("31536000001", false)] {
            assert_eq!(read(&[("PMCP_SESSION_IDLE_MS", idle)]).is_ok(), is_good, "{idle}");
        }
    }

    #[test]
    fn names_what_is_wrong_and_hides_keys() {
        for (variable, value) in [
            ("PMCP_TIME_LIMIT_MS", "-1"),
            ("PMCP_MAX_BODY_BYTES", "much"),
            ("RUST_LOG", "pmcp_core=debug"),
            ("RUST_LOG", ""),
        ] {
            let error = read(&[(variable, value)]).expect_err(variable);
            assert_eq!((error.variable, error.value.as_str()), (variable, value));
        }
        let error = read(&[("PMCP_STATE_KEYS", "c2VjcmV0")]).expect_err("too short").to_string();
        assert!(error.contains("PMCP_STATE_KEYS") && !error.contains("c2VjcmV0"), "{error}");
    }
}
