//! `cargo pmcp deploy init`: writes deploy.toml and the files of its target, and nothing over what the user changed.

use std::io::{self, BufRead, IsTerminal, Write};
use std::path::Path;

use clap::ValueEnum;

use crate::cli::Init;
use crate::config::{Config, PATH, TargetType, check_name, is_region};
use crate::failure::{Failure, Result};
use crate::files::Written;
use crate::output::Output;

pub(super) fn run(folder: &Path, target: Option<TargetType>, options: &Init, output: Output) -> Result {
    // What is there already decides, so that running it again changes nothing.
    let before = if folder.join(PATH).exists() { Some(Config::load(folder)?) } else { None };
    let target = match (target, &before) {
        (Some(target), _) => target,
        (None, Some(config)) => config.target.target_type,
        (None, None) => ask(&mut io::stdin().lock(), io::stdin().is_terminal() && io::stderr().is_terminal())?,
    };
    let known = before.as_ref();
    let target = target.target()?;
    let name = match (&options.name, known) {
        (Some(name), _) => name.clone(),
        (None, Some(config)) => config.server.name.clone(),
        (None, None) => folder_name(folder)?,
    };
    check_name(&name).map_err(|what| {
        Failure::refused(format!("`{name}` cannot be the server's name: {what}"), "give another with --name")
    })?;
    let region = match (&options.region, known) {
        (Some(region), _) => region.clone(),
        (None, Some(config)) => config.aws.region.clone(),
        (None, None) => "us-east-1".into(),
    };
    if !is_region(&region) {
        return Err(Failure::refused(format!("`{region}` is no region"), "they look like this: --region eu-central-1"));
    }
    if let Some(config) = known.filter(|config| config.server.name != name || config.aws.region != region) {
        return Err(Failure::refused(
            format!("{PATH} is there already, and says {} in {}", config.server.name, config.aws.region),
            "change `name` under [server] or `region` under [aws] there, or leave out --name and --region",
        ));
    }
    let files = target.files(&name, &region);
    if options.dry_run {
        return output.result(&Written::compare(folder, &files)?.into_plan());
    }
    output.result(&Written::write(folder, &files)?)
}

/// The name of the folder, which is usually the server's.
fn folder_name(folder: &Path) -> Result<String> {
    let folder = folder.canonicalize().map_err(Failure::file("finding", folder))?;
    Ok(folder.file_name().unwrap_or_default().to_string_lossy().into_owned())
}

/// The questions that decide, as long as somebody is there to answer.
fn ask(input: &mut impl BufRead, is_terminal: bool) -> Result<TargetType> {
    let targets: Vec<String> = TargetType::value_variants()
        .iter()
        .filter(|target| target.target().is_ok())
        .filter_map(|target| Some(format!("--target {}", target.to_possible_value()?.get_name())))
        .collect();
    let targets = targets.join(", or ");
    if !is_terminal {
        return Err(Failure::refused("no target was given, and there is nobody to ask", format!("add {targets}")));
    }
    let elsewhere = |platform: &str| {
        Failure::refused(
            format!("{platform} fits that best, and this version cannot deploy to it"),
            format!("wait for it, or choose from what there is: {targets}"),
        )
    };
    if yes(input, "Must it answer from close to its users, everywhere on earth?")? {
        return Err(elsewhere("Cloudflare Workers"));
    }
    if yes(input, "Is what it works with on AWS?")? {
        return Ok(TargetType::AwsLambda);
    }
    if yes(input, "Is what it works with on Google Cloud?")? {
        return Err(elsewhere("Google Cloud Run"));
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
        let refused = answered("n\nn\ny\n").expect_err("comes later");
        assert_eq!(
            refused,
            "Google Cloud Run fits that best, and this version cannot deploy to it\n\
             wait for it, or choose from what there is: --target aws-lambda"
        );
        assert!(answered("Y\n").expect_err("comes later").starts_with("Cloudflare Workers fits that best"));
    }

    #[test]
    fn nobody_is_asked_where_nobody_is() {
        let refused = ask(&mut "y\n".as_bytes(), false).expect_err("there is nobody").to_string();
        assert_eq!(refused, "no target was given, and there is nobody to ask\nadd --target aws-lambda");
    }
}
