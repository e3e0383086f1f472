//! The server as a Worker: `wrangler dev`, with databases and buckets of this machine.

use std::path::Path;
use std::time::Duration;

use super::ClientSetup;
use crate::cli::Dev;
use crate::config::{Config, TargetType};
use crate::deploy::Project;
use crate::exec::{HttpClient, Interrupt, Request, Response, WRANGLER, is_free};
use crate::failure::{Failure, Result};
use crate::output::Output;
use crate::target::cloudflare_workers::{ForDev, quiet};
use crate::workspace::{WORKERS, Workspace};

/// As wrangler has it.
const USUAL_PORT: u16 = 8787;

const GLANCE: Duration = Duration::from_millis(200);

const ANSWER_LIMIT: Duration = Duration::from_secs(60);

pub(super) fn run(folder: &Path, config: Option<Config>, options: &Dev, output: Output) -> Result {
    let workspace = Workspace::load_whole(folder)?;
    let config = match config {
        Some(config) => config,
        None => {
            let package = Workspace::load(folder)?.server(&WORKERS, None)?;
            let name = package.strip_suffix("-workers").unwrap_or(&package).to_owned();
            Config::new(TargetType::CloudflareWorkers, name)
        }
    };
    let port = options.port.unwrap_or(USUAL_PORT);
    if !is_free(port) {
        let advice = format!("end what listens there, or choose another: --port {}", port.wrapping_add(1));
        return Err(Failure::refused(format!("the port {port} is taken"), advice));
    }
    let name = config.server.name.clone();
    let project = Project { root: folder.to_path_buf(), config };
    WRANGLER.call([""; 0])?;
    let watched: Vec<_> = workspace.folders().iter().map(|folder| folder.join("src")).collect();
    let ForDev { folder, path, databases, has_secrets } = ForDev::prepare(&project, &watched)?;
    if !project.config.secrets.is_empty() && !has_secrets {
        let keys: Vec<&str> = project.config.secrets.keys().map(String::as_str).collect();
        output.note(format_args!(
            "note: {} under [secrets] in .pmcp/deploy.toml: here they are read from {}, one KEY=value a line",
            keys.join(", "),
            folder.join(".dev.vars").display()
        ));
    }
    let path = path.to_string_lossy();
    let wrangler =
        |arguments: &[&str]| WRANGLER.call(arguments.iter().copied()).map(|call| quiet(call).folder(&folder));
    for binding in databases {
        let arguments = ["d1", "migrations", "apply", &binding, "--local", "--config", &path];
        wrangler(&arguments)?.run("mend the migration that it names")?;
    }
    let interrupt = Interrupt::catch()?;
    let number = port.to_string();
    let arguments = ["dev", "--config", &path, "--ip", "127.0.0.1", "--port", &number];
    let mut server = wrangler(&arguments)?.start()?;
    let http = HttpClient::new();
    let health = || http.send(Request::new("GET", &format!("http://127.0.0.1:{port}/health"), ANSWER_LIMIT));
    let mut told = false;
    while !interrupt.came_within(GLANCE) {
        if let Some(status) = server.ended() {
            // A terminal tells wrangler of Ctrl-C as well.
            if interrupt.came_within(GLANCE) {
                break;
            }
            return Err(Failure::failed(format!("`wrangler dev` has ended ({status})"), "see what it says above"));
        }
        if !told && matches!(health(), Ok(Response { status: 200, .. })) {
            output.result(&ClientSetup::new(&name, format!("http://127.0.0.1:{port}/mcp")))?;
            output.note("built and started anew whenever its source changes; Ctrl-C ends it");
            told = true;
        }
    }
    drop(server);
    output.note("ended");
    Ok(())
}
