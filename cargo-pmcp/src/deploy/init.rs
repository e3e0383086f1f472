//! `cargo pmcp deploy init`: writes deploy.toml and the files of its target, and nothing over what the user changed.

use std::fs;
use std::io::{self, BufRead, IsTerminal, Write};
use std::path::Path;

use clap::ValueEnum;

use super::Project;
use super::main_package::MainPackage;
use crate::cli::Init;
use crate::config::{self, Config, PATH, TargetType, check_name};
use crate::failure::{Failure, Result};
use crate::files::{Changed, Written};
use crate::output::Output;
use crate::toml_text::replace_string;

pub(super) fn run(folder: &Path, target: Option<TargetType>, options: &Init, output: Output) -> Result {
    // What is there already decides, so that running it again changes nothing.
    let text = config::read(folder)?;
    let before = text.as_ref().map(|text| Config::parse(text, None)).transpose()?;
    let target = match (target, &before) {
        (Some(target), _) => target,
        (None, Some(config)) => config.target.target_type,
        (None, None) => ask(&mut io::stdin().lock(), io::stdin().is_terminal() && io::stderr().is_terminal())?,
    };
    let known = text.as_ref().map(|text| Config::parse(text, Some(target))).transpose()?;
    let name = match (&options.name, &known) {
        (Some(name), _) => name.clone(),
        (None, Some(config)) => config.server.name.clone(),
        (None, None) => folder_name(folder)?,
    };
    check_name(&name).map_err(|what| {
        Failure::usage(format!("`{name}` cannot be the server's name: {what}"), "give another with --name")
    })?;
    let platform = target.target();
    let mut config = known.clone().unwrap_or_else(|| Config::new(target, name.clone()));
    platform.settle(&mut config, options)?;
    if let Some(known) = &known {
        let place = platform.place(known);
        if known.server.name != name || platform.place(&config) != place {
            return Err(Failure::refused(
                format!("{PATH} is there already, and says {} in {place}", known.server.name),
                "change that in the file, or leave out what says otherwise here",
            ));
        }
    }
    let moved = match (&text, &before) {
        (Some(text), Some(before)) if before.target.target_type != target => Some(move_to(text, target)?),
        _ => None,
    };
    if !folder.join("Cargo.toml").exists() {
        return Err(Failure::refused(
            format!("{} has no Cargo.toml, so there is no server to deploy", folder.display()),
            "make one with `cargo pmcp new`, or name the folder of its workspace with -C",
        ));
    }
    let project = Project { root: folder.to_path_buf(), config };
    let mut files = platform.files(&project);
    if moved.is_some() {
        files.retain(|file| file.path != PATH);
    }
    let mut main = MainPackage::find(folder, platform.platform())?;
    if let Some(note) = &main.note {
        output.note(format_args!("note: {note}"));
    }
    main.files.retain(|new| files.iter().all(|file| file.path != new.path));
    files.append(&mut main.files);
    let changed = moved.iter().map(|(_, changed)| changed.clone()).chain(main.changed());
    let mut written = Written::compare(folder, &files)?;
    written.changed.extend(changed);
    if options.dry_run {
        return output.result(&written.into_plan());
    }
    Written::write(folder, &files)?;
    main.enlist(folder)?;
    if let Some((text, _)) = &moved {
        let path = folder.join(PATH);
        fs::write(&path, text).map_err(Failure::file("writing", &path))?;
    }
    output.result(&written)
}

/// The text of deploy.toml for another target: nothing but that is changed.
fn move_to(text: &str, target: TargetType) -> Result<(String, Changed)> {
    let value = target.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default();
    let moved = replace_string(text, &["target", "target_type"], &value).ok_or_else(|| {
        Failure::refused(
            format!("the target cannot be changed in {PATH}"),
            format!("write it: target_type = \"{value}\""),
        )
    })?;
    Ok((moved, Changed { path: PATH.into(), what: format!("target_type is {value}; nothing else was touched") }))
}

/// The name of the folder, which is usually the server's.
fn folder_name(folder: &Path) -> Result<String> {
    let folder = folder.canonicalize().map_err(Failure::file("finding", folder))?;
    Ok(folder.file_name().unwrap_or_default().to_string_lossy().into_owned())
}

/// The questions that decide, as long as somebody is there to answer.
fn ask(input: &mut impl BufRead, is_terminal: bool) -> Result<TargetType> {
    if !is_terminal {
        let targets: Vec<String> = TargetType::value_variants()
            .iter()
            .filter_map(|target| Some(format!("--target {}", target.to_possible_value()?.get_name())))
            .collect();
        let targets = targets.join(", or ");
        return Err(Failure::usage("no target was given, and there is nobody to ask", format!("add {targets}")));
    }
    if yes(input, "Must it answer from close to its users, everywhere on earth?")? {
        return Ok(TargetType::CloudflareWorkers);
    }
    if yes(input, "Is what it works with on AWS?")? {
        return Ok(TargetType::AwsLambda);
    }
    if yes(input, "Is what it works with on Google Cloud?")? {
        return Ok(TargetType::GoogleCloudRun);
    }
    Ok(TargetType::AwsLambda)
}

fn yes(input: &mut impl BufRead, question: &str) -> Result<bool> {
    let mut err = io::stderr().lock();
    write!(err, "{question} [y/N] ").and_then(|()| err.flush()).map_err(Failure::file("writing", "the terminal"))?;
    let mut answer = String::new();
    input.read_line(&mut answer).map_err(Failure::file("reading", "the terminal"))?;
    Ok(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(answers: &str) -> Result<TargetType, String> {
        ask(&mut answers.as_bytes(), true).map_err(|failure| failure.to_string())
    }

    #[test]
    fn three_questions_decide() {
        assert_eq!(answered("n\nyes\n"), Ok(TargetType::AwsLambda));
        assert_eq!(answered("\n\n\n"), Ok(TargetType::AwsLambda));
        assert_eq!(answered("n\nn\ny\n"), Ok(TargetType::GoogleCloudRun));
        assert_eq!(answered("Y\n"), Ok(TargetType::CloudflareWorkers));
    }

    #[test]
    fn nobody_is_asked_where_nobody_is() {
        let refused = ask(&mut "y\n".as_bytes(), false).expect_err("there is nobody").to_string();
        let words = "no target was given, and there is nobody to ask\nadd --target aws-lambda, or --target ";
        assert!(refused.starts_with(words), "{refused}");
    }
}
