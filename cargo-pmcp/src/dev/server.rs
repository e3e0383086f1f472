//! The server's process, and the emulator in front of it where there is one.

use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::Built;
use crate::config::{Config, Front, STATE_KEYS};
use crate::exec::{CARGO, CARGO_LAMBDA, Interrupt, Running, call_file, has_listener};
use crate::failure::{Failure, Result};
use crate::output::Output;
use crate::random::random;
use crate::workspace::{Adapter, CLOUDRUN, LAMBDA, no_binary};

/// How long a server may take to listen.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long a function may take to find that it cannot start.
const SETTLING: Duration = Duration::from_millis(500);

/// How a server is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Runtime {
    /// It listens itself.
    Http,
    /// Under cargo-lambda's emulator.
    Lambda,
}

impl Runtime {
    pub(super) fn adapter(self) -> &'static Adapter {
        match self {
            Self::Http => &CLOUDRUN,
            Self::Lambda => &LAMBDA,
        }
    }

    pub(super) fn usual_port(self) -> u16 {
        match self {
            Self::Http => 8080,
            Self::Lambda => 9000,
        }
    }
}

pub(super) struct Server {
    folder: PathBuf,
    runtime: Runtime,
    package: String,
    port: u16,
    environment: Vec<(String, String)>,
    /// Seals what clients carry, so that a question is still good that was asked before the last build.
    state_key: Option<String>,
    executable: Option<PathBuf>,
    // In this order they end.
    process: Option<Running>,
    emulator: Option<Running>,
}

impl Server {
    pub(super) fn new(
        folder: &Path,
        runtime: Runtime,
        package: String,
        port: u16,
        config: Option<&Config>,
    ) -> Result<Self> {
        if runtime == Runtime::Lambda {
            // Early, and not after a build of minutes.
            CARGO_LAMBDA.call([""; 0])?;
        }
        let environment = environment(runtime, &package, port, config);
        let folder = folder.to_path_buf();
        let state_key = std::env::var_os(STATE_KEYS).is_none().then(random).transpose()?;
        let (executable, process, emulator) = (None, None, None);
        Ok(Self { folder, runtime, package, port, environment, state_key, executable, process, emulator })
    }

    /// From its next start on, its environment is as deploy.toml has it now.
    pub(super) fn configure(&mut self, config: &Config) {
        self.environment = environment(self.runtime, &self.package, self.port, Some(config));
    }

    /// The package's, without what says where it runs.
    pub(super) fn name(&self) -> &str {
        let suffix = self.runtime.adapter().suffix;
        let name = self.package.strip_suffix(suffix).and_then(|name| name.strip_suffix('-'));
        name.unwrap_or(&self.package)
    }

    pub(super) fn url(&self) -> String {
        let Self { port, package, .. } = self;
        match self.runtime {
            Runtime::Http => format!("http://127.0.0.1:{port}/mcp"),
            Runtime::Lambda => format!("http://127.0.0.1:{port}/lambda-url/{package}/mcp"),
        }
    }

    pub(super) fn is_running(&mut self) -> bool {
        self.process.as_mut().is_some_and(|process| process.ended().is_none())
    }

    /// How the process ended, said once.
    pub(super) fn ended(&mut self) -> Option<ExitStatus> {
        let status = self.process.as_mut()?.ended()?;
        self.process = None;
        Some(status)
    }

    /// Builds; a server that runs already is not touched.
    pub(super) fn build(&mut self, interrupt: &Interrupt, output: Output) -> Result<Built> {
        let package = &self.package;
        output.note(format_args!("-> build {package}"));
        let begin = Instant::now();
        let arguments = ["build", "--package", package, "--message-format", "json-render-diagnostics"];
        let cargo = CARGO.call(arguments)?.folder(&self.folder).start_piped()?;
        let Some((status, messages)) = cargo.finish(interrupt) else { return Ok(Built::Interrupted) };
        if !status.success() {
            return Ok(Built::Failed);
        }
        let artifacts = messages.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let executable = artifacts
            .filter(|message| message["target"]["name"] == *package)
            .find_map(|message| message["executable"].as_str().map(PathBuf::from));
        let Some(executable) = executable else {
            return Err(no_binary(package));
        };
        self.executable = Some(executable);
        output.note(format_args!("   done in {:.1} s", begin.elapsed().as_secs_f32()));
        Ok(Built::Ready)
    }

    /// Puts what was built in the place of what runs; false for Ctrl-C.
    pub(super) fn start(&mut self, interrupt: &Interrupt) -> Result<bool> {
        if self.runtime == Runtime::Lambda && self.emulator.as_mut().is_none_or(|emulator| emulator.ended().is_some()) {
            self.emulator = Some(self.emulator()?);
            if !self.wait_for_listener(interrupt)? {
                return Ok(false);
            }
        }
        self.process = None;
        let Some(executable) = &self.executable else { return Ok(true) };
        let mut call = call_file(executable).folder(&self.folder);
        for (name, value) in &self.environment {
            call = call.env(name, value);
        }
        if let Some(key) = &self.state_key {
            call = call.env(STATE_KEYS, key);
        }
        self.process = Some(call.start()?);
        match self.runtime {
            Runtime::Http => self.wait_for_listener(interrupt),
            Runtime::Lambda => Ok(self.settle(interrupt)),
        }
    }

    /// A function tells nobody that it is ready, but one that cannot start ends soon; false for Ctrl-C.
    fn settle(&mut self, interrupt: &Interrupt) -> bool {
        let begin = Instant::now();
        while self.is_running() && begin.elapsed() < SETTLING {
            if interrupt.came_within(Duration::from_millis(20)) {
                return false;
            }
        }
        true
    }

    fn emulator(&self) -> Result<Running> {
        let port = self.port.to_string();
        let arguments = ["lambda", "watch", "--only-lambda-apis", "--disable-cors", "--invoke-address", "127.0.0.1"];
        let arguments = arguments.into_iter().chain(["--invoke-port", &port]);
        // It tells at length what was set for it here already.
        CARGO_LAMBDA.call(arguments)?.folder(&self.folder).start_quietly()
    }

    /// Until somebody listens, or the process that should has ended.
    fn wait_for_listener(&mut self, interrupt: &Interrupt) -> Result<bool> {
        let begin = Instant::now();
        while !has_listener(self.port) {
            if interrupt.came_within(Duration::from_millis(20)) {
                return Ok(false);
            }
            let (waited_for, what) = match self.runtime {
                Runtime::Http => (&mut self.process, "the server"),
                Runtime::Lambda => (&mut self.emulator, "cargo-lambda's emulator"),
            };
            match (waited_for.as_mut().and_then(Running::ended), self.runtime) {
                (None, _) => {}
                // It has said why, and may be mended.
                (Some(_), Runtime::Http) => return Ok(true),
                (Some(status), Runtime::Lambda) => {
                    let advice = format!("see why: cargo lambda watch --invoke-port {}", self.port);
                    return Err(Failure::failed(format!("{what} has ended ({status})"), advice));
                }
            }
            if begin.elapsed() > PATIENCE {
                let advice = "see what it says above; it must listen on PORT";
                return Err(Failure::failed(format!("{what} does not listen on port {}", self.port), advice));
            }
        }
        Ok(true)
    }
}

/// What the server finds in its environment.
fn environment(runtime: Runtime, package: &str, port: u16, config: Option<&Config>) -> Vec<(String, String)> {
    let mut environment: Vec<(String, String)> = config.iter().flat_map(|config| config.environment.clone()).collect();
    let mut set = |name: &str, value: String| environment.push((name.to_owned(), value));
    match runtime {
        Runtime::Http => {
            set("HOST", "127.0.0.1".into());
            set("PORT", port.to_string());
            // It need not say how to get there, as this program does.
            set("PMCP_DEV", "1".into());
        }
        Runtime::Lambda => {
            let is_whole = config.is_some_and(|config| config.aws.front == Front::HttpApi);
            set("PMCP_RESPONSE_MODE", if is_whole { "buffered" } else { "streaming" }.into());
            set("AWS_LAMBDA_RUNTIME_API", format!("127.0.0.1:{port}/.rt/{package}"));
            set("AWS_LAMBDA_FUNCTION_NAME", package.to_owned());
            set("AWS_LAMBDA_FUNCTION_VERSION", "1".into());
            set("AWS_LAMBDA_LOG_FORMAT", "Text".into());
            let memory = config.map_or(256, |config| config.aws.memory_mb);
            set("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", memory.to_string());
        }
    }
    environment
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn where_it_listens_is_not_the_projects_to_say() {
        let text = "[target]\ntarget_type = \"aws-lambda\"\n[server]\nname = \"crm\"\n[environment]\nPORT = \"1\"\n\
                    MOOD = \"good\"\n";
        let config = Config::parse(text, None).expect("is right");
        let server = Server::new(Path::new("."), Runtime::Http, "crm".into(), 8080, Some(&config)).expect("is made");
        let environment: BTreeMap<_, _> = server.environment.into_iter().collect();
        assert_eq!((&environment["PORT"] as &str, &environment["MOOD"] as &str), ("8080", "good"));
    }
}
