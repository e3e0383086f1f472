//! Google Cloud Run: an image that this tool makes and sends, and a service that gcloud makes of it.

mod artifacts;
mod container;
mod context;
mod docker;
mod gcloud;
mod image;
mod logs;
mod manifest;
mod registry;
mod resource;
mod secrets;
mod service;

use std::collections::BTreeMap;
use std::fs;

use self::container::{Builder, moment};
use self::gcloud::{CloudProject, GCLOUD};
use self::registry::Registry;
use super::static_binary::{self, Package};
use super::{Check, Login, Outliving, Outputs, Removal, SecretNotes, Status, Target, not_deployed};
use crate::cli::{self, Init, Logs, Platform, Rollback};
use crate::config::{Architecture, Authentication, Config, ImageBuilder, check_gcp_name, is_gcp_region, is_project};
use crate::deploy;
use crate::exec::{CARGO, Hidden};
use crate::failure::{Failure, Result};
use crate::files::NewFile;
use crate::output::Output;
use crate::plan::{Action, Plan};
use crate::workspace::CLOUDRUN;

/// Where the files for Docker and Cloud Build are in a project.
const FOLDER: &str = "deploy/google-cloud-run";

/// Cloud Run has no other.
const ARCHITECTURE: Architecture = Architecture::X86_64;

const SECRET: &str = "secret";
const REPOSITORY: &str = "repository of Artifact Registry, with all images of the server,";

macro_rules! template {
    ($name:literal) => {
        include_str!(concat!("../../../templates/google-cloud-run/", $name))
    };
}

pub(crate) struct GoogleCloudRun;

impl Target for GoogleCloudRun {
    fn platform(&self) -> Platform {
        Platform::GoogleCloudRun
    }

    fn place(&self, config: &Config) -> String {
        // Without a project nothing is deployed.
        CloudProject::new(config).map_or_else(|_| config.gcp.region.clone(), |project| project.place())
    }

    fn says_place(&self, config: &Config) -> &'static str {
        if config.gcp.project.is_some() { crate::config::PATH } else { ".pmcp/deploy.toml or what gcloud is set to" }
    }

    fn settle(&self, config: &mut Config, options: &Init) -> Result {
        options.only("Google Cloud Run", &["--region", "--project"])?;
        if let Some(region) = &options.region {
            if !is_gcp_region(region) {
                let advice = "they look like this: --region europe-west1";
                return Err(Failure::usage(format!("`{region}` is no region of Google Cloud"), advice));
            }
            config.gcp.region.clone_from(region);
        }
        if let Err(what) = check_gcp_name(&config.server.name) {
            return Err(Failure::usage(what, "give another with --name"));
        }
        if let Some(project) = &options.project {
            if !is_project(project) {
                let advice = "they look like this: --project my-project-123456";
                return Err(Failure::usage(format!("`{project}` is no id of a project"), advice));
            }
            config.gcp.project = Some(project.clone());
        }
        Ok(())
    }

    fn files(&self, project: &deploy::Project) -> Vec<NewFile> {
        let Config { server, gcp, .. } = &project.config;
        // The file says which it is from then on, whatever gcloud is set to later.
        let id = match gcp.project.clone().or_else(gcloud::default_project) {
            Some(id) => format!("project = \"{id}\""),
            None => "# project = \"my-project-123456\"".into(),
        };
        let config = template!("deploy.toml.in")
            .replace("{{name}}", &server.name)
            .replace("{{project}}", &id)
            .replace("{{region}}", &gcp.region);
        let file = |file: &str, content: &str| NewFile::new(format!("{FOLDER}/{file}"), content);
        vec![
            NewFile::new(crate::config::PATH, config),
            NewFile::new(".pmcp/.gitignore", "build/\nlock\n"),
            file("Dockerfile", template!("Dockerfile")),
            file("Dockerfile.dockerignore", template!("Dockerfile.dockerignore")),
            file("cloudbuild.yaml", template!("cloudbuild.yaml")),
        ]
    }

    fn needed_file(&self, project: &deploy::Project) -> Option<String> {
        match project.config.gcp.builder {
            ImageBuilder::Cargo => None,
            ImageBuilder::Docker => Some(format!("{FOLDER}/Dockerfile")),
            ImageBuilder::CloudBuild => Some(format!("{FOLDER}/cloudbuild.yaml")),
        }
    }

    fn doctor(&self, config: &Config) -> Vec<Check> {
        let mut checks: Vec<Check> = [CARGO, GCLOUD].iter().map(Check::of_program).collect();
        let mut check = |what: String, found: Result<String>| {
            checks.push(Check::of(what, found.map_err(Failure::in_a_line)));
        };
        if config.gcp.builder == ImageBuilder::Cargo {
            let builder = static_binary::Builder::find(ARCHITECTURE);
            check(format!("a compiler for {}", ARCHITECTURE.name()), builder.map(|builder| builder.name().into()));
        } else {
            check("what makes the image".into(), Builder::find(config).map(|builder| builder.name().into()));
        }
        let project = match CloudProject::new(config) {
            // Without gcloud nothing more is known, nor missing.
            _ if GCLOUD.find().is_none() => return checks,
            Ok(project) => project,
            Err(failure) => {
                check("a project of Google Cloud".into(), Err(failure));
                return checks;
            }
        };
        let who = project.who();
        let is_known = who.is_ok();
        checks.push(Check::of_login("Google Cloud", who));
        if is_known {
            let missing = project.disabled_apis().and_then(|missing| match &missing[..] {
                [] => Ok("all enabled".to_owned()),
                missing => Err(Failure::missing(format!("not enabled: {}", missing.join(", ")), project.enabling())),
            });
            checks.push(Check::of(format!("the APIs of {}", project.id), missing.map_err(Failure::in_a_line)));
        }
        checks
    }

    fn plan(&self, project: &deploy::Project) -> Result<Plan> {
        let config = &project.config;
        let Config { gcp, server, .. } = config;
        let package = Package::find(project, &CLOUDRUN)?;
        let place = CloudProject::new(config)?.place();
        let mut plan = Plan::new();
        Builder::find(config)?.plan(project, &package, &mut plan)?;
        plan.detailed(
            Action::Change,
            format!("the repository {} of Artifact Registry in {place}", server.name),
            "made if it is not there; the image gets a name that follows from what is in it",
        );
        plan.step(Action::Write, manifest::PATH);
        let most = gcp.max_instances.map_or_else(|| "any number of".into(), |most| most.to_string());
        plan.detailed(
            Action::Change,
            format!("the service {} of Cloud Run in {place}", server.name),
            format!(
                "from {} to {most} instances with {} CPU and {} MB, each for {} requests at once of up to {} s",
                gcp.min_instances, gcp.cpu, gcp.memory_mb, gcp.concurrency, gcp.timeout_seconds
            ),
        );
        let mut more = |there: bool, what: String| {
            if there {
                plan.step(Action::Change, what);
            }
        };
        let variables: Vec<&str> = config.environment.keys().map(String::as_str).collect();
        more(!variables.is_empty(), format!("its environment: {}", variables.join(", ")));
        let secrets: Vec<&str> = config.secrets.keys().map(String::as_str).collect();
        more(!secrets.is_empty(), format!("its right to read secrets at its start: {}", secrets.join(", ")));
        more(gcp.vpc.is_some(), "its private network".into());
        more(!gcp.cloud_sql.is_empty(), format!("its databases: {}", gcp.cloud_sql.join(", ")));
        if gcp.authentication == Authentication::Public {
            let what = "`authentication` is public: everybody who knows the URL may call the server";
            plan.warnings.push(what.into());
        }
        Ok(plan)
    }

    fn deploy(&self, project: &deploy::Project, output: Output) -> Result<Outputs> {
        let config = &project.config;
        let name = &config.server.name;
        let cloud = CloudProject::new(config)?;
        for program in [&CARGO, &GCLOUD] {
            program.call([""; 0])?;
        }
        let looked = output.wait(format!("look at {name} in {}", cloud.place()), || {
            let begun = service::describe(&cloud, name)?.map(|service| service.generation());
            artifacts::find(&cloud, config)?;
            Ok((begun, secrets::given(&cloud, config)?))
        });
        let (begun, given) = looked.map_err(|failure| failure.when_interrupted(super::UNCHANGED).in_vain())?;
        let package = Package::find(project, &CLOUDRUN)?;
        let image = Builder::find(config)?.build(project, &package, &cloud, output)?;
        let path = project.root.join(manifest::PATH);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(Failure::file("creating", folder))?;
        }
        let deployment = moment();
        let text = manifest::encode(config, &cloud, &image, &given, &deployment)?;
        fs::write(&path, text).map_err(Failure::file("writing", &path))?;
        let path = std::path::absolute(&path).map_err(Failure::file("finding", &path))?;
        let was_granted = secrets::grant(&cloud, config, &given, output)?;
        output
            .step(format!("deploy {name} to {}", cloud.place()), || {
                service::replace(&cloud, name, &path.to_string_lossy(), begun, was_granted)?;
                service::deployed(&cloud, name, &deployment)
            })
            .map(|service| Outputs(service.outputs(&cloud, service.live_image())))
    }

    fn outputs(&self, config: &Config) -> Result<Outputs> {
        let project = CloudProject::new(config)?;
        match service::describe(&project, &config.server.name)? {
            Some(service) => {
                let image = service::live_image(&project, &service)?;
                Ok(Outputs(service.outputs(&project, image)))
            }
            None => Err(not_deployed(config)),
        }
    }

    fn who(&self, config: &Config) -> Result<Login> {
        let project = CloudProject::new(config)?;
        let who = project.who()?;
        Ok(Login { account: project.id, who, term: None })
    }

    fn login(&self, _config: &Config, options: &cli::Login, _output: Output) -> Result<bool> {
        CloudProject::login(options.no_browser).map(|()| true)
    }

    fn login_variable(&self, _config: &Config) -> Option<&'static str> {
        gcloud::token_variable()
    }

    fn token_advice(&self, config: &Config) -> Option<&'static str> {
        (config.gcp.authentication == Authentication::Iam).then_some(
            "it lets in who has roles/run.invoker and sends a token: TOKEN=$(gcloud auth print-identity-token) cargo pmcp \
             deploy test --token-from-env TOKEN",
        )
    }

    fn url(&self, config: &Config) -> Result<String> {
        self.outputs(config)?.0.remove("Url").ok_or_else(|| {
            Failure::failed(format!("{} has no URL yet", config.server.name), "see `cargo pmcp deploy status`")
        })
    }

    fn status(&self, config: &Config) -> Result<Status> {
        let project = CloudProject::new(config)?;
        let name = config.server.name.clone();
        let found = service::describe(&project, &name)?;
        let (versions, times) = match &found {
            Some(_) => service::revisions(&project, &name)?,
            None => Default::default(),
        };
        let live_version = found.as_ref().and_then(|service| service.live());
        let url = found.as_ref().and_then(|service| service.url());
        let state = found.map(|service| service.state());
        let (place, deployed) = (project.place(), state.is_some());
        Ok(Status { name, place, deployed, url, state, live_version, versions, times })
    }

    fn rollback(&self, config: &Config, options: &Rollback) -> Result<Plan> {
        service::rollback(&CloudProject::new(config)?, config, options)
    }

    fn logs(&self, config: &Config, options: &Logs, output: Output) -> Result {
        logs::run(&CloudProject::new(config)?, config, options, output)
    }

    fn secret_name(&self, config: &Config, key: &str) -> String {
        let project = config.gcp.project.as_ref().map(|id| format!(" in {id}")).unwrap_or_default();
        format!("the entry {} of Secret Manager{project}", secrets::name(config, key))
    }

    fn secret_notes(&self) -> SecretNotes {
        SecretNotes::once_deployed("with all its versions, for good")
    }

    fn secrets(&self, config: &Config) -> Result<BTreeMap<String, Option<String>>> {
        secrets::list(&CloudProject::new(config)?, config)
    }

    fn set_secret(&self, config: &Config, key: &str, value: Hidden) -> Result {
        secrets::set(&CloudProject::new(config)?, config, key, value)
    }

    fn check_unread(&self, config: &Config, key: &str) -> Result {
        secrets::check_unread(&CloudProject::new(config)?, config, key)
    }

    fn delete_secret(&self, config: &Config, key: &str) -> Result {
        secrets::delete_entry(&CloudProject::new(config)?, &secrets::name(config, key))
    }

    fn removal(&self, project: &deploy::Project, _clean: bool) -> Result<Removal> {
        let config = &project.config;
        let project = CloudProject::new(config)?;
        let deployed = service::describe(&project, &config.server.name)?.is_some();
        let secrets = secrets::all(&project, config)?.into_iter();
        let mut outliving: Vec<Outliving> = secrets.map(|name| Outliving { kind: SECRET, name }).collect();
        if artifacts::find_if_enabled(&project, config)?.is_some() {
            outliving.push(Outliving { kind: REPOSITORY, name: config.server.name.clone() });
        }
        Ok(Removal { deployed, along: None, outliving })
    }

    fn destroy(&self, project: &deploy::Project, removal: &Removal, output: Output) -> Result {
        let config = &project.config;
        let project = CloudProject::new(config)?;
        let name = &config.server.name;
        if removal.deployed {
            let what = format!("remove the service {name} in {}", project.place());
            output.wait(what, || service::delete(&project, name))?;
        }
        for Outliving { kind, name: what } in &removal.outliving {
            output.wait(format!("remove the {kind} {what}"), || match *kind {
                SECRET => secrets::delete_entry(&project, what),
                _ => artifacts::delete(&project, what),
            })?;
        }
        Ok(())
    }
}

/// Whoever is logged in, at the registry of `image`.
fn open<'a>(project: &CloudProject, image: &'a str) -> Result<Registry<'a>> {
    Registry::open(image, project.token()?)
}
