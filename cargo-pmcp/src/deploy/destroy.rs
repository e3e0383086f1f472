//! `cargo pmcp deploy destroy`: removes what was deployed, and nothing that it did not make.

use std::fs;
use std::io::{self, BufRead, IsTerminal, Write};
use std::path::Path;

use super::record::{Record, Records};
use super::{Project, lock, renamed};
use crate::cli::Destroy;
use crate::failure::{Failure, Result};
use crate::files::Written;
use crate::output::Output;
use crate::plan::{Action, Plan};

pub(super) fn run(project: &Project, options: &Destroy, output: Output) -> Result {
    let Project { root, config } = project;
    let target = project.target();
    let mut removal = target.removal(project, options.clean)?;
    let mut files = Written::compare(root, &target.files(project))?;
    let mut plan = Plan::new();
    plan.warnings.extend(renamed(project)?);
    let (name, place) = (&config.server.name, target.place(config));
    let record = Record::new(project)?;
    let mut records = Records::load(root)?;
    let others_stay = records.remove(&record);
    if removal.deployed {
        plan.step(Action::Remove, format!("{name} in {place}, with its URL and all its versions"));
    }
    for thing in &removal.outliving {
        let what = format!("the {} {}", thing.kind, thing.name);
        if options.clean {
            plan.step(Action::Remove, what);
        } else {
            plan.detailed(Action::Leave, what, "--clean removes it");
        }
    }
    let mut made: Vec<&str> = target.made().iter().copied().chain([".pmcp/build"]).collect();
    if others_stay {
        // What all targets have in common.
        let is_shared = |path: &str| path.starts_with(".pmcp/");
        made.retain(|path| !is_shared(path));
        files.unchanged.retain(|path| !is_shared(path));
        files.left_alone.retain(|path| !is_shared(path));
    }
    if options.clean {
        let there = made.iter().copied().filter(|path| root.join(path).exists());
        for path in there.chain(files.unchanged.iter().map(String::as_str)) {
            plan.step(Action::Remove, path);
        }
        for path in &files.left_alone {
            plan.detailed(Action::Leave, path, "was changed by you");
        }
    }
    if options.dry_run {
        return output.result(&plan);
    }
    let there_is_more = plan.steps.iter().any(|step| matches!(step.action, Action::Remove));
    if !there_is_more {
        output.note(format_args!("{name} is not deployed in {place}"));
        return output.result(&plan);
    }
    if !options.yes {
        confirm(&plan, name)?;
    }
    let held = lock::lock(root)?;
    if !options.clean {
        removal.outliving.clear();
    }
    target.destroy(project, &removal, output)?;
    // Read again: another target may have been deployed meanwhile, before the lock.
    let mut records = Records::load(root)?;
    records.remove(&record);
    records.save(root)?;
    if options.clean {
        drop(held);
        clean(root, &made, &files.unchanged)?;
    }
    output.result(&plan)
}

fn confirm(plan: &Plan, name: &str) -> Result {
    if !(io::stdin().is_terminal() && io::stderr().is_terminal()) {
        return Err(Failure::refused(
            "nothing was removed: there is nobody to ask",
            "look at what --dry-run prints, and add --yes",
        ));
    }
    let mut err = io::stderr().lock();
    let shown = write!(err, "{plan}\nType the server's name to go on: ").and_then(|()| err.flush());
    shown.map_err(Failure::file("writing", "the terminal"))?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer).map_err(Failure::file("reading", "the terminal"))?;
    match answer.trim() == name {
        true => Ok(()),
        false => Err(Failure::refused("nothing was removed: that is not its name", format!("it is called {name}"))),
    }
}

/// Removes the files that are as they were written, and the folders that are then empty.
fn clean(root: &Path, made: &[&str], files: &[String]) -> Result {
    for path in made {
        let path = root.join(path);
        let removed = match path.symlink_metadata() {
            Ok(found) if found.is_dir() => fs::remove_dir_all(&path),
            Ok(_) => fs::remove_file(&path),
            Err(_) => continue,
        };
        removed.map_err(Failure::file("removing", path))?;
    }
    let lock = ".pmcp/lock".to_owned();
    for path in files.iter().chain([&lock]) {
        let path = root.join(path);
        match fs::remove_file(&path) {
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
