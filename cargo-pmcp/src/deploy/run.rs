//! `cargo pmcp deploy`: builds and deploys what is there.

use super::record::Record;
use super::{Project, lock};
use crate::cli::DeployRun;
use crate::failure::{Failure, Result};
use crate::output::Output;

pub(super) fn run(project: &Project, options: &DeployRun, output: Output) -> Result {
    let Project { root, config } = project;
    let target = project.target()?;
    let record = Record::new(config);
    let before = Record::load(root)?.filter(|before| *before != record);
    let plan = target.plan(project)?;
    if options.dry_run {
        let mut plan = plan;
        plan.warnings.extend(before.map(|before| renamed(&before, &record)));
        return output.result(&plan);
    }
    if let Some(before) = before.filter(|_| !options.beside) {
        return Err(Failure::refused(
            renamed(&before, &record),
            "put the old name and region back, or destroy that one first, or add --beside to have both",
        ));
    }
    let _only_one = lock::lock(root)?;
    for warning in &plan.warnings {
        output.note(format_args!("note: {warning}"));
    }
    let outputs = target.deploy(project, output)?;
    record.save(root)?;
    output.result(&outputs)
}

fn renamed(before: &Record, now: &Record) -> String {
    format!(
        "this project is deployed as {} in {}, and .pmcp/deploy.toml now says {} in {}: that would be a second server, \
         with a URL of its own",
        before.name, before.region, now.name, now.region
    )
}
