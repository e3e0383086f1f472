//! `cargo pmcp deploy secrets`: values that the server is given and nobody else reads.

use std::collections::BTreeMap;
use std::env;
use std::ffi::OsString;
use std::fmt;
use std::io::{self, IsTerminal, Read};

use serde::Serialize;

use super::{Project, lock_for_change};
use crate::cli::{DeleteSecret, Secrets, SetSecret};
use crate::config::{Config, STATE_KEYS, TargetType, are_state_keys, check_variable, storing};
use crate::exec::{Hidden, ask_hidden};
use crate::failure::{Failure, Result};
use crate::output::Output;
use crate::plan::{Action, Plan};
use crate::target::{SecretNotes, Target};

pub(super) fn run(project: &Project, target: &dyn Target, command: &Secrets, output: Output) -> Result {
    match command {
        Secrets::Set(options) => set(project, target, options, output),
        Secrets::List => output.result(&List::new(&project.config, target.secrets(&project.config)?)),
        Secrets::Delete(options) => delete(project, target, options, output),
    }
}

#[derive(Serialize)]
struct Stored<'a> {
    key: &'a str,
    /// Whether deploy.toml gives it to the server.
    given: bool,
    #[serde(skip)]
    notes: SecretNotes,
}

impl fmt::Display for Stored<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { key, given, notes } = self;
        let words = if *given { notes.given } else { notes.not_given };
        write!(out, "stored {key}; {}", words.replace("{key}", key))
    }
}

fn set(project: &Project, target: &dyn Target, options: &SetSecret, output: Output) -> Result {
    let config = &project.config;
    let SetSecret { key, value: on_command_line, from_env, dry_run } = options;
    let refused = |what: String, advice: &str| Err(Failure::refused(what, advice));
    without_value(key, on_command_line, "pipe a new one in, type it at the prompt, or use --from-env")?;
    if let Err(what) = check_variable(config.target.target_type, key) {
        let what = format!("`{key}` cannot be the name of a secret: {what}");
        return Err(Failure::usage(what, "choose another name"));
    }
    if config.environment.contains_key(key) {
        let advice = "remove it there: what stands in that file is no secret, and old versions keep it";
        return refused(format!("{key} has a value under [environment] in .pmcp/deploy.toml"), advice);
    }
    if let Some(secret) = config.secrets.get(key).filter(|secret| secret.yours().is_some()) {
        let (how, word) = if secret.arn.is_some() { ("by its ARN", "arn") } else { ("by its name", "entry") };
        return refused(
            format!("{key} is an entry of yours, which .pmcp/deploy.toml names {how}"),
            &format!("change the value there, or take out `{word}` to have one of this server's own"),
        );
    }
    if *dry_run {
        let mut plan = Plan::new();
        plan.step(Action::Change, target.secret_name(config, key));
        return output.result(&plan);
    }
    let value = value(key, from_env.as_deref(), target.longest_secret(), config.target.target_type)?;
    if key == STATE_KEYS && !are_state_keys(&value.0) {
        return Err(Failure::usage(
            format!("no server starts with that: {key} are keys of 32 random bytes in base64 each, by comma"),
            format!("make one: {}", storing(key)),
        ));
    }
    lock_for_change(project, output)?;
    target.set_secret(config, key, value).map_err(|failure| {
        let advice =
            "whether the value was stored is not known: see `cargo pmcp deploy secrets list`, and run this again";
        failure.when_interrupted(advice)
    })?;
    let stored = Stored { key, given: config.secrets.contains_key(key), notes: target.secret_notes() };
    output.result(&stored).map_err(|failure| failure.after(format!("{key} is stored")))
}

/// Refuses the value of a secret where none is wanted, without a word of it. No key looks like the beginning of one.
fn without_value(key: &str, more: &[OsString], instead: &str) -> Result {
    if more.is_empty() && !key.contains('=') && !key.starts_with('-') {
        return Ok(());
    }
    Err(Failure::usage(
        "the value of a secret is on the command line, where others on this machine see it and the shell keeps it",
        format!("take it for known to others, and {instead}"),
    ))
}

/// The value, without the end of its line.
fn value(key: &str, from_env: Option<&str>, longest: usize, target: TargetType) -> Result<Hidden> {
    let refused = |what: String, advice: &str| Err(Failure::usage(what, advice));
    let mut bytes = Vec::new();
    if let Some(name) = from_env {
        let Some(found) = env::var_os(name) else {
            // Not by its name, which may be the value of somebody in a hurry.
            let what = "the variable that --from-env names is not set here";
            return refused(what.into(), "export it, or leave out --from-env");
        };
        bytes = found.into_encoded_bytes();
    } else if io::stdin().is_terminal() {
        let typed = ask_hidden(&format!("the value of {key}"));
        let Hidden(typed) = typed.map_err(|failure| failure.when_interrupted("nothing was stored"))?;
        bytes = typed.into_bytes();
    } else {
        let limit = u64::try_from(longest + 3).unwrap_or(u64::MAX);
        let read = io::stdin().lock().take(limit).read_to_end(&mut bytes);
        read.map_err(Failure::file("reading", "standard input"))?;
    }
    let too_long = || {
        refused(
            format!("the value of {key} is longer than {} KiB", longest >> 10),
            &format!("{} takes no longer one: keep it elsewhere, and store where it is", target.title()),
        )
    };
    // With the end of a line; what is cut off may end within a letter.
    if bytes.len() > longest + 2 {
        return too_long();
    }
    let Ok(mut text) = String::from_utf8(bytes) else {
        return refused(
            format!("the value of {key} is no UTF-8, which a variable must be"),
            "encode it, as base64 does",
        );
    };
    if from_env.is_none() && text.ends_with('\n') {
        text.pop();
        text.truncate(text.trim_end_matches('\r').len());
    }
    if text.is_empty() {
        return refused(format!("the value of {key} is empty"), "pipe it in, type it at the prompt, or use --from-env");
    }
    if text.contains('\0') {
        return refused(
            format!("the value of {key} has a zero byte, which no variable can"),
            "encode it, as base64 does",
        );
    }
    if text.len() > longest {
        return too_long();
    }
    Ok(Hidden(text))
}

/// Secrets by their variables.
#[derive(Serialize)]
#[serde(transparent)]
struct List(Vec<Line>);

#[derive(Serialize)]
struct Line {
    key: String,
    /// Whether there is a value.
    stored: bool,
    /// When that was stored, in the platform's words.
    changed: Option<String>,
    /// Whether deploy.toml gives it to the server.
    given: bool,
    /// The platform's name of an entry that deploy.toml names.
    #[serde(skip)]
    yours: Option<String>,
}

impl List {
    fn new(config: &Config, stored: BTreeMap<String, Option<String>>) -> Self {
        let only_given = config.secrets.keys().filter(|key| !stored.contains_key(*key));
        let mut lines: Vec<Line> = only_given
            .map(|key| Line { key: key.clone(), stored: false, changed: None, given: true, yours: None })
            .collect();
        for (key, changed) in stored {
            let given = config.secrets.contains_key(&key);
            lines.push(Line { key, stored: true, changed, given, yours: None });
        }
        for line in &mut lines {
            let Some(secret) = config.secrets.get(&line.key) else { continue };
            // Whether what an ARN names is there, the platform has said.
            line.stored |= secret.entry.is_some();
            line.yours = secret.yours().map(str::to_owned);
        }
        lines.sort_by(|one, other| one.key.cmp(&other.key));
        Self(lines)
    }
}

impl fmt::Display for List {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return out.write_str("there are no secrets");
        }
        let line = |Line { key, stored, changed, given, yours }: &Line| {
            let stored = match (stored, yours, changed) {
                (false, Some(yours), _) => format!("is to be read from {yours}, which is not there"),
                (false, None, _) => format!("has no value: {}", storing(key)),
                (true, Some(yours), _) => format!("stored by you in {yours}"),
                (true, None, Some(changed)) => format!("stored {changed}"),
                (true, None, None) => "stored".to_owned(),
            };
            let given = if *given { "" } else { ", not under [secrets] in .pmcp/deploy.toml" };
            format!("{key}: {stored}{given}")
        };
        out.write_str(&self.0.iter().map(line).collect::<Vec<_>>().join("\n"))
    }
}

fn delete(project: &Project, target: &dyn Target, options: &DeleteSecret, output: Output) -> Result {
    let config = &project.config;
    let DeleteSecret { key, value, dry_run } = options;
    without_value(key, value, "name one variable alone")?;
    let name = target.secret_name(config, key);
    let is_yours = config.secrets.get(key).is_some_and(|secret| secret.yours().is_some());
    if is_yours || !target.secrets(config)?.contains_key(key) {
        return Err(Failure::refused(format!("there is no secret {key}"), "see `cargo pmcp deploy secrets list`"));
    }
    target.check_unread(config, key)?;
    let mut plan = Plan::new();
    plan.detailed(Action::Remove, name, target.secret_notes().deleted);
    if config.secrets.contains_key(key) {
        plan.warnings.push(format!("{key} is under [secrets] in .pmcp/deploy.toml: the next deployment asks for it"));
    }
    let readers = target.readers(config, key)?;
    if !readers.is_empty() {
        let what = format!("no rollback reaches these versions any more, which read {key} at their start");
        plan.warnings.push(format!("{what}: {}", readers.join(", ")));
    }
    if !dry_run {
        lock_for_change(project, output)?;
        target.delete_secret(config, key)?;
        plan.done = true;
    }
    output.result(&plan).map_err(|failure| if *dry_run { failure } else { failure.after(format!("{key} is deleted")) })
}
