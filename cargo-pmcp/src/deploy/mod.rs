//! `cargo pmcp deploy` and its subcommands, one file each.

mod destroy;
mod doctor;
mod init;
mod lock;
mod record;
mod run;

use std::path::{Path, PathBuf};

use crate::cli::{Deploy, DeployCommand};
use crate::config::Config;
use crate::failure::Result;
use crate::output::Output;

/// A folder with a `.pmcp/deploy.toml`.
pub(crate) struct Project {
    pub(crate) root: PathBuf,
    pub(crate) config: Config,
}

impl Project {
    fn load(folder: &Path) -> Result<Self> {
        Ok(Self { root: folder.to_path_buf(), config: Config::load(folder)? })
    }
}

/// Runs the subcommand that was typed.
pub(crate) fn run(folder: &Path, deploy: Deploy, output: Output) -> Result {
    let Some(command) = deploy.command else {
        return run::run(&Project::load(folder)?, &deploy.run, output);
    };
    if let DeployCommand::Init(options) = command {
        return init::run(folder, &options, output);
    }
    let project = Project::load(folder)?;
    let config = &project.config;
    let target = config.target.target_type.target();
    match command {
        DeployCommand::Init(_) => Ok(()),
        DeployCommand::Outputs => output.result(&target.outputs(config)?),
        DeployCommand::Status => output.result(&target.status(config)?),
        DeployCommand::Rollback(options) => {
            let _only_one = lock::lock(&project.root)?;
            output.result(&target.rollback(config, &options)?)
        }
        DeployCommand::Logs(options) => target.logs(config, &options, output),
        DeployCommand::Destroy(options) => destroy::run(&project, &options, output),
        DeployCommand::Doctor => doctor::run(&project, output),
    }
}
