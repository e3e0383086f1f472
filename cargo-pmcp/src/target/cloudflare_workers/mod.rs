//! Cloudflare Workers: built with worker-build, deployed with wrangler, and asked of Cloudflare's API.

mod account;
mod asking;
mod bindings;
mod build;
mod collisions;
mod deployment;
mod environment;
mod for_dev;
mod logs;
mod migrations;
mod secrets;
mod settings;
mod thing;
mod variables;
mod versions;
mod worker;

use std::collections::BTreeMap;

pub(crate) use self::account::{ANY_ACCOUNT, named_at_cloudflare, place as account_at_cloudflare};
pub(crate) use self::environment::quiet;
pub(crate) use self::for_dev::ForDev;

use self::account::Account;
use self::bindings::Made;
use self::settings::{Package, Settings};
use self::versions::Versions;
use super::{Check, Login, Outliving, Outputs, Removal, SecretNotes, Status, Target, Traces, not_deployed_in};
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

impl Target for CloudflareWorkers {
    fn platform(&self) -> Platform {
        Platform::CloudflareWorkers
    }

    fn place(&self, config: &Config) -> String {
        match account::named(config) {
            Some(id) => account::place(&id),
            None => ANY_ACCOUNT.into(),
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

    fn moving_note(&self, config: &Config) -> Option<String> {
        variables::note(config)
    }

    fn memory(&self) -> Option<&'static str> {
        Some(bindings::PATH)
    }

    fn traces(&self, project: &Project) -> Traces {
        settings::traces(&project.root, &project.config)
    }

    fn needed_file(&self, project: &Project) -> Option<String> {
        Some(format!("{}/{}", settings::folder(&project.root, &project.config), settings::OWN))
    }

    fn doctor(&self, config: &Config) -> Vec<Check> {
        let mut checks: Vec<Check> = [CARGO, WORKER_BUILD, WRANGLER].iter().map(Check::of_program).collect();
        checks.push(Check::of("Rust's standard library for WebAssembly", build::target()));
        // Without wrangler nothing more is known, nor missing.
        if WRANGLER.find().is_none() {
            return checks;
        }
        let account = match Account::open(config) {
            Ok(account) => account,
            Err(failure) => {
                checks.push(Check::of_login("Cloudflare", Err(failure)));
                return checks;
            }
        };
        // Of a token and an account that are given nothing is known before they are used.
        match account.ask::<serde_json::Value>("/workers/subdomain") {
            Err(failure @ (Failure::LoggedOut { .. } | Failure::Failed { .. })) => {
                checks.push(Check::of_login("Cloudflare", Err(failure)));
            }
            asked => {
                checks.push(Check::of_login("Cloudflare", Ok(account.id.clone())));
                let right = asked.map(|_| account.id.clone()).map_err(Failure::in_a_line);
                checks.push(Check::of("the right to its Workers", right));
            }
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
        for (kind, binding, name) in Made::load_unasked(root, config)?.missing(config) {
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
        plan.warnings.extend(self.moving_note(config));
        plan.warnings.extend(settings.notes(&format!("{folder}/{}", settings::OWN), config)?);
        plan.warnings.push("everybody who knows the URL may call the server, unless it checks that itself".into());
        Ok(plan)
    }

    fn deploy(&self, project: &Project, output: Output) -> Result<Outputs> {
        deployment::run(project, &self.place(&project.config), output)
    }

    fn outputs(&self, config: &Config) -> Result<Outputs> {
        let account = Account::open(config)?;
        match worker::is_deployed(&account, config)? {
            true => Ok(Outputs(worker::outputs(&account, &config.server.name)?)),
            false => Err(not_deployed_in(config, &account.place())),
        }
    }

    fn who(&self, config: &Config) -> Result<Login> {
        let account = Account::open(config)?;
        // A token need not have the right to know whose it is.
        let user: Result<Option<BTreeMap<String, serde_json::Value>>> = account.ask_at("/user");
        let email = user.ok().flatten().and_then(|mut user| Some(user.remove("email")?.as_str()?.to_owned()));
        // That it may use the account at all.
        account.ask::<serde_json::Value>("/workers/subdomain")?;
        Ok(Login { account: account.id, who: email.unwrap_or_else(|| "a token".into()), term: None })
    }

    fn login(&self, _config: &Config, _options: &cli::Login, _output: Output) -> Result<bool> {
        // wrangler goes by that, whoever logs in.
        if environment::login_variable().is_some() {
            return Ok(false);
        }
        environment::wrangler(&["login"])?.run("see what wrangler says above").map(|()| true)
    }

    fn login_variable(&self, _config: &Config) -> Option<&'static str> {
        environment::login_variable()
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
        let is_there = worker::is_deployed(&account, config)?;
        let live = if is_there { worker::deployment(&account, &name)? } else { None };
        let state = is_there.then(|| match &live {
            Some(live) => format!("live since {}", live.created_on),
            None => "no version is live".into(),
        });
        let live_version = live.and_then(|live| live.live());
        let (versions, mut times) = match is_there {
            true => {
                let found = Versions::load(&account, &name)?;
                (found.of_code(live_version.as_deref()), found.times())
            }
            false => Default::default(),
        };
        // Of those that are told of, others with the same code are not.
        times.retain(|version, _| versions.contains(version));
        let place = account.place();
        Ok(Status { name, place, deployed: is_there, url: None, state, live_version, versions, times })
    }

    fn account(&self, config: &mut Config) -> Result<Option<String>> {
        if let Some(id) = account::named(config) {
            return Ok(Some(id));
        }
        let Account { id, .. } = Account::open(config)?;
        config.cloudflare.account_id = Some(id.clone());
        Ok(Some(id))
    }

    fn says_place(&self, config: &Config) -> &'static str {
        match (&config.cloudflare.account_id, environment::given()) {
            (None, Some(_)) => environment::VARIABLE,
            _ => crate::config::PATH,
        }
    }

    fn rollback(&self, config: &Config, options: &Rollback) -> Result<Plan> {
        versions::rollback(&Account::open(config)?, config, options)
    }

    fn logs(&self, config: &Config, options: &Logs, output: Output) -> Result {
        logs::check(options, output)?;
        let account = Account::open(config)?;
        if !worker::is_deployed(&account, config)? {
            return Err(not_deployed_in(config, &account.place()));
        }
        logs::follow(&account, config, options, output)
    }

    fn secret_name(&self, config: &Config, key: &str) -> String {
        format!("the secret {key} of the Worker {} in {}", config.server.name, self.place(config))
    }

    fn secret_notes(&self) -> SecretNotes {
        SecretNotes {
            given: "the server reads it from now on, or once it is deployed",
            // A Worker reads every secret that it has.
            not_given: "the server reads it from now on, or once it is deployed, although it is not under [secrets] in \
                        .pmcp/deploy.toml",
            deleted: "versions from before keep it, and a rollback brings it back with them",
        }
    }

    fn secrets(&self, config: &Config) -> Result<BTreeMap<String, Option<String>>> {
        let account = Account::open(config)?;
        match worker::find(&account, config)? {
            Some(_) => secrets::list(&account, &config.server.name),
            None => Ok(BTreeMap::new()),
        }
    }

    fn set_secret(&self, config: &Config, key: &str, value: Hidden) -> Result {
        let account = Account::open(config)?;
        secrets::set(&account, config, key, value)
    }

    fn longest_secret(&self) -> usize {
        LONGEST_VALUE
    }

    fn check_unread(&self, config: &Config, key: &str) -> Result {
        let name = &config.server.name;
        match config.secrets.contains_key(key) {
            true => Err(Failure::refused(
                format!("{name} reads {key} with every request"),
                "take it out of [secrets] in .pmcp/deploy.toml first",
            )),
            false => Ok(()),
        }
    }

    fn delete_secret(&self, config: &Config, key: &str) -> Result {
        secrets::delete(&Account::open(config)?, config, key)
    }

    fn removal(&self, project: &Project, clean: bool) -> Result<Removal> {
        let Project { root, config } = project;
        let account = Account::open(config)?;
        let made = Made::load(root, &account)?;
        if clean {
            made.check(&account, config)?;
        }
        let name = &config.server.name;
        let deployed = worker::find(&account, config)?.is_some();
        let secrets = if deployed { secrets::list(&account, name)? } else { BTreeMap::new() };
        let names: Vec<&str> = secrets.keys().map(String::as_str).collect();
        let along =
            (!names.is_empty()).then(|| format!("its secrets, of which there is no other copy: {}", names.join(", ")));
        let outliving = made.things(config).into_iter();
        let outliving = outliving.map(|thing| Outliving { kind: thing.kind.title(), name: thing.label() }).collect();
        Ok(Removal { deployed, along, outliving })
    }

    fn destroy(&self, project: &Project, removal: &Removal, output: Output) -> Result {
        let Project { root, config } = project;
        let account = Account::open(config)?;
        let mut made = Made::load(root, &account)?;
        let name = &config.server.name;
        if removal.deployed {
            output.wait(format!("remove the Worker {name} in {}", account.place()), || {
                account.run(account.wrangler_about(config, &["delete", name, "--force"])?)
            })?;
        }
        made.forget(root, name)?;
        for Outliving { kind, name } in &removal.outliving {
            output.wait(format!("remove the {kind} {name}"), || made.remove(&account, root, name))?;
        }
        Ok(())
    }
}
