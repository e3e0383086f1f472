//! Cloudflare Workers: built with worker-build, deployed with wrangler, and asked of Cloudflare's API.

mod account;
mod bindings;
mod build;
mod logs;
mod settings;
mod worker;

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::json;

pub(crate) use self::account::quiet;

use self::account::Account;
use self::bindings::Made;
use self::settings::{Package, Settings};
use super::{Check, Login, Outliving, Outputs, Removal, Status, Target, Traces, Words, after_failure, missing_secrets};
use crate::cli::{self, Init, Logs, Platform, Rollback};
use crate::config::{Config, LONGEST_VALUE, is_account};
use crate::deploy::Project;
use crate::exec::{CARGO, Hidden, WORKER_BUILD, WRANGLER};
use crate::failure::{Failure, Result};
use crate::files::NewFile;
use crate::mains::wrangler_files;
use crate::output::Output;
use crate::plan::{Action, Plan};

pub(crate) struct CloudflareWorkers;

/// What `wrangler dev` needs to know.
pub(crate) struct ForDev {
    /// Of the Worker's package.
    pub(crate) folder: PathBuf,
    /// Of the settings.
    pub(crate) path: PathBuf,
    /// Bindings of databases whose tables are made by migrations.
    pub(crate) databases: Vec<String>,
    pub(crate) has_secrets: bool,
}

impl ForDev {
    /// Writes the settings; wrangler builds whenever one of the folders changes.
    pub(crate) fn prepare(project: &Project, watched: &[PathBuf]) -> Result<Self> {
        let Package { folder, .. } = Package::find(&project.root, &project.config)?;
        let mut settings = Settings::load(&folder)?;
        build::check(&settings)?;
        settings.apply(&project.config, &Made::load(&project.root)?);
        settings.watch(watched);
        let databases = project.config.cloudflare.d1.iter().filter(|(_, database)| database.migrations.is_some());
        Ok(Self {
            path: settings.write()?,
            databases: databases.map(|(binding, _)| binding.clone()).collect(),
            has_secrets: folder.join(".dev.vars").exists(),
            folder,
        })
    }
}

impl Target for CloudflareWorkers {
    fn platform(&self) -> Platform {
        Platform::CloudflareWorkers
    }

    fn place(&self, config: &Config) -> String {
        match account::named(config) {
            Some(id) => format!("the account {id}"),
            None => "your account at Cloudflare".into(),
        }
    }

    fn settle(&self, config: &mut Config, options: &Init) -> Result {
        options.only("Cloudflare Workers", &["--account"])?;
        if let Some(id) = &options.account {
            if !is_account(id) {
                let advice = "it is what `wrangler whoami` shows: 32 digits and letters from a to f";
                return Err(Failure::usage(format!("`{id}` is no id of an account at Cloudflare"), advice));
            }
            config.cloudflare.account_id = Some(id.clone());
        }
        Ok(())
    }

    fn files(&self, project: &Project) -> Vec<NewFile> {
        let Project { root, config } = project;
        let account = match &config.cloudflare.account_id {
            Some(id) => format!("account_id = \"{id}\""),
            None => {
                "# account_id = \"…\"            # as `wrangler whoami` shows it; without it, the only one there is"
                    .into()
            }
        };
        let fill = |template: &str| template.replace("{{name}}", &config.server.name).replace("{{account}}", &account);
        let folder = settings::folder(root, config);
        let own = [
            NewFile::new(
                crate::config::PATH,
                fill(include_str!("../../../templates/cloudflare-workers/deploy.toml.in")),
            ),
            NewFile::new(".pmcp/.gitignore", "build/\nlock\n"),
        ];
        own.into_iter().chain(wrangler_files(&folder)).collect()
    }

    fn traces(&self, project: &Project) -> Traces {
        settings::traces(&project.root, &project.config)
    }

    fn doctor(&self, config: &Config) -> Vec<Check> {
        let mut checks: Vec<Check> = [CARGO, WORKER_BUILD, WRANGLER].iter().map(Check::of_program).collect();
        checks.push(Check::of("Rust's standard library for WebAssembly", build::target()));
        let account = Account::open(config);
        let known = account.as_ref().map(|account| account.id.clone());
        checks.push(Check::of("a login to Cloudflare", known.map_err(|failure| failure.to_string())));
        if let Ok(account) = account {
            let subdomain = account.ask::<serde_json::Value>("/workers/subdomain").map(|_| account.id.clone());
            checks.push(Check::of("the right to its Workers", subdomain));
        }
        checks
    }

    fn plan(&self, project: &Project) -> Result<Plan> {
        let Project { root, config } = project;
        let package = Package::find(root, config)?;
        let settings = Settings::load(&package.folder)?;
        package.check_migrations(config)?;
        let mut plan = Plan::new();
        plan.detailed(Action::Run, settings.build().0, format!("for {}", package.name));
        for (kind, binding, name) in Made::load(root)?.missing(config) {
            plan.detailed(Action::Change, format!("make the {} {name}", kind.title()), format!("for {binding}"));
        }
        let folder = settings::folder(root, config);
        plan.step(Action::Write, format!("{folder}/{}", settings::MADE));
        for (binding, database) in &config.cloudflare.d1 {
            if let Some(migrations) = &database.migrations {
                plan.detailed(
                    Action::Change,
                    format!("the tables of {binding}"),
                    format!("with what is new in {folder}/{migrations}"),
                );
            }
        }
        plan.step(Action::Change, format!("the Worker {} in {}", config.server.name, self.place(config)));
        let mut more = |names: Vec<&str>, what: &str| {
            if !names.is_empty() {
                plan.step(Action::Change, format!("{what}: {}", names.join(", ")));
            }
        };
        more(config.environment.keys().map(String::as_str).collect(), "its environment");
        more(config.cloudflare.bindings().map(|(_, name)| name.as_str()).collect(), "its bindings");
        let secrets: Vec<&str> = config.secrets.keys().map(String::as_str).collect();
        if !secrets.is_empty() {
            plan.detailed(
                Action::Leave,
                format!("its secrets: {}", secrets.join(", ")),
                "each must have been stored before",
            );
        }
        plan.warnings.push("everybody who knows the URL may call the server, unless it checks that itself".into());
        Ok(plan)
    }

    fn deploy(&self, project: &Project, output: Output) -> Result<Outputs> {
        let Project { root, config } = project;
        let name = &config.server.name;
        for program in [&CARGO, &WRANGLER] {
            program.call([""; 0])?;
        }
        let package = Package::find(root, config)?;
        let mut settings = Settings::load(&package.folder)?;
        build::check(&settings)?;
        package.check_migrations(config)?;
        let mut made = Made::load(root)?;
        let account = output.wait(format!("look at {name} in {}", self.place(config)), || Account::open(config))?;
        let was_begun = made.worker.as_ref() == Some(name);
        let stored = match worker::is_there(&account, name, was_begun)? {
            true => secrets(&account, name)?,
            false => BTreeMap::new(),
        };
        missing_secrets(config, &stored)?;
        output.step(format!("build {} for Cloudflare Workers", package.name), || build::run(&settings))?;
        for (kind, binding, name) in made.missing(config) {
            let what = format!("make the {} {name}", kind.title());
            output.wait(what, || made.make(&account, root, kind, binding, name))?;
        }
        settings.apply(config, &made);
        let path = settings.write()?;
        let path = path.to_string_lossy();
        for (binding, _) in config.cloudflare.d1.iter().filter(|(_, database)| database.migrations.is_some()) {
            output.wait(format!("bring the tables of {binding} up to date"), || {
                let arguments = ["d1", "migrations", "apply", binding, "--remote", "--config", &path];
                account.run(account.wrangler(&arguments)?.folder(&package.folder))
            })?;
        }
        if !was_begun {
            made.worker = Some(name.clone());
            made.save(root)?;
        }
        output.wait(format!("deploy {name} to {}", self.place(config)), || {
            let call = account.wrangler(&["deploy", "--config", &path])?.folder(&package.folder);
            account.run(call).map_err(|failure| {
                let as_ever = || ("the version before answers as ever".into(), "mend what it says, and deploy again");
                after_failure(name, failure, || Ok(worker::is_deployed(&account, name)?.then(as_ever)))
            })
        })?;
        worker::mark(&account, name, true)?;
        Ok(Outputs(worker::outputs(&account, name)?))
    }

    fn outputs(&self, config: &Config) -> Result<Outputs> {
        let account = Account::open(config)?;
        let name = &config.server.name;
        match worker::is_deployed(&account, name)? {
            true => Ok(Outputs(worker::outputs(&account, name)?)),
            false => Err(account::not_deployed(config, &self.place(config))),
        }
    }

    fn login(&self, config: &Config, _options: &cli::Login, _output: Output) -> Result<Login> {
        let account = match Account::open(config) {
            Err(Failure::Missing { .. })
                if WRANGLER.find().is_some() && std::env::var_os("CLOUDFLARE_API_TOKEN").is_none() =>
            {
                WRANGLER.call(["login"])?.run("see what wrangler says above")?;
                Account::open(config)?
            }
            known => known?,
        };
        // A token need not have the right to know whose it is.
        let user: Result<Option<BTreeMap<String, serde_json::Value>>> = account.ask_at("/user");
        let email = user.ok().flatten().and_then(|mut user| Some(user.remove("email")?.as_str()?.to_owned()));
        // That it may use the account at all.
        account.ask::<serde_json::Value>("/workers/subdomain")?;
        Ok(Login { account: account.id, who: email.unwrap_or_else(|| "a token".into()) })
    }

    fn url(&self, config: &Config) -> Result<String> {
        self.outputs(config)?.0.remove("Url").ok_or_else(|| {
            Failure::failed(
                format!("no address leads to the Worker {}", config.server.name),
                "set `workers_dev = true` or a `custom_domain` under [cloudflare] in .pmcp/deploy.toml, and deploy again",
            )
        })
    }

    fn status(&self, config: &Config) -> Result<Status> {
        let account = Account::open(config)?;
        let name = config.server.name.clone();
        let (live, versions) = match worker::is_deployed(&account, &name)? {
            true => (worker::deployment(&account, &name)?, worker::versions(&account, &name)?),
            false => (None, Vec::new()),
        };
        let state = live.as_ref().map(|live| format!("live since {}", live.created_on));
        let live_version = live.and_then(|live| live.live());
        Ok(Status { name, place: self.place(config), deployed: state.is_some(), state, live_version, versions })
    }

    fn rollback(&self, config: &Config, options: &Rollback) -> Result<Plan> {
        worker::rollback(&Account::open(config)?, config, &self.place(config), options)
    }

    fn logs(&self, config: &Config, options: &Logs, output: Output) -> Result {
        logs::check(options, output)?;
        let account = Account::open(config)?;
        if !worker::is_deployed(&account, &config.server.name)? {
            return Err(account::not_deployed(config, &self.place(config)));
        }
        logs::follow(&account, &config.server.name, options, output)
    }

    fn secret_name(&self, config: &Config, key: &str) -> String {
        format!("the secret {key} of the Worker {} in {}", config.server.name, self.place(config))
    }

    fn secret_words(&self) -> Words {
        Words {
            given: "the server reads it from now on",
            // A Worker reads every secret that it has.
            not_given: "the server reads it from now on",
            deleted: "Cloudflare keeps no copy of it",
        }
    }

    fn secrets(&self, config: &Config) -> Result<BTreeMap<String, Option<String>>> {
        let account = Account::open(config)?;
        match worker::is_there(&account, &config.server.name, false)? {
            true => secrets(&account, &config.server.name),
            false => Ok(BTreeMap::new()),
        }
    }

    fn set_secret(&self, config: &Config, key: &str, value: Hidden) -> Result {
        let account = Account::open(config)?;
        let name = &config.server.name;
        let is_new = !worker::is_there(&account, name, false)?;
        let Hidden(value) = value;
        bulk(&account, name, key, Some(value))?;
        // wrangler has made a Worker that does nothing yet.
        if is_new { worker::mark(&account, name, false) } else { Ok(()) }
    }

    fn longest_secret(&self) -> usize {
        LONGEST_VALUE
    }

    fn delete_secret(&self, config: &Config, key: &str) -> Result {
        let name = &config.server.name;
        if config.secrets.contains_key(key) {
            return Err(Failure::refused(
                format!("{name} reads {key} with every request"),
                "take it out of [secrets] in .pmcp/deploy.toml first",
            ));
        }
        bulk(&Account::open(config)?, name, key, None)
    }

    fn removal(&self, project: &Project, _clean: bool) -> Result<Removal> {
        let Project { root, config } = project;
        let account = Account::open(config)?;
        let made = Made::load(root)?;
        let name = &config.server.name;
        let deployed = worker::is_there(&account, name, made.worker.as_ref() == Some(name))?;
        let outliving = made.things(config).into_iter();
        let outliving =
            outliving.map(|thing| Outliving { kind: thing.kind.title(), name: thing.name.clone() }).collect();
        Ok(Removal { deployed, outliving })
    }

    fn destroy(&self, project: &Project, removal: &Removal, output: Output) -> Result {
        let Project { root, config } = project;
        let account = Account::open(config)?;
        let mut made = Made::load(root)?;
        let name = &config.server.name;
        if removal.deployed {
            output.wait(format!("remove the Worker {name} in {}", self.place(config)), || {
                account.run(account.wrangler(&["delete", name, "--force"])?)
            })?;
        }
        if made.worker.as_ref() == Some(name) {
            made.worker = None;
            made.save(root)?;
        }
        for Outliving { kind, name } in &removal.outliving {
            output.wait(format!("remove the {kind} {name}"), || made.remove(&account, root, name))?;
        }
        Ok(())
    }
}

/// What the Worker has, by its name; Cloudflare does not say when each was stored.
fn secrets(account: &Account, name: &str) -> Result<BTreeMap<String, Option<String>>> {
    #[derive(serde::Deserialize)]
    struct Secret {
        name: String,
    }
    let found: Option<Vec<Secret>> = account.ask(&format!("/workers/scripts/{name}/secrets"))?;
    Ok(found.into_iter().flatten().map(|secret| (secret.name, None)).collect())
}

/// Stores this under `key`, or deletes what is there.
fn bulk(account: &Account, name: &str, key: &str, value: Option<String>) -> Result {
    let input = Hidden(json!({ key: value }).to_string());
    let call = account.wrangler(&["secret", "bulk", "--name", name])?.input(input);
    account.run(call.hiding(Hidden(value.unwrap_or_default()))).map(drop)
}
