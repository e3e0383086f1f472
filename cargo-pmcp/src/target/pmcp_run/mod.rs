//! pmcp.run: an executable that is sent to an HTTP API, and a login in the browser.

mod api;
mod login;
mod problem;

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};

use self::api::{Account, Api, Deployment, NewDeployment, Server, Settings, Version};
use self::problem::{not_understood, unreachable};
use super::static_binary::{Builder, Package};
use super::{
    Check, Login, Logout, Outliving, Outputs, Removal, SecretNotes, Status, Target, archive, log_lines,
    missing_secrets, not_deployed, versions,
};
use crate::cli::{self, Init, Logs, Platform, Rollback};
use crate::config::{self, Config, check_url};
use crate::deploy::Project;
use crate::exec::{CARGO, Hidden, pause};
use crate::failure::{Failure, Result};
use crate::files::NewFile;
use crate::output::Output;
use crate::plan::{Action, Plan};
use crate::workspace::CLOUDRUN;

/// As its makers write it.
const SERVICE: &str = "pmcp.run";

/// Goes before what deploy.toml says.
const VARIABLE: &str = "PMCP_RUN_URL";

/// What the executable is called in the archive.
const EXECUTABLE: &str = "server";

/// How often is asked how a deployment is getting on, and for how long.
const PAUSE: Duration = Duration::from_secs(1);
const PATIENCE: Duration = Duration::from_secs(600);

/// For how long it may give no good answer meanwhile.
const OUTAGE: Duration = Duration::from_secs(60);

const SECRET: &str = "secret";
const LOGS: &str = "logs of";

pub(crate) struct PmcpRun;

impl Target for PmcpRun {
    fn platform(&self) -> Platform {
        Platform::GoogleCloudRun
    }

    fn place(&self, config: &Config) -> String {
        let url = given_address().unwrap_or_else(|| config.pmcp_run.url.clone());
        let url = url.trim_end_matches('/');
        // Whatever follows the first is a path, and says nothing of where this leads.
        match url.split_once("://").map_or(url, |(_, rest)| rest) {
            "api.pmcp.run" => SERVICE.into(),
            host => host.into(),
        }
    }

    fn says_place(&self, _config: &Config) -> &'static str {
        if given_address().is_some() { VARIABLE } else { config::PATH }
    }

    /// What another account has is not there for this one.
    fn account(&self, config: &mut Config) -> Result<Option<String>> {
        Ok(Some(Api::new(config)?.account()?.account))
    }

    fn settle(&self, _config: &mut Config, options: &Init) -> Result {
        options.only(SERVICE, &[])
    }

    fn files(&self, project: &Project) -> Vec<NewFile> {
        let config =
            include_str!("../../../templates/pmcp-run/deploy.toml.in").replace("{{name}}", &project.config.server.name);
        vec![NewFile::new(crate::config::PATH, config), NewFile::new(".pmcp/.gitignore", "build/\nlock\n")]
    }

    fn doctor(&self, config: &Config) -> Vec<Check> {
        let mut checks = vec![Check::of_program(&CARGO)];
        let mut check = |what: String, found: Result<String>| checks.push(Check::of(what, found));
        let architecture = config.pmcp_run.architecture;
        check(
            format!("a compiler for {}", architecture.name()),
            Builder::find(architecture).map(|builder| builder.name().into()),
        );
        let account = Api::new(config).and_then(|api| api.account());
        checks.push(Check::of_login(SERVICE, account.map(|found| format!("{} as {}", found.account, found.user))));
        checks
    }

    fn plan(&self, project: &Project) -> Result<Plan> {
        let Config { pmcp_run, server, .. } = &project.config;
        address(&project.config)?;
        let package = Package::find(project, &CLOUDRUN)?;
        let builder = Builder::find(pmcp_run.architecture)?;
        let mut plan = Plan::new();
        plan.detailed(
            Action::Run,
            builder.shown(&package.name, pmcp_run.architecture),
            format!("for {}", pmcp_run.architecture.name()),
        );
        plan.step(Action::Write, archive::path(&server.name));
        plan.detailed(
            Action::Change,
            format!("the server {} in {}", server.name, self.place(&project.config)),
            format!(
                "at most {} instances of {} MB, and {} s for a request",
                pmcp_run.max_instances, pmcp_run.memory_mb, pmcp_run.timeout_seconds
            ),
        );
        let mut more = |names: Vec<&str>, what: &str| {
            if !names.is_empty() {
                plan.step(Action::Change, format!("{what}: {}", names.join(", ")));
            }
        };
        more(project.config.environment.keys().map(String::as_str).collect(), "its environment");
        more(project.config.secrets.keys().map(String::as_str).collect(), "its secrets");
        plan.warnings.push("everybody who knows the URL may call the server: pmcp.run checks no tokens".into());
        Ok(plan)
    }

    fn deploy(&self, project: &Project, output: Output) -> Result<Outputs> {
        let config = &project.config;
        let (name, place) = (&config.server.name, self.place(config));
        let api = Api::new(config)?;
        let (digest, bytes) = prepare(project, &api, &place, output)
            .map_err(|failure| failure.when_interrupted(super::UNCHANGED).in_vain())?;
        let size = bytes.len().div_ceil(1 << 10);
        output.wait(format!("send it ({size} KB), unless it is there already"), || api.store(&digest, &bytes))?;
        output.wait(format!("deploy {name} to {place}"), || {
            let new = NewDeployment {
                artifact: &digest,
                settings: Settings::new(&config.pmcp_run),
                environment: &config.environment,
                secrets: config.secrets.keys().map(String::as_str).collect(),
            };
            let made = api.deploy(&new).and_then(|deployment| finish(&api, deployment, name));
            made.map_err(|failure| after_failure(&api, name, failure))
        })?;
        self.outputs(config)
    }

    fn outputs(&self, config: &Config) -> Result<Outputs> {
        let server = Api::new(config)?.server()?.ok_or_else(|| not_deployed(config))?;
        let live = server.live_version.map(|version| ("Version".to_owned(), version.to_string()));
        let known = [("Account", server.account), ("Server", config.server.name.clone()), ("Url", server.url)];
        Ok(Outputs(known.map(|(name, value)| (name.to_owned(), value)).into_iter().chain(live).collect()))
    }

    fn who(&self, config: &Config) -> Result<Login> {
        let api = Api::new(config)?;
        let Account { account, user } = api.account()?;
        Ok(Login { account, who: user, term: Some(api.term()?) })
    }

    fn login(&self, config: &Config, options: &cli::Login, output: Output) -> Result<bool> {
        Api::new(config)?.login(options.no_browser, output).map(|()| true)
    }

    fn logout(&self, config: &Config) -> Result<Logout> {
        let was_logged_in = Api::new(config)?.logout()?;
        Ok(Logout { place: self.place(config), was_logged_in, still_logged_in_by: login::given_by() })
    }

    fn url(&self, config: &Config) -> Result<String> {
        Ok(Api::new(config)?.server()?.ok_or_else(|| not_deployed(config))?.url)
    }

    fn status(&self, config: &Config) -> Result<Status> {
        let api = Api::new(config)?;
        let server = api.server()?;
        let versions = if server.is_some() { api.versions()? } else { Vec::new() };
        let live_version = server.as_ref().and_then(|server| server.live_version).map(|version| version.to_string());
        Ok(Status {
            name: config.server.name.clone(),
            place: self.place(config),
            deployed: server.is_some(),
            url: server.as_ref().map(|server| server.url.clone()),
            state: server.map(|server| server.state),
            live_version,
            versions: versions.iter().map(Version::name).collect(),
            times: versions.iter().map(|version| (version.name(), version.made())).collect(),
        })
    }

    fn rollback(&self, config: &Config, options: &Rollback) -> Result<Plan> {
        let api = Api::new(config)?;
        let name = &config.server.name;
        let server = api.server()?.ok_or_else(|| not_deployed(config))?;
        let Some(live) = server.live_version.map(|version| version.to_string()) else {
            return Err(Failure::failed(format!("no version of {name} is live"), "deploy one: `cargo pmcp deploy`"));
        };
        let versions: Vec<String> = api.versions()?.iter().map(Version::name).collect();
        let version = versions::choose(&versions, &live, options.version.as_deref())?;
        let mut plan = Plan::new();
        plan.detailed(Action::Change, format!("the live version of {name}"), format!("from {live} to {version}"));
        if !options.dry_run {
            api.go_live(&version)?;
        }
        Ok(plan)
    }

    fn logs(&self, config: &Config, options: &Logs, output: Output) -> Result {
        let api = Api::new(config)?;
        if api.server()?.is_none() {
            return Err(not_deployed(config));
        }
        log_lines::run(options, output, |begin| Ok(api.logs(begin, options.filter.as_deref())?.unwrap_or_default()))
    }

    fn secret_name(&self, config: &Config, key: &str) -> String {
        format!("the secret {key} of {} in {}", config.server.name, self.place(config))
    }

    fn secret_notes(&self) -> SecretNotes {
        SecretNotes::once_deployed("its value is gone for good")
    }

    fn secrets(&self, config: &Config) -> Result<BTreeMap<String, Option<String>>> {
        Api::new(config)?.secrets()
    }

    fn set_secret(&self, config: &Config, key: &str, value: Hidden) -> Result {
        Api::new(config)?.set_secret(key, &value)
    }

    fn delete_secret(&self, config: &Config, key: &str) -> Result {
        Api::new(config)?.remove_secret(key)
    }

    fn removal(&self, project: &Project, _clean: bool) -> Result<Removal> {
        let config = &project.config;
        let api = Api::new(config)?;
        let deployed = api.server()?.is_some();
        let mut outliving: Vec<Outliving> =
            api.secrets()?.into_keys().map(|name| Outliving { kind: SECRET, name }).collect();
        if api.has_logs()? {
            outliving.push(Outliving { kind: LOGS, name: config.server.name.clone() });
        }
        Ok(Removal { deployed, along: None, outliving })
    }

    fn destroy(&self, project: &Project, removal: &Removal, output: Output) -> Result {
        let config = &project.config;
        let api = Api::new(config)?;
        if removal.deployed {
            let what = format!("remove {} from {}", config.server.name, self.place(config));
            output.wait(what, || api.remove())?;
        }
        for Outliving { kind, name } in &removal.outliving {
            output.wait(format!("remove the {kind} {name}"), || match *kind {
                SECRET => api.remove_secret(name),
                _ => api.remove_logs(),
            })?;
        }
        Ok(())
    }
}

/// Everything before something is sent: the archive, and the name that follows from it.
fn prepare(project: &Project, api: &Api, place: &str, output: Output) -> Result<(String, Vec<u8>)> {
    let config = &project.config;
    let (name, architecture) = (&config.server.name, config.pmcp_run.architecture);
    output.wait(format!("look at the account, and at {name} in {place}"), || {
        api.account()?;
        match api.server()?.is_some_and(|server| server.state == "deploying") {
            true => Err(under_way(name)),
            false if config.secrets.is_empty() => Ok(()),
            false => missing_secrets(config, &api.secrets()?),
        }
    })?;
    let package = Package::find(project, &CLOUDRUN)?;
    let builder = Builder::find(architecture)?;
    let executable = output.step(format!("build {} for {}", package.name, architecture.name()), || {
        builder.build(project, &package, architecture)
    })?;
    let path = project.root.join(archive::path(name));
    output.wait(format!("pack {}", archive::path(name)), || {
        archive::zip(&executable, EXECUTABLE, &path)?;
        let bytes = fs::read(&path).map_err(Failure::file("reading", &path))?;
        let digest: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        Ok((format!("sha256:{digest}"), bytes))
    })
}

/// The service's address, without a slash at its end.
fn address(config: &Config) -> Result<String> {
    let given = given_address();
    if let Some(Err(what)) = given.as_deref().map(check_url) {
        let advice = "correct the variable, or unset it";
        return Err(Failure::refused(format!("the address in {VARIABLE} is wrong: {what}"), advice));
    }
    let url = given.unwrap_or_else(|| config.pmcp_run.url.clone());
    Ok(url.trim_end_matches('/').to_owned())
}

fn given_address() -> Option<String> {
    env::var(VARIABLE).ok().filter(|url| !url.is_empty())
}

/// Whether the address is nobody else's choice: a repository's file could have a token sent anywhere.
fn is_chosen_here(config: &Config) -> bool {
    given_address().is_some() || config.pmcp_run.url == config::PmcpRun::default().url
}

fn under_way(name: &str) -> Failure {
    Failure::refused(
        format!("another change of {name} is under way"),
        "wait until `cargo pmcp deploy status` says live, and run this again",
    )
}

/// Asks until the version is live, or is known not to become it.
fn finish(api: &Api, deployment: Deployment, name: &str) -> Result {
    let begin = Instant::now();
    let (id, mut answered) = (deployment.id.clone(), begin);
    let mut found = Ok(deployment);
    loop {
        match found {
            Ok(Deployment { state, problem, .. }) => match (&state as &str, problem) {
                ("live", _) => return Ok(()),
                ("failed", Some(problem)) => return Err(problem.into_failure(name)),
                ("failed", None) => {
                    return Err(Failure::failed(format!("{SERVICE} does not say what went wrong"), ""));
                }
                _ => answered = Instant::now(),
            },
            // It goes on whether somebody can ask or not, and networks come back.
            Err(Failure::Failed { .. }) if answered.elapsed() < OUTAGE => {}
            Err(failure) => return Err(failure),
        }
        if begin.elapsed() > PATIENCE {
            let minutes = PATIENCE.as_secs() / 60;
            return Err(Failure::failed(format!("{name} was not ready within {minutes} minutes"), ""));
        }
        pause(PAUSE, &format!("{name} was live; {SERVICE} goes on"))?;
        found = api.deployment(&id);
    }
}

/// What a failed deployment leaves. One that was refused has changed nothing.
fn after_failure(api: &Api, name: &str, failure: Failure) -> Failure {
    let what = match failure {
        Failure::Failed { what, .. } => what,
        Failure::LoggedOut { .. } => {
            return failure.adding(&format!(
                "the deployment of {name} goes on by itself if it was begun; what exists of it is not known"
            ));
        }
        other => return other,
    };
    let now = |server: Server| {
        let now = match server.live_version {
            Some(version) => format!("version {version} answers as before"),
            None => "no version of it answers".to_owned(),
        };
        (now, "see `cargo pmcp deploy logs --since 5m`, mend what it says, and deploy again")
    };
    super::after_failure(name, Failure::failed(what, ""), || Ok(api.server()?.map(now)))
}
