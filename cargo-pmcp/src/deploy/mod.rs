//! `cargo pmcp deploy` and its subcommands: those that are more than a question to the platform have a file each.

mod confirm;
mod destroy;
mod doctor;
mod init;
mod lock;
mod login;
mod main_package;
mod record;
mod run;
mod secrets;
mod test;

use std::path::{Path, PathBuf};

use clap::ValueEnum;

use self::record::{Record, Records};
use crate::cli::{Deploy, DeployCommand};
use crate::config::{self, Config, PATH, TargetType};
use crate::environment;
use crate::failure::{Failure, Result};
use crate::output::Output;
use crate::plan::Plan;
use crate::target::{DEPLOY_IT, Target};

/// Of a rollback that may have been done.
const NOT_TWICE: &str =
    "see with `cargo pmcp deploy status` which version is live: the same command again may go back one further";

/// A folder with a `.pmcp/deploy.toml`.
#[derive(Clone)]
pub(crate) struct Project {
    pub(crate) root: PathBuf,
    pub(crate) config: Config,
}

impl Project {
    /// `target` stands for what the file says.
    fn load(folder: &Path, target: Option<TargetType>) -> Result<Self> {
        Ok(Self { root: folder.to_path_buf(), config: Config::load(folder, target)? })
    }

    fn target(&self) -> &'static dyn Target {
        self.config.target.target_type.target()
    }

    /// The same with what only the platform knows of its place, and the account that this is.
    fn located(&self) -> Result<(Self, Option<String>)> {
        let mut config = self.config.clone();
        let account = self.target().account(&mut config)?;
        Ok((Self { root: self.root.clone(), config }, account))
    }
}

/// What is to be known before a command about what is deployed.
struct Known {
    note: String,
    /// What to do where nothing is deployed, if that is not to deploy.
    advice: Option<String>,
}

/// That another deployment exists than the one that a command is about, or that its last has not come to its end.
fn known(project: &Project) -> Result<Option<Known>> {
    let (now, records) = (Record::new(project)?, Records::load(&project.root)?);
    let both = "or have both: `cargo pmcp deploy --beside`";
    if let Some(before) = records.other_than(&now) {
        let note = latter(before, &now);
        return Ok(Some(Known { note, advice: Some(format!("{}, {both}", before.put_back(&now, PATH))) }));
    }
    let now = match meant(project, &records) {
        Ok((_, now)) => now,
        Err(failure @ Failure::Interrupted { .. }) => return Err(failure),
        // Whoever may not ask that may have a right to the rest.
        Err(_) => now,
    };
    if let Some(note) = records.in_another_account(&now) {
        return Ok(Some(Known { note, advice: Some(format!("log in to that one, {both}")) }));
    }
    let note =
        "a deployment was begun and has not ended; if none is under way, run `cargo pmcp deploy` again, or `destroy`";
    Ok(records.is_begun(&now).then(|| Known { note: note.into(), advice: None }))
}

/// That a command is about `now`, and not about what is deployed.
fn latter(before: &Record, now: &Record) -> String {
    format!("{}: this is the latter", before.differs(now))
}

/// What a command is about: with its account, where that is what tells it from another.
fn meant(project: &Project, records: &Records) -> Result<(Project, Record)> {
    let now = Record::new(project)?;
    if !records.knows_accounts(&now) {
        return Ok((project.clone(), now));
    }
    let (project, account) = project.located()?;
    Ok((project, now.of(account)))
}

/// Locks the project for a change of what is deployed, and says if nothing here says that this is the project's.
fn lock_for_change(project: &Project, output: Output) -> Result {
    lock::lock(&project.root)?;
    match anothers(project) {
        Ok(note) => note.into_iter().for_each(|note| output.note(format_args!("note: {note}"))),
        Err(failure @ Failure::Interrupted { .. }) => return Err(failure),
        // Whoever may not look may have a right to the change all the same.
        Err(_) => {}
    }
    Ok(())
}

/// That a server is there which nothing here says is this project's.
fn anothers(project: &Project) -> Result<Option<String>> {
    let records = Records::load(&project.root)?;
    let (project, now) = meant(project, &records)?;
    let is_anothers = !records.is_known(&now) && project.target().is_deployed(&project.config)?;
    Ok(is_anothers.then(|| not_known(&project)))
}

fn not_known(project: &Project) -> String {
    let Project { config, .. } = project;
    format!(
        "{} is deployed in {} already, and .pmcp/deployed.json does not say that it is this project's",
        config.server.name,
        project.target().place(config)
    )
}

/// Runs the subcommand that was typed.
pub(crate) fn run(folder: &Path, deploy: Deploy, output: Output) -> Result {
    environment::check()?;
    let named = deploy.target.and_then(|target| target.to_possible_value());
    run_in(&config::project(folder), deploy, output).map_err(|failure| match named {
        Some(target) => failure.for_target(target.get_name()),
        None => failure,
    })
}

fn run_in(folder: &Path, deploy: Deploy, output: Output) -> Result {
    if deploy.command.is_some() {
        deploy.run.alone()?;
    }
    if let Some(DeployCommand::Init(options)) = deploy.command {
        return init::run(folder, deploy.target, &options, output);
    }
    // A server anywhere needs no project.
    if let Some(DeployCommand::Test(options)) = &deploy.command
        && let Some(url) = &options.url
    {
        return test::run(url.clone(), None, options, output);
    }
    let mut project = match (&deploy.command, deploy.target) {
        // So needs a login: it may be there before the project, and after it.
        (Some(DeployCommand::Login(_) | DeployCommand::Logout), Some(target)) if config::read(folder)?.is_none() => {
            Project { root: folder.to_path_buf(), config: Config::new(target, "server".into()) }
        }
        (_, target) => Project::load(folder, target)?,
    };
    deploy.run.settle(&mut project.config)?;
    let is_about_a_deployment = matches!(
        deploy.command,
        Some(
            DeployCommand::Outputs
                | DeployCommand::Status
                | DeployCommand::Test(_)
                | DeployCommand::Rollback(_)
                | DeployCommand::Logs(_)
        )
    );
    // What is stored elsewhere than the server is, it does not read.
    let is_about_a_place = is_about_a_deployment || matches!(deploy.command, Some(DeployCommand::Secrets { .. }));
    let known = if is_about_a_place { known(&project)? } else { None };
    let known = known.filter(|known| is_about_a_deployment || known.advice.is_some());
    if let Some(Known { note, .. }) = &known {
        output.note(format_args!("note: {note}"));
    }
    let result = match deploy.command {
        None => run::run(&project, &deploy.run, output),
        Some(command) => run_command(&project, command, output),
    };
    let advice = known.and_then(|known| known.advice);
    result.map_err(|failure| advice.iter().fold(failure, |failure, advice| failure.advising(DEPLOY_IT, advice)))
}

fn run_command(project: &Project, command: DeployCommand, output: Output) -> Result {
    let (config, target) = (&project.config, project.target());
    match command {
        DeployCommand::Init(_) => Ok(()),
        DeployCommand::Login(options) => login::run(target, config, &options, output),
        DeployCommand::Logout => output.result(&target.logout(config)?),
        DeployCommand::Outputs => output.result(&target.outputs(config)?),
        DeployCommand::Status => output.result(&target.status(config)?),
        DeployCommand::Rollback(options) => {
            let done = !options.dry_run;
            if done {
                lock_for_change(project, output)?;
            }
            let plan = target.rollback(config, &options).map_err(|failure| failure.when_interrupted(NOT_TWICE))?;
            let printed = output.result(&Plan { done, ..plan });
            printed.map_err(|failure| if done { failure.after("another version is live") } else { failure })
        }
        DeployCommand::Test(options) => test::run(target.url(config)?, target.token_advice(config), &options, output),
        DeployCommand::Logs(options) => target.logs(config, &options, output),
        DeployCommand::Secrets { command } => secrets::run(project, target, &command, output),
        DeployCommand::Destroy(options) => destroy::run(project, &options, output),
        DeployCommand::Doctor => doctor::run(project, output),
    }
}
