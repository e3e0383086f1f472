//! `cargo pmcp deploy`: builds and deploys what is there.

use super::confirm::{confirm, is_anybody_there};
use super::record::{PATH, Record, Records};
use super::{Project, lock, not_known};
use crate::cli::DeployRun;
use crate::config::{Config, TargetType};
use crate::failure::{Failure, Result};
use crate::output::Output;
use crate::target::UNCHANGED;

/// What nobody is to get by mistake.
const SECOND: &str = "that would be a second server, with a URL of its own";

const UNDONE: &str = "nothing was deployed";

pub(super) fn run(project: &Project, options: &DeployRun, output: Output) -> Result {
    let root = &project.root;
    let target = project.target();
    let record = Record::new(project)?;
    let plan = target.plan(project)?;
    if options.dry_run {
        let records = Records::load(root)?;
        let mut plan = plan;
        plan.warnings.extend(second(&records, &record, options.beside)?);
        plan.warnings.push(unasked(&project.config, records.is_known(&record)));
        return output.result(&plan);
    }
    lock::lock(root)?;
    // Not before the lock: until then another run may deploy something.
    let mut records = Records::load(root)?;
    second(&records, &record, options.beside)?;
    for warning in &plan.warnings {
        output.note(format_args!("note: {warning}"));
    }
    let unchanged = |failure: Failure| failure.when_interrupted(UNCHANGED);
    let (project, account) = project.located().map_err(unchanged)?;
    let record = record.of(account);
    if let Some(what) = records.in_another_account(&record).filter(|_| !options.beside) {
        let advice = "log in to that one, or destroy that one first, or add --beside to have both";
        return Err(Failure::refused(format!("{what}: {SECOND}"), advice));
    }
    if !records.is_known(&record) {
        replace(&project, options.yes, output)?;
    }
    if let Some(what) = target.loses_url(&project.config).map_err(unchanged)? {
        if options.yes {
            output.note(format_args!("note: {what}"));
        } else if is_anybody_there() {
            confirm(what, &project.config.server.name, UNDONE)?;
        } else {
            return Err(Failure::refused(what, "put back what it said, or add --yes"));
        }
    }
    // Before anything is made: what ends here, ends with a record of it.
    let is_new = records.begin(&record);
    if is_new {
        records.save(root)?;
    }
    let outputs = match target.deploy(&project, output) {
        Ok(outputs) => outputs,
        Err(failure) => {
            if is_new && is_nothing(&project, &failure) {
                records.remove(&record);
                return Err(match records.save(root) {
                    Ok(()) => failure,
                    Err(unsaved) => failure.adding(&format!("{PATH} says that it was begun all the same: {unsaved}")),
                });
            }
            return Err(failure);
        }
    };
    records.put(record);
    records.save(root).map_err(|failure| failure.after(format!("{} is deployed", project.config.server.name)))?;
    output.result(&outputs).map_err(|failure| {
        let what = format!("{} is deployed, but {failure}", project.config.server.name);
        Failure::failed(what, "see where it is with `cargo pmcp deploy outputs`")
    })?;
    let memory = target.memory().filter(|path| root.join(path).exists());
    let memory = memory.map(|path| format!(" and {path}")).unwrap_or_default();
    output.note(format_args!("next: `cargo pmcp deploy test` talks to it; keep {PATH}{memory} under version control"));
    Ok(())
}

/// That this would be a second server, which it is to be `beside` the other or not at all.
fn second(records: &Records, now: &Record, beside: bool) -> Result<Option<String>> {
    let Some(before) = records.other_than(now) else { return Ok(None) };
    let what = format!("{}: {SECOND}", before.differs(now));
    if beside {
        return Ok(Some(what));
    }
    let advice = format!("{}, or destroy that one first, or add --beside to have both", before.put_back(now, "it"));
    Err(Failure::refused(what, advice))
}

/// Asks before a server is replaced that nothing here says is this project's. Whoever cannot look at the platform begins
/// nothing there, and need not remember it.
fn replace(project: &Project, is_meant: bool, output: Output) -> Result {
    let (config, target) = (&project.config, project.target());
    let is_there = target.is_deployed(config).map_err(|failure| failure.when_interrupted(UNCHANGED))?;
    if !is_there {
        return Ok(());
    }
    let name = &config.server.name;
    let what = not_known(project);
    if is_meant {
        output.note(format_args!("note: {what}"));
        return Ok(());
    }
    if !is_anybody_there() {
        let advice = "if it is, add --yes, and keep that file under version control; else choose another `name` under \
                      [server] in .pmcp/deploy.toml";
        return Err(Failure::refused(what, advice));
    }
    confirm(format_args!("{what}; deploying replaces it"), name, UNDONE)
}

/// Whether a deployment that failed has left nothing behind: but for one that was interrupted before it made anything, only
/// the platform knows, if it can be asked.
fn is_nothing(project: &Project, failure: &Failure) -> bool {
    match failure {
        Failure::Interrupted { is_in_vain, .. } => *is_in_vain,
        Failure::After { .. } => false,
        _ => project.target().status(&project.config).is_ok_and(|status| status.state.is_none()),
    }
}

/// What a plan does not look at, as it asks nobody.
fn unasked(config: &Config, is_known: bool) -> String {
    let platform = config.target.target_type.title();
    let secrets = match config.secrets.is_empty() {
        true => "",
        false => "; secrets without a value are refused only then: see `cargo pmcp deploy secrets list`",
    };
    let name = &config.server.name;
    let replaced = match is_known {
        true if config.target.target_type == TargetType::AwsLambda => {
            "; if another `front` takes the URL away that clients know, you are asked only then".to_owned()
        }
        true => String::new(),
        false => format!("; a {name} that is there is replaced only if you say so then, or with --yes"),
    };
    format!("{platform} was not asked: what is not there yet is made{replaced}{secrets}")
}
