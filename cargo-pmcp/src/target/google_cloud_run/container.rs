//! What makes the image: this tool with cargo, Docker, or Cloud Build. In the end all are named by their digest.

use std::time::SystemTime;

use super::docker::{self, DOCKER, HELPER};
use super::gcloud::CloudProject;
use super::image::Image;
use super::{ARCHITECTURE, FOLDER, artifacts, context, open};
use crate::config::{Config, ImageBuilder};
use crate::deploy;
use crate::failure::{Failure, Result};
use crate::output::Output;
use crate::plan::{Action, Plan};
use crate::target::static_binary::{self, Package};

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
                for program in [&DOCKER, &HELPER] {
                    program.call([""; 0])?;
                }
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
                context::check_unbuilt(project, "Dockerfile")?;
                plan.detailed(Action::Run, "docker build, docker push", format!("by {FOLDER}/Dockerfile"));
            }
            Self::CloudBuild => {
                context::check_unbuilt(project, "cloudbuild.yaml")?;
                let what =
                    format!("by {FOLDER}/cloudbuild.yaml, without secrets, what was built, and what git ignores");
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
        cloud: &CloudProject,
        output: Output,
    ) -> Result<String> {
        let CloudProject { id, region, .. } = cloud;
        let left = match self {
            Self::CloudBuild => format!(
                "nothing was deployed, but Cloud Build may go on by itself: see `gcloud builds list --ongoing --region {region} \
                 --project {id}`; run `cargo pmcp deploy` again"
            ),
            _ => "nothing was deployed; run `cargo pmcp deploy` again".into(),
        };
        self.make(project, package, cloud, output).map_err(|failure| failure.when_interrupted(left))
    }

    fn make(
        self,
        project: &deploy::Project,
        package: &Package,
        cloud: &CloudProject,
        output: Output,
    ) -> Result<String> {
        match self {
            Self::Cargo(builder) => {
                let what = format!("build {} for {}", package.name, ARCHITECTURE.name());
                let executable = output.step(what, || builder.build(project, package, ARCHITECTURE));
                // Nothing is made at Google before.
                let executable = executable.map_err(Failure::in_vain)?;
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
                context::check(project, "Dockerfile")?;
                let name = artifacts::find_or_create(cloud, &project.config, output)?;
                let tag = moment();
                output.step(format!("build {} with Docker", package.name), || {
                    let file = format!("{FOLDER}/Dockerfile");
                    let argument = format!("PACKAGE={}", package.name);
                    let tagged = format!("{name}:{tag}");
                    let build = ["build", "--platform", "linux/amd64", "--file", &file, "--build-arg", &argument];
                    let call = DOCKER.call([&build[..], &["--tag", &tagged, "."]].concat())?.folder(&project.root);
                    // What Docker built with before does not know Dockerfile.dockerignore, and would be sent everything.
                    call.env("DOCKER_BUILDKIT", "1").run("mend what Docker says above; nothing was deployed")
                })?;
                output.step("send the image".to_owned(), || docker::push(project, &name, &tag))?;
                with_digest(cloud, &name, &tag)
            }
            Self::CloudBuild => {
                context::check(project, "cloudbuild.yaml")?;
                let name = artifacts::find_or_create(cloud, &project.config, output)?;
                let tag = moment();
                context::write_ignored(&project.root)?;
                output.step(format!("build {} with Cloud Build", package.name), || {
                    let config = format!("{FOLDER}/cloudbuild.yaml");
                    let values = format!("_IMAGE={name}:{tag},_PACKAGE={}", package.name);
                    let submit = ["builds", "submit", ".", "--config", &config, "--ignore-file", context::IGNORED];
                    let rest = ["--substitutions", &values, "--region", &cloud.region];
                    let call = cloud.call(&[&submit[..], &rest].concat())?.folder(&project.root);
                    cloud.show(call, "mend what Cloud Build says above; nothing was deployed")
                })?;
                with_digest(cloud, &name, &tag)
            }
        }
    }
}

/// The image by its digest: a tag may be given to another later.
fn with_digest(cloud: &CloudProject, image: &str, tag: &str) -> Result<String> {
    let digest = open(cloud, image)?.digest(tag)?;
    Ok(format!("{image}@{digest}"))
}

/// A tag that follows from what is in the image.
fn tag(digest: &str) -> String {
    digest.trim_start_matches("sha256:").chars().take(12).collect()
}

/// A name that nobody else takes.
pub(super) fn moment() -> String {
    let now = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default().as_millis();
    format!("{now}-{}", std::process::id())
}
