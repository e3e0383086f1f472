//! AWS Lambda: a CDK app that is the user's, deployed with the CDK and looked after with the AWS CLI.

mod account;
mod assembly;
mod build;
mod logs;
mod node;
mod outliving;
mod parts;
mod secrets;
mod settings;
mod stack;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use self::account::Account;
use self::settings::Settings;
use self::stack::Stack;
use super::{Check, Login, Outliving, Outputs, Removal, SecretNotes, Status, Target, Traces, archive, not_deployed};
use crate::cli::{self, Init, Logs, Platform, Rollback};
use crate::config::{Config, Front, is_aws_region};
use crate::deploy::Project;
use crate::exec::{AWS, CARGO, Hidden, NPM, NPX};
use crate::failure::{Failure, Result};
use crate::files::NewFile;
use crate::output::{Output, encode_json};
use crate::plan::{Action, Plan};

/// Where the CDK app is in a project.
const APP: &str = "deploy/aws-lambda";

macro_rules! template {
    ($name:literal) => {
        include_str!(concat!("../../../templates/aws-lambda/", $name))
    };
}

pub(crate) struct AwsLambda;

impl Target for AwsLambda {
    fn platform(&self) -> Platform {
        Platform::AwsLambda
    }

    fn place(&self, config: &Config) -> String {
        config.aws.region.clone()
    }

    fn set_up(&self, config: &mut Config) {
        let told = ["AWS_REGION", "AWS_DEFAULT_REGION"].into_iter().find_map(|name| std::env::var(name).ok());
        if let Some(region) = told.filter(|region| is_aws_region(region)) {
            config.aws.region = region;
        }
    }

    fn settle(&self, config: &mut Config, options: &Init) -> Result {
        options.only("AWS Lambda", &["--region"])?;
        if let Some(region) = &options.region {
            if !is_aws_region(region) {
                let advice = "they look like this: --region eu-central-1";
                return Err(Failure::usage(format!("`{region}` is no region"), advice));
            }
            config.aws.region.clone_from(region);
        }
        Ok(())
    }

    fn files(&self, project: &Project) -> Vec<NewFile> {
        let Config { server, aws, .. } = &project.config;
        let config = template!("deploy.toml.in").replace("{{name}}", &server.name).replace("{{region}}", &aws.region);
        let app = |file: &str, content: &str| NewFile::new(format!("{APP}/{file}"), content);
        vec![
            NewFile::new(crate::config::PATH, config),
            NewFile::new(".pmcp/.gitignore", "build/\nlock\n"),
            app("app.ts", template!("app.ts")),
            app("server-stack.ts", template!("server-stack.ts")),
            app("cdk.json", template!("cdk.json")),
            app("package.json", template!("package.json")),
            app("package-lock.json", template!("package-lock.json")),
            app("tsconfig.json", template!("tsconfig.json")),
            app(".gitignore", template!("gitignore.in")),
        ]
    }

    fn traces(&self, _project: &Project) -> Traces {
        let made = ["node_modules", "cdk.out"].map(|folder| format!("{APP}/{folder}"));
        Traces { made: made.into(), kept: Vec::new() }
    }

    fn doctor(&self, config: &Config) -> Vec<Check> {
        let mut checks: Vec<Check> = [CARGO, AWS].iter().map(Check::of_program).collect();
        let mut check = |what: String, found: Result<String>| checks.push(Check::of(what, found));
        // It comes with npm and npx: one thing to get.
        check("Node.js 20 or newer".into(), node::version());
        let architecture = config.aws.architecture;
        check(
            format!("a compiler for {}", architecture.name()),
            build::Builder::find(architecture).map(|b| b.name().into()),
        );
        if AWS.find().is_none() {
            return checks;
        }
        let account = Account::new(config);
        let identity = account.identity();
        let known = identity.is_ok();
        checks.push(Check::of_login("AWS", identity.map(|identity| identity.arn)));
        if known {
            let region = &config.aws.region;
            let found = account.bootstrapped().map(|()| "CDKToolkit".into());
            checks.push(Check::of(format!("a bootstrapped {region}"), found));
        }
        checks
    }

    fn needed_file(&self, _project: &Project) -> Option<String> {
        Some(format!("{APP}/cdk.json"))
    }

    fn plan(&self, project: &Project) -> Result<Plan> {
        let Config { aws, server, .. } = &project.config;
        let binary = build::Package::find(project)?;
        binary.check_features(&project.config)?;
        let builder = build::Builder::find(aws.architecture)?;
        check_app(&project.root)?;
        let mut plan = Plan::new();
        plan.detailed(
            Action::Run,
            builder.shown(&binary.name, aws.architecture),
            format!("for {}", aws.architecture.name()),
        );
        plan.step(Action::Write, archive::path(&server.name));
        if !node::is_installed(&project.root.join(APP))? {
            plan.step(Action::Run, format!("npm ci in {APP}"));
        }
        let front = match aws.front {
            Front::FunctionUrl => "a Function URL that streams",
            Front::HttpApi => "an HTTP API",
        };
        plan.detailed(
            Action::Change,
            format!("the CloudFormation stack {} in {}", server.name, aws.region),
            format!(
                "a function of {} MB and {} s with {front}, its alias `live`, and logs kept for {} days",
                aws.memory_mb, aws.timeout_seconds, aws.log_retention_days
            ),
        );
        parts::plan(&mut plan, &project.config);
        Ok(plan)
    }

    fn deploy(&self, project: &Project, output: Output) -> Result<Outputs> {
        let Config { aws, server, .. } = &project.config;
        let account = Account::new(&project.config);
        let settings = prepare(project, &account, output).map_err(|failure| {
            failure.when_interrupted("nothing was deployed; run `cargo pmcp deploy` again").in_vain()
        })?;
        let app = project.root.join(APP);
        output.step(format!("deploy {} to {}", server.name, aws.region), || {
            let arguments = [
                "--no-install",
                "cdk",
                "deploy",
                // By its name: an app may have others, and whoever calls this one otherwise is told before it is made.
                &server.name,
                "--require-approval",
                "never",
                // Without a change set, which nobody would look at: it takes half a minute longer.
                "--method",
                "direct",
                "--progress",
                "events",
            ];
            let call = NPX.call(arguments.into_iter().chain(account.option()))?;
            let call = account.environment(call.folder(&app)).env("PMCP_SETTINGS", settings);
            account.of_the_cdk(call).run("").map_err(|failure| stack::after_failure(&account, &server.name, failure))
        })?;
        // A version that a rollback chose stays live where the template did not change.
        let zip = project.root.join(archive::path(&server.name));
        let live = stack::go_live(&account, &server.name, &zip).and_then(|()| self.outputs(&project.config));
        live.map_err(|failure| {
            let failure = failure.when_interrupted("see `cargo pmcp deploy status` and `outputs`");
            failure.after(format!("{} is deployed", server.name))
        })
    }

    fn outputs(&self, config: &Config) -> Result<Outputs> {
        let (account, stack) = (Account::new(config), self.stack(config)?);
        let function = stack.function(&config.server.name);
        let mut outputs = stack.outputs();
        // The stack knows which version was deployed last, and not which one a rollback chose, or that none is live.
        if outputs.remove("Version").is_some()
            && let Some(live) = stack::live(&account, &function)?
        {
            outputs.insert("Version".into(), live);
        }
        Ok(Outputs(outputs))
    }

    fn who(&self, config: &Config) -> Result<Login> {
        let account::Identity { account, arn } = Account::new(config).identity()?;
        Ok(Login { account, who: arn, term: None })
    }

    fn login(&self, config: &Config, options: &cli::Login, _output: Output) -> Result<bool> {
        Account::new(config).login(options.no_browser)
    }

    fn url(&self, config: &Config) -> Result<String> {
        self.output(config, "Url")
    }

    fn status(&self, config: &Config) -> Result<Status> {
        let account = Account::new(config);
        let name = config.server.name.clone();
        let found = stack::describe(&account, &name)?;
        let deployed = found.as_ref().is_some_and(Stack::has_server);
        let (live_version, (versions, times)) = match found.as_ref().map(|stack| stack.function(&name)) {
            Some(function) => (stack::live(&account, &function)?, stack::versions_with_times(&account, &function)?),
            None => Default::default(),
        };
        let none = if deployed && live_version.is_none() { ", and no version is live" } else { "" };
        let url = found.as_ref().filter(|_| deployed).and_then(|stack| stack.output("Url")).map(str::to_owned);
        let state = found.map(|stack| format!("{}{none}", stack.status));
        Ok(Status { name, place: self.place(config), deployed, url, state, live_version, versions, times })
    }

    fn is_deployed(&self, config: &Config) -> Result<bool> {
        let found = stack::describe(&Account::new(config), &config.server.name)?;
        Ok(found.is_some_and(|stack| stack.has_server()))
    }

    fn loses_url(&self, config: &Config) -> Result<Option<String>> {
        let found = stack::describe(&Account::new(config), &config.server.name)?;
        let Some(url) = found.as_ref().and_then(|stack| stack.output("Url")) else { return Ok(None) };
        let gone = match config.aws.front {
            Front::FunctionUrl => ".execute-api.",
            Front::HttpApi => ".lambda-url.",
        };
        let what = format!("`front` under [aws] is not what it was: {url} goes, and the server gets another URL");
        Ok(url.contains(gone).then_some(what))
    }

    fn login_variable(&self, config: &Config) -> Option<&'static str> {
        // Before these goes a profile that deploy.toml names.
        let is_set = std::env::var_os("AWS_ACCESS_KEY_ID").is_some_and(|key| !key.is_empty());
        (is_set && config.aws.profile.is_none()).then_some("AWS_ACCESS_KEY_ID")
    }

    fn account(&self, config: &mut Config) -> Result<Option<String>> {
        Ok(Some(Account::new(config).identity()?.account))
    }

    fn rollback(&self, config: &Config, options: &Rollback) -> Result<Plan> {
        stack::rollback(&Account::new(config), config, options)
    }

    fn logs(&self, config: &Config, options: &Logs, output: Output) -> Result {
        let group = self.output(config, "LogGroup")?;
        logs::run(&Account::new(config), &group, options, output)
    }

    fn secret_name(&self, config: &Config, key: &str) -> String {
        format!("the entry {} of Secrets Manager in {}", secrets::name(config, key), config.aws.region)
    }

    fn secret_notes(&self) -> SecretNotes {
        SecretNotes::once_deployed("it can be restored for 7 days: storing a value again does")
    }

    fn secrets(&self, config: &Config) -> Result<BTreeMap<String, Option<String>>> {
        secrets::list(&Account::new(config), config)
    }

    fn set_secret(&self, config: &Config, key: &str, value: Hidden) -> Result {
        secrets::set(&Account::new(config), config, key, value)
    }

    fn check_unread(&self, config: &Config, key: &str) -> Result {
        secrets::check_unread(&Account::new(config), config, key)
    }

    fn delete_secret(&self, config: &Config, key: &str) -> Result {
        secrets::delete(&Account::new(config), config, key)
    }

    fn readers(&self, config: &Config, key: &str) -> Result<Vec<String>> {
        stack::readers(&Account::new(config), config, key)
    }

    fn removal(&self, project: &Project, clean: bool) -> Result<Removal> {
        let config = &project.config;
        let account = Account::new(config);
        let deployed = stack::describe(&account, &config.server.name)?.is_some();
        if !deployed {
            assembly::require_name(&account, &config.server.name, &project.root.join(APP))?;
        }
        Ok(Removal { deployed, along: None, outliving: outliving::find(&account, config, clean)? })
    }

    fn destroy(&self, project: &Project, removal: &Removal, output: Output) -> Result {
        let config = &project.config;
        let account = Account::new(config);
        let name = &config.server.name;
        if removal.deployed {
            let what = format!("remove the stack {name} in {}", config.aws.region);
            output.wait(what, || stack::delete(&account, name))?;
        }
        for Outliving { kind, name: what } in &removal.outliving {
            output.wait(format!("remove the {kind} {what}"), || outliving::delete(&account, kind, what, name))?;
        }
        Ok(())
    }
}

impl AwsLambda {
    fn stack(&self, config: &Config) -> Result<Stack> {
        let stack = stack::describe(&Account::new(config), &config.server.name)?;
        stack.filter(Stack::has_server).ok_or_else(|| not_deployed(config))
    }

    fn output(&self, config: &Config, name: &str) -> Result<String> {
        self.stack(config)?.outputs().remove(name).ok_or_else(|| {
            Failure::failed(
                format!("the stack {} has no output `{name}`", config.server.name),
                format!("put it back into {APP}/server-stack.ts and deploy again"),
            )
        })
    }
}

/// Whether the CDK app is there that `deploy init` wrote.
fn check_app(root: &Path) -> Result {
    let app = root.join(APP);
    if !app.join("cdk.json").exists() {
        return Err(Failure::refused(
            format!("{APP}/cdk.json is not there"),
            "write it with `cargo pmcp deploy init --target aws-lambda`; what you changed elsewhere stays",
        ));
    }
    let app = std::path::absolute(&app).map_err(Failure::file("finding", &app))?;
    // A list of folders has the first between them; what is loaded is named by a URL, to which the others say something.
    match app.to_string_lossy().chars().find(|letter| cfg!(unix) && [':', '?', '\\'].contains(letter)) {
        None => Ok(()),
        Some(letter) => Err(Failure::refused(
            format!("Node.js and npm find nothing in a folder whose path has `{letter}`: {}", app.display()),
            "move the project, or give its folder another name",
        )),
    }
}

/// Everything before anything is changed on AWS: what is uploaded, and the file of settings for the CDK app.
fn prepare(project: &Project, account: &Account, output: Output) -> Result<PathBuf> {
    let Config { aws, server, .. } = &project.config;
    let app = project.root.join(APP);
    check_app(&project.root)?;
    for program in [&CARGO, &NPM, &NPX, &AWS] {
        program.call([""; 0])?;
    }
    output.wait(format!("look at the account, and at {} in {}", server.name, aws.region), || {
        account.identity()?;
        account.bootstrapped()?;
        stack::ready(account, &server.name)
    })?;
    let granted = secrets::grant(account, &project.config)?;
    let binary = build::Package::find(project)?;
    binary.check_features(&project.config)?;
    let builder = build::Builder::find(aws.architecture)?;
    let bootstrap = output.step(format!("build {} for {}", binary.name, aws.architecture.name()), || {
        builder.build(project, &binary, aws.architecture)
    })?;
    let zip = project.root.join(archive::path(&server.name));
    output.wait(format!("pack {}", archive::path(&server.name)), || archive::zip(&bootstrap, "bootstrap", &zip))?;
    if !node::is_installed(&app)? {
        output.step("install the CDK", || node::install(&app))?;
    }
    let path = project.root.join(".pmcp/build/settings.json");
    let zip = std::path::absolute(&zip).map_err(Failure::file("finding", &zip))?;
    let settings = encode_json(&Settings::new(&project.config, &granted, zip.to_string_lossy().into_owned()))?;
    fs::write(&path, settings).map_err(Failure::file("writing", &path))?;
    std::path::absolute(&path).map_err(Failure::file("finding", &path))
}
