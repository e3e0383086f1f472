//! `cargo pmcp deploy init`: writes deploy.toml and the files of its target, and nothing over what the user changed.

use std::io::{self, BufRead, IsTerminal, Write};
use std::path::Path;

use clap::ValueEnum;

use super::Project;
use super::main_package::MainPackage;
use super::record::Records;
use crate::cli::Init;
use crate::config::{self, Config, PATH, TargetType, check_name};
use crate::failure::{Failure, Result};
use crate::files::{Changed, NewFile, Written, write_whole};
use crate::output::Output;
use crate::toml_text::{append, has, insert_string, replace_string, string_at};
use crate::workspace::no_server;

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
    if known.is_none() {
        platform.set_up(&mut config);
    }
    platform.settle(&mut config, options)?;
    let is_elsewhere = known.as_ref().is_some_and(|known| platform.place(known) != platform.place(&config));
    let filled = match (&text, &known) {
        (Some(text), Some(known)) => {
            let refused = |section: &str| {
                Failure::refused(
                    format!("{PATH} is there already, and says {} in {}", known.server.name, platform.place(known)),
                    format!("change that under [{section}] in the file, or leave out what says otherwise here"),
                )
            };
            if known.server.name != name {
                return Err(refused("server"));
            }
            // Without a section of the target nobody has said where yet.
            match has(text, &[target.section()]) {
                true => fill(folder, text, known, options)?.ok_or_else(|| refused(target.section()))?,
                false => (text.clone(), Vec::new()),
            }
        }
        _ => Default::default(),
    };
    if !folder.join("Cargo.toml").exists() {
        return Err(no_server(folder));
    }
    let project = Project { root: folder.to_path_buf(), config };
    let mut files = platform.files(&project);
    let moved = match (&text, &before) {
        (Some(text), Some(before)) => moved(text, filled, before.target.target_type, target, &files, is_elsewhere)?,
        _ => None,
    };
    if moved.is_some() {
        files.retain(|file| file.path != PATH);
    }
    let mut main = MainPackage::find(folder, platform.platform())?;
    if let Some(note) = &main.note {
        output.note(format_args!("note: {note}"));
    }
    main.files.retain(|new| files.iter().all(|file| file.path != new.path));
    files.append(&mut main.files);
    let note = moved.as_ref().and_then(|_| platform.moving_note(&project.config));
    let changed = moved.iter().map(|(_, changed)| changed.clone()).chain(main.changed());
    let mut written = Written::compare(folder, &files)?;
    written.check(folder)?;
    written.changed.extend(changed);
    if options.dry_run {
        let mut plan = written.into_plan();
        plan.warnings.extend(note);
        return output.result(&plan);
    }
    Written::write(folder, &files)?;
    main.enlist(folder)?;
    if let Some((text, _)) = &moved {
        write_whole(&folder.join(PATH), text)?;
    }
    output.result(&written)?;
    if let Some(note) = note {
        output.note(format_args!("note: {note}"));
    }
    output.note("next: `cargo pmcp deploy doctor` says what is missing, `cargo pmcp deploy` deploys");
    Ok(())
}

/// The text of deploy.toml with the place that was told where it says none yet, and what was changed; `None` if it says
/// another. What nobody has touched since it was written, and nothing is deployed by, says nothing for good.
fn fill(folder: &Path, text: &str, known: &Config, options: &Init) -> Result<Option<(String, Vec<String>)>> {
    let (target, section) = (known.target.target_type, known.target.target_type.section());
    let project = Project { root: folder.to_path_buf(), config: known.clone() };
    let written = target.target().files(&project);
    let is_as_written = written.iter().any(|file| file.path == PATH && file.content == text);
    let is_open = is_as_written && !Records::load(folder)?.is_on(target);
    let (mut filled, mut what) = (text.to_owned(), Vec::new());
    for (key, value) in options.place() {
        let new = match string_at(&filled, &[section, key]) {
            Some(found) if found == value => continue,
            Some(_) if is_open => replace_string(&filled, &[section, key], value),
            Some(_) => return Ok(None),
            None => insert_string(&filled, section, key, value),
        };
        let Some(new) = new else { return Ok(None) };
        filled = new;
        what.push(format!("{key} is {value}"));
    }
    Ok(Some((filled, what)))
}

/// The text of deploy.toml for another target, or another place: the value of `target_type` is changed, and the target's
/// section is added where there is none. `None` if it is all there.
fn moved(
    text: &str,
    (mut moved, mut what): (String, Vec<String>),
    before: TargetType,
    target: TargetType,
    files: &[NewFile],
    is_elsewhere: bool,
) -> Result<Option<(String, Changed)>> {
    if before != target {
        let value = target.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default();
        moved = replace_string(&moved, &["target", "target_type"], &value).ok_or_else(|| {
            Failure::refused(
                format!("the target cannot be changed in {PATH}"),
                format!("write it: target_type = \"{value}\""),
            )
        })?;
        what.push(format!("target_type is {value}"));
    }
    let section = target.section();
    if (before != target || is_elsewhere) && !has(text, &[section]) {
        let whole = files.iter().find(|file| file.path == PATH).map(|file| file.content.as_str());
        moved = append(&moved, lines(whole.unwrap_or_default(), section));
        what.push(format!("[{section}] is at its end"));
    }
    let what = format!("{}; nothing else was touched", what.join(", "));
    Ok((moved != text).then(|| (moved, Changed { path: PATH.into(), what })))
}

/// A section of a deploy.toml as it is written for a new project, with what is only hinted at there.
fn lines<'a>(whole: &'a str, section: &str) -> &'a str {
    let begin = whole.find(&format!("\n[{section}]\n")).map_or(whole.len(), |before| before + 1);
    let rest = whole.get(begin..).unwrap_or_default();
    // What all targets have, they have already.
    let end = rest.find("\n\n# Not for secrets").map_or(rest.len(), |before| before + 1);
    rest.get(..end).unwrap_or_default()
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
    if yes(input, "May pmcp.run run it for you, with no account in a cloud? (It is in early access.)")? {
        return Ok(TargetType::PmcpRun);
    }
    let said = writeln!(io::stderr(), "then AWS Lambda is taken; --target takes another");
    said.map_err(Failure::file("writing", "the terminal"))?;
    Ok(TargetType::AwsLambda)
}

fn yes(input: &mut impl BufRead, question: &str) -> Result<bool> {
    loop {
        let mut err = io::stderr().lock();
        write!(err, "{question} [y/N] ")
            .and_then(|()| err.flush())
            .map_err(Failure::file("writing", "the terminal"))?;
        let mut answer = String::new();
        input.read_line(&mut answer).map_err(Failure::file("reading", "the terminal"))?;
        match answer.trim().to_ascii_lowercase().as_str() {
            "y" | "yes" => return Ok(true),
            "" | "n" | "no" => return Ok(false),
            // Whatever it means, it is asked again.
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(answers: &str) -> Result<TargetType, String> {
        ask(&mut answers.as_bytes(), true).map_err(|failure| failure.to_string())
    }

    #[test]
    fn questions_decide() {
        assert_eq!(answered("n\nyes\n"), Ok(TargetType::AwsLambda));
        assert_eq!(answered("\n\n\n\n"), Ok(TargetType::AwsLambda));
        assert_eq!(answered("n\nn\nn\ny\n"), Ok(TargetType::PmcpRun));
        assert_eq!(answered("n\nn\ny\n"), Ok(TargetType::GoogleCloudRun));
        assert_eq!(answered("Y\n"), Ok(TargetType::CloudflareWorkers));
        assert_eq!(answered("maybe\ny\n"), Ok(TargetType::CloudflareWorkers));
    }

    #[test]
    fn every_target_has_a_section_to_be_moved_with() {
        for target in TargetType::value_variants() {
            let config = Config::new(*target, "crm".into());
            let files = target.target().files(&Project { root: "/nowhere".into(), config });
            let before = TargetType::value_variants().iter().find(|other| *other != target).expect("another");
            let text =
                "target = { target_type = \"aws-lambda\" }\nserver = { name = \"crm\" }\n[environment]\nMOOD = \"b\"";
            let (moved, _) = moved(text, (text.into(), Vec::new()), *before, *target, &files, false)
                .expect("is moved")
                .expect("differs");
            let section = target.section();
            assert!(moved.contains(&format!("MOOD = \"b\"\n\n[{section}]\n")), "{moved}");
            assert!(!moved.contains("secrets set") && moved.ends_with('\n') && !moved.ends_with("\n\n"), "{moved}");
            assert_eq!(Config::parse(&moved, None).expect("is right").target.target_type, *target);
        }
    }

    #[test]
    fn nobody_is_asked_where_nobody_is() {
        let refused = ask(&mut "y\n".as_bytes(), false).expect_err("there is nobody").to_string();
        let words = "no target was given, and there is nobody to ask\nadd --target aws-lambda, or --target ";
        assert!(refused.starts_with(words), "{refused}");
    }
}
