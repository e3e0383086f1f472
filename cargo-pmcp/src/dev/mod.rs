//! `cargo pmcp dev`: the server on this machine, built and started anew whenever its source changes.

mod server;
mod sources;
mod workers;

use std::fmt;
use std::path::Path;
use std::time::Duration;

use serde::Serialize;
use serde_json::json;

use self::server::{Runtime, Server};
use self::sources::Sources;
use crate::cli::Dev;
use crate::config::{Config, PATH, STATE_KEYS, TargetType};
use crate::exec::{Interrupt, is_free};
use crate::failure::{Failure, Result};
use crate::output::Output;
use crate::workspace::{CLOUDRUN, LAMBDA, WORKERS, Workspace};

/// How often the source is looked at.
const GLANCE: Duration = Duration::from_millis(300);

/// Where the server is, and what to paste into its clients.
#[derive(Serialize)]
struct ClientSetup {
    url: String,
    claude: String,
    vs_code: String,
    inspector: String,
}

impl ClientSetup {
    fn new(name: &str, url: String) -> Self {
        let entry = json!({ "name": name, "type": "http", "url": url });
        Self {
            claude: format!("claude mcp add --transport http {name} {url}"),
            vs_code: format!("code --add-mcp '{entry}'"),
            inspector: format!("npx @modelcontextprotocol/inspector --cli {url} --transport http --method tools/list"),
            url,
        }
    }
}

impl fmt::Display for ClientSetup {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(out, "{}", self.url)?;
        writeln!(out, "Claude Code:   {}", self.claude)?;
        writeln!(out, "VS Code:       {}", self.vs_code)?;
        write!(out, "MCP Inspector: {}", self.inspector)
    }
}

pub(crate) fn run(folder: &Path, options: &Dev, output: Output) -> Result {
    let folder = &crate::config::project(folder);
    let config = if folder.join(PATH).exists() { Some(Config::load(folder, options.target)?) } else { None };
    if options.target == Some(TargetType::CloudflareWorkers) {
        return workers::run(folder, config, options, output);
    }
    let wanted = options.target.map(runtime).transpose()?;
    let workspace = Workspace::load(folder)?;
    let is_worker_alone = workspace.uses(&WORKERS) && !workspace.uses(&CLOUDRUN) && !workspace.uses(&LAMBDA);
    if wanted.is_none() && is_worker_alone {
        return workers::run(folder, config, options, output);
    }
    let has_only_lambda = !workspace.uses(&CLOUDRUN) && workspace.uses(&LAMBDA);
    let runtime = wanted.unwrap_or(if has_only_lambda { Runtime::Lambda } else { Runtime::Http });
    let config = config.as_ref();
    let package = match runtime {
        // `package` in deploy.toml is the one for its target.
        Runtime::Http => workspace.server(runtime.adapter(), None),
        Runtime::Lambda => workspace.server(runtime.adapter(), config.map(|config| &config.server)),
    }?;
    let port = options.port.unwrap_or(runtime.usual_port());
    check_free(port)?;
    for (key, _) in config.iter().flat_map(|config| &config.secrets) {
        // Of that one it makes its own.
        if key != STATE_KEYS && std::env::var_os(key).is_none() {
            output.note(format_args!(
                "note: {key} is under [secrets] in .pmcp/deploy.toml, and not set here: export it before, if the server reads it"
            ));
        }
    }
    let interrupt = Interrupt::catch()?;
    let mut server = Server::new(folder, runtime, package, port, config)?;
    let mut sources = Sources::new(&Workspace::load_whole(folder)?, folder.join(PATH));
    let name = config.map_or_else(|| server.name().to_owned(), |config| config.server.name.clone());
    let mut told = false;
    loop {
        // Taken before the build, so that what is changed meanwhile is built next.
        sources.look();
        match server.build(&interrupt, output)? {
            Built::Interrupted => break,
            Built::Failed if server.is_running() => output.note("the server that was built before goes on"),
            Built::Failed => output.note("there is no server yet; mend what the compiler says"),
            Built::Ready => {
                if !server.start(&interrupt)? {
                    break;
                }
                if !told && server.is_running() {
                    output.result(&ClientSetup::new(&name, server.url()))?;
                    output.note("built and started anew whenever its source changes; Ctrl-C ends it");
                    told = true;
                }
            }
        }
        if !wait(&mut server, &mut sources, &interrupt, output) {
            break;
        }
        output.note("the source has changed");
        if folder.join(PATH).exists() {
            match Config::load(folder, options.target) {
                Ok(config) => server.configure(&config),
                Err(failure) => output.note(format_args!("{failure}\nuntil then, what it said before is good")),
            }
        }
    }
    output.note("ended");
    Ok(())
}

/// Refuses a port that somebody listens on.
fn check_free(port: u16) -> Result {
    if is_free(port) {
        return Ok(());
    }
    // After the last one there is none.
    let other = port.checked_add(1).unwrap_or(port - 1);
    let advice = format!("end what listens there, or choose another: --port {other}");
    Err(Failure::refused(format!("the port {port} is taken"), advice))
}

/// What became of a build.
enum Built {
    Ready,
    Failed,
    Interrupted,
}

/// Where a server for this platform runs.
fn runtime(target: TargetType) -> Result<Runtime> {
    match target {
        TargetType::AwsLambda => Ok(Runtime::Lambda),
        TargetType::GoogleCloudRun | TargetType::PmcpRun => Ok(Runtime::Http),
        TargetType::CloudflareWorkers => Err(Failure::refused(
            format!("this version of cargo pmcp does not run servers as on {}", target.title()),
            "choose --target google-cloud-run, which is over HTTP, or --target aws-lambda",
        )),
    }
}

/// Waits for a change of the source that has come to rest; false for Ctrl-C.
fn wait(server: &mut Server, sources: &mut Sources, interrupt: &Interrupt, output: Output) -> bool {
    let mut changed = false;
    loop {
        if interrupt.came_within(GLANCE) {
            return false;
        }
        if let Some(status) = server.ended() {
            output.note(format_args!("the server has ended ({status}); it is started again when its source changes"));
        }
        match (sources.look(), changed) {
            (true, _) => changed = true,
            (false, true) => return true,
            (false, false) => {}
        }
    }
}
