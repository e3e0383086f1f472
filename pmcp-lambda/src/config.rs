//! The settings, and the environment variables they are read from.

use std::{env, str::FromStr, time::Duration};

use pmcp_core::{BuildErrors, IntoServer, PublicUrl, StateKey, StreamableHttp};

/// How the function answers, and whom.
///
/// | variable | default | what it is |
/// |---|---|---|
/// | `PMCP_RESPONSE_MODE` | `buffered` | `streaming` where the Function URL's invoke mode is `RESPONSE_STREAM`, or the REST API's transfer mode `STREAM` |
/// | `PMCP_PUBLIC_URL` | as the event says | the endpoint as clients know it, such as `https://mcp.example.com/crm/mcp` |
/// | `PMCP_BASE_PATH` | none | what stands before `/mcp` in the path and no stage or mapping accounts for, such as `/crm` behind a load balancer's rule |
/// | `PMCP_ALLOWED_HOSTS` | any: the gateway has chosen by the name already | names the server answers to, by comma |
/// | `PMCP_ALLOWED_ORIGINS` | the server's own | origins of web pages that may call, by comma |
/// | `PMCP_TRUST_AUTHORIZER` | none | authorizers whose word is taken for who calls, by comma: `jwt`, `lambda`, `iam` |
/// | `PMCP_MAX_BODY_BYTES` | `4194304` | the longest request body |
/// | `PMCP_TIME_LIMIT_MS` | `0` | how long a handler may take; `0` for as long as Lambda and the gateway let it |
/// | `PMCP_DEADLINE_MARGIN_MS` | `500` | how long before Lambda's time-out a handler is ended, so that the client hears of it |
/// | `PMCP_STATE_KEYS` | one made up at start | keys that seal what clients carry between the rounds of a request, by comma: the first seals, all open; `openssl rand -base64 32` makes one. Needed wherever more than one instance may run, so on Lambda always |
/// | `PMCP_STATE_LIFETIME_MS` | `600000` | how long a person may take to answer a question |
/// | `PMCP_LOG` | `text` where `AWS_LAMBDA_LOG_FORMAT` is `Text`, else `json` | how log lines are written |
/// | `RUST_LOG` | `AWS_LAMBDA_LOG_LEVEL`, else `info` | what is logged, such as `debug` or `warn,pmcp_core=debug` |
///
/// Lambda's own `AWS_LAMBDA_MAX_CONCURRENCY` makes the process answer that many invocations side by side, and
/// `AWS_LAMBDA_RUNTIME_API` is where it has them from.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// Whether answers are streamed where the front can.
    pub response_mode: ResponseMode,
    /// The endpoint as clients know it, where the event does not say.
    pub public_url: Option<PublicUrl>,
    /// What stands before `/mcp` in the path: empty, or with a slash in front and none at the end.
    pub base_path: String,
    /// The names the server answers to; empty for any.
    pub allowed_hosts: Vec<String>,
    /// The origins of web pages that may call besides the server's own.
    pub allowed_origins: Vec<String>,
    /// The authorizers whose word is taken for who calls.
    pub trusted_authorizers: Vec<Authorizer>,
    /// The longest request body, in bytes.
    pub max_body_bytes: usize,
    /// How long a handler may take; `None` for as long as the platform lets it.
    pub time_limit: Option<Duration>,
    /// How long before Lambda's time-out a handler is ended.
    pub deadline_margin: Duration,
    /// How many invocations this process answers side by side; `0` is as good as `1`.
    pub max_concurrency: usize,
    /// Keys that seal what clients carry between the rounds of a request: the first seals, all open.
    pub state_keys: Vec<StateKey>,
    /// How long a person may take to answer a question.
    pub state_lifetime: Duration,
    /// Whether a log line is a JSON object.
    pub log_json: bool,
    /// What is logged.
    pub log_filter: String,
}

/// Whether an answer reaches the client while it is made. Lambda does not tell the function which of the two its front
/// is configured for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ResponseMode {
    /// The answer is whole before it is sent. What a handler reports on the way comes with its result.
    #[default]
    Buffered,
    /// The answer is sent as it is made, on Function URLs and REST APIs; on others, which cannot, it is buffered.
    Streaming,
}

/// What in front of the function has checked who calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Authorizer {
    /// A JWT authorizer of an HTTP API, or a Cognito authorizer of a REST API: the principal is the token's `iss` and
    /// `sub`.
    Jwt,
    /// A Lambda authorizer: the principal is its `principalId`.
    Lambda,
    /// IAM, by the signature of the request: the principal is the ARN of the user or role.
    Iam,
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
            response_mode: ResponseMode::Buffered,
            public_url: None,
            base_path: String::new(),
            allowed_hosts: Vec::new(),
            allowed_origins: Vec::new(),
            trusted_authorizers: Vec::new(),
            max_body_bytes: 4 << 20,
            time_limit: None,
            deadline_margin: Duration::from_millis(500),
            max_concurrency: 1,
            state_keys: Vec::new(),
            state_lifetime: Duration::from_secs(600),
            log_json: true,
            log_filter: "info".to_owned(),
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

    fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let default = Self::default();
        let environment = Environment(&variable);
        let time_limit = environment.duration("PMCP_TIME_LIMIT_MS", Duration::ZERO)?;
        Ok(Self {
            response_mode: match environment.text("PMCP_RESPONSE_MODE").as_deref() {
                None | Some("buffered") => ResponseMode::Buffered,
                Some("streaming") => ResponseMode::Streaming,
                Some(_) => return Err(environment.wrong("PMCP_RESPONSE_MODE", "buffered or streaming")),
            },
            public_url: match environment.text("PMCP_PUBLIC_URL") {
                None => None,
                Some(url) if url.starts_with("https://") || url.starts_with("http://") => Some(PublicUrl(url.into())),
                Some(_) => {
                    let expected = "the whole URL of the endpoint, such as https://mcp.example.com/mcp";
                    return Err(environment.wrong("PMCP_PUBLIC_URL", expected));
                }
            },
            base_path: match environment.text("PMCP_BASE_PATH") {
                None => String::new(),
                Some(path) if path.starts_with('/') => path.trim_end_matches('/').to_owned(),
                Some(_) => {
                    return Err(environment.wrong("PMCP_BASE_PATH", "a path with a slash in front, such as /crm"));
                }
            },
            allowed_hosts: environment.list("PMCP_ALLOWED_HOSTS"),
            allowed_origins: environment.list("PMCP_ALLOWED_ORIGINS"),
            trusted_authorizers: environment.authorizers()?,
            max_body_bytes: environment.parse("PMCP_MAX_BODY_BYTES", default.max_body_bytes, "a number of bytes")?,
            time_limit: (!time_limit.is_zero()).then_some(time_limit),
            deadline_margin: environment.duration("PMCP_DEADLINE_MARGIN_MS", default.deadline_margin)?,
            max_concurrency: environment.parse("AWS_LAMBDA_MAX_CONCURRENCY", 1, "a number of invocations")?,
            state_keys: environment.state_keys()?,
            state_lifetime: environment.duration("PMCP_STATE_LIFETIME_MS", default.state_lifetime)?,
            log_json: match environment.text("PMCP_LOG").as_deref() {
                None => environment.text("AWS_LAMBDA_LOG_FORMAT").as_deref() != Some("Text"),
                Some("json") => true,
                Some("text") => false,
                Some(_) => return Err(environment.wrong("PMCP_LOG", "json or text")),
            },
            log_filter: match (environment.text("RUST_LOG"), environment.text("AWS_LAMBDA_LOG_LEVEL")) {
                (Some(filter), _) => filter,
                // Lambda has a level above the gravest that there is here.
                (None, Some(level)) if level.eq_ignore_ascii_case("fatal") => "error".to_owned(),
                (None, Some(level)) => level.to_ascii_lowercase(),
                (None, None) => default.log_filter,
            },
        })
    }

    /// The endpoint that serves `server` under these rules.
    pub(crate) fn endpoint(&self, server: impl IntoServer) -> Result<StreamableHttp, BuildErrors> {
        let server = server.into_server()?;
        if server.keeps_tasks_in_memory() {
            tracing::warn!(
                "tools of this server run as tasks, which it keeps in its memory: other instances do not find them; give \
                 the server a task_store that all share, such as pmcp_redis::RedisTaskStore"
            );
        }
        if server.notifies_this_process_only() {
            tracing::warn!(
                "this server tells of changes through a local Notifier, which reaches the clients of one instance: give it \
                 one with a bus that all share, such as pmcp_redis::RedisBus"
            );
        }
        let mut endpoint = StreamableHttp::new(server)?
            .max_body_bytes(self.max_body_bytes)
            .allowed_origins(self.allowed_origins.iter().cloned())
            .state_keys(self.state_keys.iter().cloned(), self.state_lifetime);
        if let Some(limit) = self.time_limit {
            endpoint = endpoint.time_limit(limit);
        }
        Ok(match self.allowed_hosts.is_empty() {
            // The gateway found this function by the name; a list of our own could only be wrong.
            true => endpoint.any_host(),
            false => endpoint.allowed_hosts(self.allowed_hosts.iter().cloned()),
        })
    }

    pub(crate) fn trusts(&self, authorizer: Authorizer) -> bool {
        self.trusted_authorizers.contains(&authorizer)
    }
}

struct Environment<'v, F>(&'v F);

impl<F: Fn(&str) -> Option<String>> Environment<'_, F> {
    fn text(&self, variable: &str) -> Option<String> {
        (self.0)(variable).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
    }

    fn parse<T: FromStr>(&self, variable: &'static str, default: T, expected: &'static str) -> Result<T, ConfigError> {
        match self.text(variable) {
            None => Ok(default),
            Some(value) => value.parse().map_err(|_| ConfigError { variable, value, expected }),
        }
    }

    fn duration(&self, variable: &'static str, default: Duration) -> Result<Duration, ConfigError> {
        let millis = u64::try_from(default.as_millis()).unwrap_or(u64::MAX);
        self.parse(variable, millis, "a number of milliseconds").map(Duration::from_millis)
    }

    fn list(&self, variable: &str) -> Vec<String> {
        let value = (self.0)(variable).unwrap_or_default();
        value.split(',').map(str::trim).filter(|entry| !entry.is_empty()).map(str::to_owned).collect()
    }

    fn authorizers(&self) -> Result<Vec<Authorizer>, ConfigError> {
        let named = self.list("PMCP_TRUST_AUTHORIZER").into_iter().map(|name| match name.as_str() {
            "jwt" => Ok(Authorizer::Jwt),
            "lambda" => Ok(Authorizer::Lambda),
            "iam" => Ok(Authorizer::Iam),
            _ => Err(self.wrong("PMCP_TRUST_AUTHORIZER", "jwt, lambda or iam, or several by comma")),
        });
        named.collect()
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
    fn logs_as_lambda_is_configured_to() {
        let log = |pairs: &[(&str, &str)]| read(pairs).map(|config| (config.log_json, config.log_filter));
        assert_eq!(log(&[]), Ok((true, "info".into())));
        assert_eq!(log(&[("AWS_LAMBDA_LOG_FORMAT", "Text")]), Ok((false, "info".into())));
        let lambda = [("AWS_LAMBDA_LOG_FORMAT", "JSON"), ("AWS_LAMBDA_LOG_LEVEL", "FATAL")];
        assert_eq!(log(&lambda), Ok((true, "error".into())));
        let own = [("PMCP_LOG", "json"), ("AWS_LAMBDA_LOG_FORMAT", "Text"), ("RUST_LOG", "debug")];
        assert_eq!(log(&own), Ok((true, "debug".into())));
    }

    #[test]
    fn names_what_is_wrong() {
        for (variable, value) in [
            ("PMCP_RESPONSE_MODE", "stream"),
            ("PMCP_PUBLIC_URL", "mcp.example.com"),
            ("PMCP_BASE_PATH", "crm"),
            ("PMCP_TRUST_AUTHORIZER", "jwt, cognito"),
            ("PMCP_DEADLINE_MARGIN_MS", "-1"),
            ("PMCP_LOG", "xml"),
        ] {
            let error = read(&[(variable, value)]).expect_err(variable);
            assert_eq!((error.variable, error.value.as_str()), (variable, value));
        }
        assert_eq!(read(&[("PMCP_STATE_KEYS", "secret")]).expect_err("no key").value, "(hidden)");
    }

    #[test]
    fn reads_what_a_function_is_told() {
        let config = read(&[
            ("PMCP_RESPONSE_MODE", "streaming"),
            ("PMCP_BASE_PATH", "/crm/"),
            ("PMCP_TRUST_AUTHORIZER", "jwt, iam"),
            ("PMCP_TIME_LIMIT_MS", "28000"),
        ]);
        let config = config.expect("good settings");
        assert_eq!(config.response_mode, ResponseMode::Streaming);
        assert_eq!(config.base_path, "/crm");
        assert!(config.trusts(Authorizer::Iam) && !config.trusts(Authorizer::Lambda));
        assert_eq!(config.time_limit, Some(Duration::from_secs(28)));
    }
}
