//! The server as a Worker: `wrangler dev`, with databases and buckets of this machine.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::{ClientSetup, check_free};
use crate::cli::Dev;
use crate::config::{Config, PATH, TargetType};
use crate::deploy::Project;
use crate::exec::{HttpClient, Interrupt, Request, Response, WRANGLER};
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
    check_free(port)?;
    let name = config.server.name.clone();
    let mut project = Project { root: folder.to_path_buf(), config };
    WRANGLER.call([""; 0])?;
    let watched: Vec<_> = workspace.folders().iter().map(|folder| folder.join("src")).collect();
    let dev = ForDev::prepare(&project, &watched)?;
    let mut said = Vec::new();
    note_missing(&dev, &project.config, &mut said, output);
    let path = dev.path.to_string_lossy();
    let wrangler =
        |arguments: &[&str]| WRANGLER.call(arguments.iter().copied()).map(|call| quiet(call).folder(&dev.folder));
    for binding in &dev.databases {
        let arguments = ["d1", "migrations", "apply", binding, "--local", "--config", &path];
        wrangler(&arguments)?.run("mend the migration that it names")?;
    }
    let interrupt = Interrupt::catch()?;
    let sources = dev.sources(&project.root);
    let mut written = times(&sources);
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
            output.note("built and started anew whenever its source or its settings change; Ctrl-C ends it");
            told = true;
        }
        let now = times(&sources);
        if now != written {
            written = now;
            match again(&dev, &mut project, &watched) {
                Ok(()) => output.note("the settings have changed, and wrangler reads them again"),
                Err(failure) => output.note(format_args!("{failure}\nuntil then, what it said before is good")),
            }
            note_missing(&dev, &project.config, &mut said, output);
        }
    }
    drop(server);
    output.note("ended");
    Ok(())
}

/// When each of them was written.
fn times(files: &[PathBuf]) -> Vec<Option<SystemTime>> {
    files.iter().map(|file| file.metadata().and_then(|found| found.modified()).ok()).collect()
}

/// Tells wrangler what the files say by now.
fn again(dev: &ForDev, project: &mut Project, watched: &[PathBuf]) -> Result {
    // Where there is no deploy.toml, nothing it said has changed.
    if project.root.join(PATH).exists() {
        project.config = Config::load(&project.root, Some(TargetType::CloudflareWorkers))?;
    }
    dev.update(project, watched)
}

/// Says once of each secret that it is not here.
fn note_missing(dev: &ForDev, config: &Config, said: &mut Vec<String>, output: Output) {
    let (missing, file) = dev.missing_secrets(config);
    for key in missing {
        if !said.iter().any(|said| said == key) {
            output.note(format_args!(
                "note: {key} is under [secrets] in .pmcp/deploy.toml, and not set here: write {key}=value into {}, if the \
                 server reads it",
                file.display()
            ));
            said.push(key.to_owned());
        }
    }
}
