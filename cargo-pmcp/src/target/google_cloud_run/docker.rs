//! Sends an image with Docker, which asks gcloud for the login itself: no token is on a command line or in a file.

use std::env;
use std::fs;

use serde::Deserialize;
use serde_json::json;

use crate::deploy;
use crate::exec::Program;
use crate::failure::{Failure, Result};

pub(super) const DOCKER: Program = Program {
    name: "docker",
    install: "install Docker: https://docs.docker.com/get-docker/; without --builder nothing like it is needed",
};

/// Tells Docker the login when it asks.
pub(super) const HELPER: Program = Program {
    name: "docker-credential-gcloud",
    install: "it is in the folder of gcloud's own programs: add `$(gcloud info --format='value(installation.sdk_root)')/bin` to \
              PATH",
};

/// Where Docker is told whom to ask. Without it the user's own settings would have to be changed.
const SETTINGS: &str = ".pmcp/build/docker";

/// Sends `image` with this tag to its registry.
pub(super) fn push(project: &deploy::Project, image: &str, tag: &str) -> Result {
    let folder = project.root.join(SETTINGS);
    // Of an older version, with a token, that was ended on its way.
    if folder.exists() {
        fs::remove_dir_all(&folder).map_err(Failure::file("removing", &folder))?;
    }
    fs::create_dir_all(&folder).map_err(Failure::file("creating", &folder))?;
    let host = image.split('/').next().unwrap_or_default();
    let path = folder.join("config.json");
    let settings = json!({ "credHelpers": { host: "gcloud" } });
    fs::write(&path, format!("{settings}\n")).map_err(Failure::file("writing", &path))?;
    let folder = std::path::absolute(&folder).map_err(Failure::file("finding", &folder))?;
    let arguments = ["--config", &folder.to_string_lossy(), "push", &format!("{image}:{tag}")].map(str::to_owned);
    let mut call = DOCKER.call(arguments)?;
    for (name, value) in engine()? {
        call = call.env(name, value);
    }
    // gcloud knows the registries of the regions that there were when it was made.
    let call = call.env("CLOUDSDK_ARTIFACTS_ALLOW_UNRECOGNIZED_REGISTRY", "true");
    let pushed = call.run("mend what Docker says above; nothing was deployed");
    fs::remove_dir_all(&folder).map_err(Failure::file("removing", &folder))?;
    pushed
}

/// A context of Docker's, which says where its engine is.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Context {
    name: String,
    endpoints: Endpoints,
    #[serde(default, rename = "TLSMaterial")]
    tls: Tls,
    storage: Storage,
}

#[derive(Deserialize)]
struct Endpoints {
    docker: Endpoint,
}

#[derive(Deserialize)]
struct Endpoint {
    #[serde(rename = "Host")]
    host: String,
    #[serde(default, rename = "SkipTLSVerify")]
    skip_verify: bool,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Tls {
    docker: Vec<String>,
}

#[derive(Deserialize)]
struct Storage {
    #[serde(rename = "TLSPath")]
    tls: String,
}

/// The engine that has built, as variables: contexts are among the settings that stand aside for these.
fn engine() -> Result<Vec<(&'static str, String)>> {
    if env::var_os("DOCKER_HOST").is_some_and(|host| !host.is_empty()) {
        return Ok(Vec::new());
    }
    // What is called docker and is not, or is of before contexts, has none.
    let Ok(text) = DOCKER.call(["context", "inspect"])?.capture()? else { return Ok(Vec::new()) };
    Ok(variables(serde_json::from_str(&text).unwrap_or_default()))
}

fn variables(contexts: Vec<Context>) -> Vec<(&'static str, String)> {
    let Some(Context { name, endpoints, tls, storage }) = contexts.into_iter().next() else { return Vec::new() };
    if name == "default" {
        return Vec::new();
    }
    let Endpoint { host, skip_verify } = endpoints.docker;
    let mut variables = vec![("DOCKER_HOST", host)];
    if !tls.docker.is_empty() {
        variables.push(("DOCKER_CERT_PATH", format!("{}/docker", storage.tls)));
        variables.push((if skip_verify { "DOCKER_TLS" } else { "DOCKER_TLS_VERIFY" }, "1".into()));
    }
    variables
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(name: &str, endpoint: &str, tls: &str) -> Vec<(&'static str, String)> {
        let storage = r#"{"MetadataPath":"/m","TLSPath":"/t"}"#;
        let text = format!(
            r#"[{{"Name":"{name}","Metadata":{{}},"Endpoints":{{"docker":{{{endpoint}}}}},"TLSMaterial":{{{tls}}},"Storage":{storage}}}]"#
        );
        variables(serde_json::from_str(&text).expect("contexts"))
    }

    #[test]
    fn a_context_is_told_as_variables() {
        let host = r#""Host":"ssh://ada@build""#;
        assert_eq!(told("default", r#""Host":"unix:///var/run/docker.sock","SkipTLSVerify":false"#, ""), []);
        assert_eq!(told("far", host, ""), [("DOCKER_HOST", "ssh://ada@build".to_owned())]);
        let tls = r#""docker":["ca.pem","cert.pem","key.pem"]"#;
        let certificates = ("DOCKER_CERT_PATH", "/t/docker".to_owned());
        assert_eq!(told("far", host, tls)[1..], [certificates.clone(), ("DOCKER_TLS_VERIFY", "1".to_owned())]);
        let careless = format!("{host},\"SkipTLSVerify\":true");
        assert_eq!(told("far", &careless, tls)[1..], [certificates, ("DOCKER_TLS", "1".to_owned())]);
    }
}
