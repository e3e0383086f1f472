//! One deployment, from building to the live version; and what exists where it does not come to its end.

use std::collections::BTreeMap;

use super::account::Account;
use super::bindings::{Found, Made};
use super::settings::{MADE, Package, Settings};
use super::versions::Versions;
use super::{build, migrations, secrets, worker};
use crate::deploy::Project;
use crate::exec::{CARGO, WRANGLER};
use crate::failure::{Failure, Result};
use crate::output::Output;
use crate::target::{Outputs, UNCHANGED, after_failure, missing_secrets};

/// What wrangler says before the id of what it uploaded.
const UPLOADED: &str = "Current Version ID: ";

pub(super) fn run(project: &Project, place: &str, output: Output) -> Result<Outputs> {
    let Project { root, config } = project;
    let name = &config.server.name;
    for program in [&CARGO, &WRANGLER] {
        program.call([""; 0])?;
    }
    let package = Package::find(root, config)?;
    let mut settings = Settings::load(&package.folder)?;
    build::check(&settings)?;
    package.check_migrations(config)?;
    let begun = Begun::new(project, place, &package, &settings, output);
    let Begun { account, mut made, found, before } =
        begun.map_err(|failure| failure.when_interrupted(UNCHANGED).in_vain())?;
    let mut new = Vec::new();
    for (kind, binding, thing) in made.missing(config) {
        let titled = format!("the {} {thing}", kind.title());
        let done = output.wait(format!("make {titled}"), || made.make(&account, root, kind, binding, thing));
        done.map_err(|failure| {
            let failure = failure.when_interrupted(format!(
                "nothing was deployed, and {titled} may be there by now: run `cargo pmcp deploy` again, which looks for it"
            ));
            match made.list(config) {
                there if there.is_empty() => failure,
                there => failure.adding(&format!("there is by now {}; the next deployment uses it", there.join(", "))),
            }
        })?;
        new.push(titled);
    }
    settings.apply(config, &made);
    settings.settle(&account.id);
    let path = settings.write(MADE)?;
    let path = path.to_string_lossy();
    let upload = || {
        output.wait(format!("deploy {name} to {}", account.place()), || {
            account.run(account.wrangler(&["deploy", "--config", &path])?.folder(&package.folder))
        })
    };
    let prepared = migrations::apply(&account, config, &package.folder, &path, output).and_then(|()| match found {
        // One that was cut off may have uploaded a server already.
        Some(Found::Draft) if made.begun(name) != Some(Found::Server) => worker::end_drafts(&account, name),
        _ => Ok(()),
    });
    prepared.map_err(|failure| match failure {
        Failure::Interrupted { .. } => failure,
        failure => what_exists(&account, project, &mut made, before.as_ref(), &new, failure),
    })?;
    made.begin(root, name, Found::Server)?;
    let marked = upload().and_then(|said| worker::mark(&account, name, Found::Server).map(|()| said));
    let said = marked.map_err(|failure| what_exists(&account, project, &mut made, before.as_ref(), &new, failure))?;
    made.marked(root)?;
    made.migrated(root, config)?;
    let looked = worker::outputs(&account, name).and_then(|found| Ok((found, worker::replaced(&account, name)?)));
    let (outputs, replaced) = looked
        .map_err(|failure| failure.adding(&format!("{name} was deployed all the same; its addresses are not known")))?;
    // wrangler does not always know.
    let uploaded = said.lines().find_map(|line| line.strip_prefix(UPLOADED)).map(str::trim).filter(|id| *id != "null");
    let live = outputs.get("Version");
    match uploaded {
        Some(uploaded) if live.is_none_or(|live| live != uploaded) => {
            Err(overtaken(&account, name, uploaded, live, before.as_ref())?)
        }
        _ => {
            // Between the last look and what wrangler did there is a moment.
            if let Some(version) = replaced.filter(|version| Some(version) != before.as_ref()) {
                output.note(format_args!(
                    "note: somebody else had just made version {version} live, and this deployment has replaced it; \
                     `cargo pmcp deploy rollback {version}` brings it back"
                ));
            }
            Ok(Outputs(outputs))
        }
    }
}

/// What was there before anything was changed.
struct Begun {
    account: Account,
    made: Made,
    found: Option<Found>,
    /// The version that was live.
    before: Option<String>,
}

impl Begun {
    /// Looks, builds, and looks again.
    fn new(project: &Project, place: &str, package: &Package, settings: &Settings, output: Output) -> Result<Self> {
        let Project { root, config } = project;
        let name = &config.server.name;
        let account = output.wait(format!("look at {name} in {place}"), || Account::open(config))?;
        let made = Made::load(root, &account)?;
        let found = worker::find(&account, config)?;
        let (stored, before) = match found {
            Some(_) => (secrets::list(&account, name)?, worker::live(&account, name)?),
            None => (BTreeMap::new(), None),
        };
        missing_secrets(config, &stored)?;
        output.step(format!("build {} for Cloudflare Workers", package.name), || build::run(settings))?;
        // Cloudflare has no lock, and whoever comes last wins: at least nobody does so unawares.
        let now = worker::live(&account, name)?;
        if now != before {
            let now = now.map_or("no version is live now".into(), |now| format!("version {now} is live now"));
            let was = before.map_or("where none was".into(), |before| format!("where {before} was"));
            return Err(Failure::refused(
                format!("{name} was changed elsewhere while it was built here: {now}, {was}; nothing was deployed"),
                "see `cargo pmcp deploy status`, and deploy again to have what is here instead",
            ));
        }
        Ok(Self { account, made, found, before })
    }
}

/// That what wrangler says it has uploaded is not what answers.
fn overtaken(
    account: &Account,
    name: &str,
    uploaded: &str,
    live: Option<&String>,
    before: Option<&String>,
) -> Result<Failure> {
    let is_there = Versions::load(account, name)?.has(uploaded);
    let what = match live {
        _ if !is_there => format!("wrangler says that it deployed version {uploaded}, and {name} has none of that id"),
        Some(live) if Some(live) != before => {
            format!("version {uploaded} of {name} was deployed, and somebody else has made {live} live since")
        }
        Some(live) => format!("version {uploaded} of {name} was uploaded, and {live} is live as before"),
        None => format!("version {uploaded} of {name} was uploaded, and none is live"),
    };
    Ok(Failure::failed(what, "see `cargo pmcp deploy status`, and deploy again to have what is here instead"))
}

/// The failure, with what there is now.
fn what_exists(
    account: &Account,
    project: &Project,
    made: &mut Made,
    before: Option<&String>,
    new: &[String],
    failure: Failure,
) -> Failure {
    let Project { root, config } = project;
    let name = &config.server.name;
    after_failure(name, failure, || {
        if worker::is_free(account, name)? {
            made.forget(root, name)?;
        } else if worker::is_marked(account, name)? {
            made.marked(root)?;
        }
        let live = worker::live(account, name)?;
        if live.is_some() && live.as_ref() != before {
            // So that others know as well; where it cannot be, this checkout does.
            let known = match worker::mark(account, name, Found::Server).and_then(|()| made.marked(root)) {
                Ok(()) => "",
                Err(_) => ", which only .pmcp/cloudflare.json here says is this tool's",
            };
            let now = format!("version {} is live all the same{known}", live.unwrap_or_default());
            let advice = "mend what it says, and deploy again: what failed, its address perhaps, is as before";
            return Ok(Some((now, advice.to_owned())));
        }
        let found = worker::find(account, config)?;
        if found == Some(Found::Server) && before.is_some() {
            let (by_now, uses) = match new {
                [] => (String::new(), ""),
                new => (format!("; there is by now {}", new.join(", ")), ", which uses that"),
            };
            let now = format!("the version before answers as ever{by_now}");
            return Ok(Some((now, format!("mend what it says, and deploy again{uses}"))));
        }
        let worker = found.map(|found| match found {
            Found::Draft => format!("the Worker {name} with nothing but its secrets"),
            Found::Server => format!("the Worker {name} with nothing live"),
        });
        let there: Vec<String> = worker.into_iter().chain(made.list(config)).collect();
        if there.is_empty() {
            return Ok(None);
        }
        let now = format!("no version of it is live; there is {}", there.join(", "));
        let advice = "mend what it says, and deploy again, which uses them; `deploy destroy --clean` removes them";
        Ok(Some((now, advice.to_owned())))
    })
}
