//! `cargo pmcp deploy doctor`: what is missing, and the line that mends it.

use std::fmt;

use serde::Serialize;

use super::Project;
use crate::failure::{Failure, Result};
use crate::output::Output;
use crate::target::Check;

#[derive(Serialize)]
#[serde(transparent)]
struct Checks(Vec<Check>);

impl fmt::Display for Checks {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line = |Check { what, ok, detail }: &Check| {
            let mark = if *ok { "ok     " } else { "MISSING" };
            format!("{mark} {what}: {detail}")
        };
        out.write_str(&self.0.iter().map(line).collect::<Vec<_>>().join("\n"))
    }
}

pub(super) fn run(project: &Project, output: Output) -> Result {
    let Project { root, config } = project;
    let mut checks = Checks(project.target().doctor(config));
    if let Some(what) = project.target().needed_file(project) {
        let ok = root.join(&what).exists();
        let detail =
            if ok { "is there" } else { "write it: `cargo pmcp deploy init`; what you changed elsewhere stays" };
        checks.0.push(Check { what, ok, detail: detail.into() });
    }
    output.result(&checks)?;
    match checks.0.iter().filter(|check| !check.ok).count() {
        0 => Ok(()),
        1 => Err(Failure::missing("one thing is missing", "its line above says how to get it")),
        count => Err(Failure::missing(format!("{count} things are missing"), "their lines above say how to get them")),
    }
}
