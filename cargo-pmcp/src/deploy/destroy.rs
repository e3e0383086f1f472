//! `cargo pmcp deploy destroy`: removes what was deployed, and nothing that it did not make.

use std::fs;
use std::io;
use std::path::Path;

use super::confirm::{confirm, is_anybody_there};
use super::record::{self, Record, Records};
use super::{Project, latter, lock, not_known};
use crate::cli::Destroy;
use crate::config::TargetType;
use crate::exec::hear_interrupts;
use crate::failure::{Failure, Result};
use crate::files::{Written, within};
use crate::output::Output;
use crate::plan::{Action, Plan};
use crate::target::{Removal, Traces};

pub(super) fn run(project: &Project, options: &Destroy, output: Output) -> Result {
    let target = project.target();
    let record = Record::new(project)?;
    let renamed = Records::load(&project.root)?.other_than(&record).map(|before| latter(before, &record));
    if !options.dry_run {
        // Before it is looked: what a run that was killed has begun may still come to its end.
        lock::lock_to_look(&project.root)?;
    }
    // As `init` wrote them, which had not asked whose account this is.
    let written = target.files(project);
    let (project, account) = project.located()?;
    let Project { root, config } = &project;
    let record = record.of(account);
    let what = format!("look for what there is of {} in {}", config.server.name, target.place(config));
    let mut removal = output.wait(what, || target.removal(&project, options.clean))?;
    let mut files = Written::compare(root, &written)?;
    let mut plan = Plan::new();
    plan.warnings.extend(renamed);
    let (name, place) = (&config.server.name, target.place(config));
    let mut records = Records::load(root)?;
    if !removal.deployed
        && let Some(what) = records.in_another_account(&record)
    {
        return Err(Failure::refused(
            format!("{what}, which has none"),
            "log in to that one; if nothing is left of the server there, take it out of .pmcp/deployed.json",
        ));
    }
    let is_recorded = records.remove(&record);
    // Where nothing was deployed, less may be there.
    let is_server = removal.deployed && (is_recorded || target.is_deployed(config)?);
    let is_anothers = is_server && !is_recorded;
    if removal.deployed {
        plan.warnings.extend(is_anothers.then(|| not_known(&project)));
        let what = match is_server {
            true => format!("{name} in {place}, with its URL and all its versions"),
            false => format!("what there is of {name} in {place}"),
        };
        plan.step(Action::Remove, what);
        if let (Some(step), Some(along)) = (plan.steps.last_mut(), &removal.along) {
            step.detail = Some(format!("and {along}"));
        }
    }
    for thing in &removal.outliving {
        let what = format!("the {} {}", thing.kind, thing.name);
        if options.clean {
            plan.step(Action::Remove, what);
        } else {
            plan.detailed(Action::Leave, what, "--clean removes it");
        }
    }
    let Traces { mut made, mut kept } = target.traces(&project);
    made.push(".pmcp/build".into());
    let is_of_others = |path: &&String| is_needed(&records, config.target.target_type, path);
    let shared = made.iter().chain(&files.unchanged).chain(&files.left_alone).filter(is_of_others);
    kept.extend(shared.map(|path| (path.clone(), "is there for what is deployed elsewhere, too")));
    let mut removed: Vec<String> = made.iter().chain(&files.unchanged).cloned().collect();
    for list in [&mut removed, &mut files.left_alone] {
        list.retain(|path| kept.iter().all(|(kept, _)| kept != path));
    }
    if options.clean {
        removed.iter().try_for_each(|path| within(root, path))?;
        let is_there = |path: &str| root.join(path).exists();
        for path in removed.iter().filter(|path| is_there(path)) {
            plan.step(Action::Remove, path);
        }
        let changed = files.left_alone.iter().map(|path| (path, "was changed by you"));
        let kept = kept.iter().map(|(path, why)| (path, *why)).filter(|(path, _)| is_there(path));
        for (path, why) in kept.chain(changed) {
            plan.detailed(Action::Leave, path, why);
        }
    }
    let there_is_more = plan.steps.iter().any(|step| matches!(step.action, Action::Remove));
    if !there_is_more {
        output.note(format_args!("{name} is not deployed in {place}"));
    }
    if is_recorded && records.is_empty() && options.clean {
        plan.step(Action::Remove, record::PATH);
    }
    if options.dry_run || !(there_is_more || is_recorded) {
        return output.result(&plan);
    }
    // What cannot be taken back: whoever adds --yes need not have seen whose it is.
    if is_anothers && options.yes && !options.unrecorded {
        let advice = "nothing was removed: if it is, put that file back from version control, or add --unrecorded";
        return Err(Failure::refused(not_known(&project), advice));
    }
    if there_is_more && !options.yes {
        if !is_anybody_there() {
            let advice = "look at what --dry-run prints, and add --yes";
            return Err(Failure::refused("nothing was removed: there is nobody to ask", advice));
        }
        confirm(&plan, name, "nothing was removed")?;
    }
    hear_interrupts()?;
    if !options.clean {
        removal.outliving.clear();
    }
    if let Err(failure) = target.destroy(&project, &removal, output) {
        return Err(half_way(&project, options.clean, failure));
    }
    let forgotten = records.save(root).and_then(|()| match options.clean {
        true => {
            // Last, and while it is held: whoever comes next makes another.
            removed.extend(records.is_empty().then(|| ".pmcp/lock".to_owned()));
            clean(root, &removed)
        }
        false => Ok(()),
    });
    let gone = |failure: Failure| failure.after(format!("what there was of {name} in {place} is removed"));
    forgotten.map_err(gone)?;
    plan.done = true;
    output.result(&plan).map_err(gone)
}

/// The failure, with what there is still, if the platform can be asked.
fn half_way(project: &Project, clean: bool, failure: Failure) -> Failure {
    if matches!(failure, Failure::Interrupted { .. }) {
        return failure;
    }
    let Ok(Removal { deployed, outliving, .. }) = project.target().removal(project, clean) else { return failure };
    let server = deployed.then(|| project.config.server.name.clone());
    let outliving = outliving.iter().filter(|_| clean).map(|thing| format!("the {} {}", thing.kind, thing.name));
    let left: Vec<String> = server.into_iter().chain(outliving).collect();
    match left.is_empty() {
        true => failure.adding("all was removed by then"),
        false => failure.adding(&format!("there is still {}", left.join(", "))),
    }
}

/// What others need: of the same platform all, of another what all have in common.
fn is_needed(others: &Records, target: TargetType, path: &str) -> bool {
    others.is_on(target) || (!others.is_empty() && path.starts_with(".pmcp/"))
}

/// Removes files and folders, and those above that are then empty.
fn clean(root: &Path, paths: &[String]) -> Result {
    for path in paths {
        let path = root.join(path);
        let removed = match path.symlink_metadata() {
            Ok(found) if found.is_dir() => fs::remove_dir_all(&path),
            Ok(_) => fs::remove_file(&path),
            Err(error) => Err(error),
        };
        match removed {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(Failure::file("removing", path)(error));
            }
            _ => {}
        }
        let mut folder = path.parent();
        // Only an empty folder can be removed this way, and the first that is not ends it.
        while let Some(empty) = folder.filter(|folder| *folder != root && fs::remove_dir(folder).is_ok()) {
            folder = empty.parent();
        }
    }
    Ok(())
}
