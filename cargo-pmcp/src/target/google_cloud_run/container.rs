//! What makes the image: this tool with cargo, Docker, or Cloud Build. In the end all are named by their digest.

use std::fs;
use std::time::SystemTime;

use super::gcloud::Project;
use super::image::Image;
use super::{ARCHITECTURE, FOLDER, artifacts, open};
use crate::config::{Config, ImageBuilder};
use crate::deploy;
use crate::exec::{Hidden, Program};
use crate::failure::{Failure, Result};
use crate::output::Output;
use crate::plan::{Action, Plan};
use crate::target::static_binary::{self, Package};
use crate::workspace::Workspace;

const DOCKER: Program = Program {
    name: "docker",
    install: "install Docker: https://docs.docker.com/get-docker/; without --builder nothing like it is needed",
};

/// Where Docker is told of the login, which is forgotten again.
const DOCKER_CONFIG: &str = ".pmcp/build/docker";

/// What makes the image, and is on this machine.
pub(super) enum Builder {
    Cargo(static_binary::Builder),
    Docker,
    CloudBuild,
}

impl Builder {
    pub(super) fn find(config: &Config) -> Result<Self> {
        Ok(match config.gcp.builder {
            ImageBuilder::Cargo => Self::Cargo(static_binary::Builder::find(ARCHITECTURE)?),
            ImageBuilder::Docker => {
                DOCKER.call([""; 0])?;
                Self::Docker
            }
            ImageBuilder::CloudBuild => Self::CloudBuild,
        })
    }

    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Cargo(builder) => builder.name(),
            Self::Docker => DOCKER.name,
            Self::CloudBuild => "Cloud Build",
        }
    }

    pub(super) fn plan(&self, project: &deploy::Project, package: &Package, plan: &mut Plan) -> Result {
        match self {
            Self::Cargo(builder) => plan.detailed(
                Action::Run,
                builder.shown(&package.name, ARCHITECTURE),
                "one file that needs no other, in an image with nothing else but certificates",
            ),
            Self::Docker => {
                check_context(project, "Dockerfile")?;
                plan.detailed(Action::Run, "docker build, docker push", format!("by {FOLDER}/Dockerfile"));
            }
            Self::CloudBuild => {
                check_context(project, "cloudbuild.yaml")?;
                let what = format!("by {FOLDER}/cloudbuild.yaml, with what git does not ignore here");
                plan.detailed(Action::Run, "gcloud builds submit", what);
            }
        }
        Ok(())
    }

    /// Makes the image, sends it to its repository, and returns its name there with its digest.
    pub(super) fn build(
        self,
        project: &deploy::Project,
        package: &Package,
        cloud: &Project,
        output: Output,
    ) -> Result<String> {
        match self {
            Self::Cargo(builder) => {
                let what = format!("build {} for {}", package.name, ARCHITECTURE.name());
                let executable = output.step(what, || builder.build(project, package, ARCHITECTURE))?;
                let image = output.wait("pack the image".to_owned(), || Image::new(&executable))?;
                let size = image.size() as f64 / 1e6;
                let name = artifacts::find_or_create(cloud, &project.config, output)?;
                output.wait(format!("send the image, {size:.1} MB at most"), || {
                    let digest = &image.manifest.digest;
                    open(cloud, &name)?.push(&image, &tag(digest))?;
                    Ok(format!("{name}@{digest}"))
                })
            }
            Self::Docker => {
                check_context(project, "Dockerfile")?;
                let name = artifacts::find_or_create(cloud, &project.config, output)?;
                let tag = moment();
                output.step(format!("build {} with Docker", package.name), || {
                    let file = format!("{FOLDER}/Dockerfile");
                    let argument = format!("PACKAGE={}", package.name);
                    let tagged = format!("{name}:{tag}");
                    let build = ["build", "--platform", "linux/amd64", "--file", &file, "--build-arg", &argument];
                    let call = DOCKER.call([&build[..], &["--tag", &tagged, "."]].concat())?.folder(&project.root);
                    call.run("mend what Docker says above; nothing was deployed")
                })?;
                output.step("send the image".to_owned(), || docker_push(project, cloud, &name, &tag))?;
                with_digest(cloud, &name, &tag)
            }
            Self::CloudBuild => {
                check_context(project, "cloudbuild.yaml")?;
                let name = artifacts::find_or_create(cloud, &project.config, output)?;
                let tag = moment();
                output.step(format!("build {} with Cloud Build", package.name), || {
                    let config = format!("{FOLDER}/cloudbuild.yaml");
                    let values = format!("_IMAGE={name}:{tag},_PACKAGE={}", package.name);
                    let submit = ["builds", "submit", ".", "--config", &config, "--substitutions", &values];
                    let call = cloud.call(&[&submit[..], &["--region", &cloud.region]].concat())?;
                    cloud.show(call.folder(&project.root), "mend what Cloud Build says above; nothing was deployed")
                })?;
                with_digest(cloud, &name, &tag)
            }
        }
    }
}

/// Docker keeps logins in a file. This one is for one image, in a folder of its own that does not last.
fn docker_push(project: &deploy::Project, cloud: &Project, image: &str, tag: &str) -> Result {
    let folder = project.root.join(DOCKER_CONFIG);
    fs::create_dir_all(&folder).map_err(Failure::file("creating", &folder))?;
    let folder = std::path::absolute(&folder).map_err(Failure::file("finding", &folder))?;
    let config = folder.to_string_lossy();
    let host = image.split('/').next().unwrap_or_default();
    let Hidden(token) = cloud.token()?;
    let login = ["--config", &config, "login", "--username", "oauth2accesstoken", "--password-stdin", host];
    let said = DOCKER.call(login)?.input(Hidden(token)).capture()?;
    let pushed = said.map_err(|said| said.failed("see that Docker runs; nothing was deployed")).and_then(|_| {
        let call = DOCKER.call(["--config", &config, "push", &format!("{image}:{tag}")])?;
        call.run("mend what Docker says above; nothing was deployed")
    });
    fs::remove_dir_all(&folder).map_err(Failure::file("removing", &folder))?;
    pushed
}

/// The image by its digest: a tag may be given to another later.
fn with_digest(cloud: &Project, image: &str, tag: &str) -> Result<String> {
    let digest = open(cloud, image)?.digest(tag)?;
    Ok(format!("{image}@{digest}"))
}

/// Whether an image can be made of what is in the project's folder, which is all that those see who make it.
fn check_context(project: &deploy::Project, file: &str) -> Result {
    if !project.root.join(FOLDER).join(file).exists() {
        return Err(Failure::refused(
            format!("{FOLDER}/{file} is not there"),
            "write it with `cargo pmcp deploy init`, or leave out --builder",
        ));
    }
    let root = project.root.canonicalize().map_err(Failure::file("finding", &project.root))?;
    let folders = Workspace::load_whole(&project.root)?.folders();
    match folders.iter().find(|folder| !folder.starts_with(&root)) {
        None => Ok(()),
        Some(outside) => Err(Failure::refused(
            format!("the server is made of {} too, which no container build of this folder sees", outside.display()),
            "depend on it by `git` instead of `path`, or leave out --builder",
        )),
    }
}

/// A tag that follows from what is in the image.
fn tag(digest: &str) -> String {
    digest.trim_start_matches("sha256:").chars().take(12).collect()
}

/// A tag that nobody else takes.
fn moment() -> String {
    let now = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default().as_millis();
    format!("{now}-{}", std::process::id())
}
