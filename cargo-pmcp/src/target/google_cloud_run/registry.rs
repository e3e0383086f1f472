//! Sends an image to a registry.
//!
//! Follows the OCI distribution specification: <https://github.com/opencontainers/distribution-spec/blob/main/spec.md>.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

use super::image::{Image, MANIFEST, digest};
use crate::config::{is_loopback, is_safe_address};
use crate::exec::{Hidden, HttpClient, NoResponse, Request, Response, go_on, hide};
use crate::failure::{Failure, Result};

const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";

/// For the longest of the requests, which carries the executable.
const LIMIT: Duration = Duration::from_secs(300);

/// A repository of a registry, and the right to write to it.
pub(super) struct Registry<'a> {
    http: HttpClient,
    /// `https://HOST`.
    origin: String,
    host: &'a str,
    /// The path of the image in the registry.
    path: &'a str,
    /// What lets in, and is good for all of Google Cloud.
    token: Hidden,
    authorization: Option<Hidden>,
}

impl<'a> Registry<'a> {
    /// The registry of `image`, `HOST/PATH`, which `token` lets in.
    pub(super) fn open(image: &'a str, token: Hidden) -> Result<Self> {
        let (host, path) = image.split_once('/').unwrap_or((image, ""));
        // As everybody does: what does not leave this machine needs no TLS.
        let scheme = if is_here(host) { "http" } else { "https" };
        let origin = format!("{scheme}://{host}");
        let mut registry = Self { http: HttpClient::new(), origin, host, path, token, authorization: None };
        registry.log_in()?;
        Ok(registry)
    }

    /// Asks for the way in, and takes it.
    fn log_in(&mut self) -> Result {
        let response = self.send(request("GET", &format!("{}/v2/", self.origin)))?;
        let challenge = match response.status {
            200 => return Ok(()),
            401 => response.header("www-authenticate").unwrap_or_default().to_owned(),
            _ => return Err(self.refused("a greeting", &response)),
        };
        let Hidden(token) = &self.token;
        let basic = format!("Basic {}", STANDARD.encode(format!("oauth2accesstoken:{token}")));
        let Some(realm) = parameter(&challenge, "realm").filter(|_| challenge.starts_with("Bearer ")) else {
            self.authorization = Some(Hidden(basic));
            return Ok(());
        };
        if !is_within(realm, &self.origin) {
            return Err(Failure::failed(
                format!("the registry {} wants the login sent to {realm}, which is not its own", self.host),
                "see that `region` under [gcp] in .pmcp/deploy.toml is a region of Google Cloud",
            ));
        }
        let service = parameter(&challenge, "service").unwrap_or(self.host);
        let url = format!("{realm}?service={service}&scope=repository:{}:pull,push", self.path);
        let response = self.send(request("GET", &url).header("authorization", &basic))?;
        if response.status != 200 {
            return Err(self.refused("this login", &response));
        }
        let granted: Granted = serde_json::from_slice(&response.body).map_err(|error| {
            Failure::failed(format!("{} answered what is not understood: {error}", self.host), "try again later")
        })?;
        self.authorization = granted.token.or(granted.access_token).map(|token| Hidden(format!("Bearer {token}")));
        Ok(())
    }

    /// Sends what the registry does not have yet, and names it by `tag` as well: what no tag names, registries clear away.
    pub(super) fn push(&self, image: &Image, tag: &str) -> Result {
        let url = |part: &str| format!("{}/v2/{}/{part}", self.origin, self.path);
        for blob in &image.blobs {
            let found = self.send(request("HEAD", &url(&format!("blobs/{}", blob.digest))))?;
            // A registry may keep what it has elsewhere.
            if matches!(found.status, 200 | 302 | 307) {
                continue;
            }
            let begun = self.send(request("POST", &url("blobs/uploads/")).body(""))?;
            let location = match (begun.status, begun.header("location")) {
                (202, Some(location)) => self.absolute(location)?,
                _ => return Err(self.refused("an upload", &begun)),
            };
            let joint = if location.contains('?') { '&' } else { '?' };
            let location = format!("{location}{joint}digest={}", blob.digest);
            let upload = request("PUT", &location).content("application/octet-stream", blob.bytes.as_slice());
            let sent = self.send(upload)?;
            if sent.status != 201 {
                return Err(self.refused(&blob.digest, &sent));
            }
        }
        let manifest = request("PUT", &url(&format!("manifests/{tag}")));
        let sent = self.send(manifest.content(MANIFEST, image.manifest.bytes.as_slice()))?;
        match sent.status {
            201 => Ok(()),
            _ => Err(self.refused("the manifest", &sent)),
        }
    }

    /// The digest of what has this tag.
    pub(super) fn digest(&self, tag: &str) -> Result<String> {
        let url = format!("{}/v2/{}/manifests/{tag}", self.origin, self.path);
        // A list of images as well: Docker makes one of an image and what it says of its making.
        let kinds = [MANIFEST, "application/vnd.oci.image.index.v1+json", DOCKER_MANIFEST, DOCKER_LIST].join(", ");
        let response = self.send(request("GET", &url).header("accept", &kinds))?;
        if response.status != 200 {
            return Err(self.refused("a question", &response));
        }
        Ok(digest(&response.body))
    }

    /// Where a registry wants something sent, which may be elsewhere, but never in the clear.
    fn absolute(&self, location: &str) -> Result<String> {
        match location {
            path if path.starts_with('/') => Ok(format!("{}{path}", self.origin)),
            url if is_safe_address(url) => Ok(url.to_owned()),
            url => Err(Failure::failed(
                format!("the registry {} wants the image sent to {url}, which is no safe address", self.host),
                "see that `region` under [gcp] in .pmcp/deploy.toml is a region of Google Cloud",
            )),
        }
    }

    fn send(&self, request: Request) -> Result<Response> {
        go_on(&format!("{} was sent anything more", self.host))?;
        // What it was told goes to the registry alone, wherever that asks to send things.
        let request = match &self.authorization {
            Some(Hidden(authorization)) if is_within(request.url(), &self.origin) => {
                request.header("authorization", authorization)
            }
            _ => request,
        };
        self.http.send(request).map_err(|error| self.unreachable(error))
    }

    fn unreachable(&self, error: NoResponse) -> Failure {
        error.into_failure(|error| {
            Failure::failed(
                format!("the registry {} cannot be reached: {error}", self.host),
                "see that the network is up, and that `region` under [gcp] in .pmcp/deploy.toml exists",
            )
        })
    }

    fn refused(&self, what: &str, response: &Response) -> Failure {
        let status = response.status;
        let words = hide(&response.without_credentials(&response.text()), &self.token);
        let words: String = words.chars().take(500).collect();
        let advice = match status {
            401 | 403 => {
                "whoever is logged in needs the role roles/artifactregistry.writer: ask who looks after the project"
            }
            _ => "run the command again; nothing was deployed",
        };
        let what = format!("the registry {} did not take {what} of {}: HTTP {status} {words}", self.host, self.path);
        Failure::failed(what.trim_end().to_owned(), advice)
    }
}

#[derive(Deserialize)]
struct Granted {
    token: Option<String>,
    access_token: Option<String>,
}

fn request(method: &str, url: &str) -> Request {
    Request::new(method, url, LIMIT)
}

/// A parameter of a `WWW-Authenticate` header.
fn parameter<'a>(challenge: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = challenge.split_once(&format!("{name}=\""))?;
    rest.split('"').next()
}

/// Whether what is sent to `HOST` or `HOST:PORT` does not leave this machine.
fn is_here(host: &str) -> bool {
    is_loopback(host.rsplit_once(':').map_or(host, |(name, _)| name))
}

/// Whether an address is one of this origin, and not of one that begins alike.
fn is_within(url: &str, origin: &str) -> bool {
    url.strip_prefix(origin).is_some_and(|rest| rest.starts_with(['/', '?']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_challenge_is_read() {
        let challenge =
            r#"Bearer realm="https://europe-west1-docker.pkg.dev/v2/token",service="europe-west1-docker.pkg.dev""#;
        assert_eq!(parameter(challenge, "realm"), Some("https://europe-west1-docker.pkg.dev/v2/token"));
        assert_eq!(parameter(challenge, "service"), Some("europe-west1-docker.pkg.dev"));
        assert_eq!(parameter(challenge, "scope"), None);
    }

    #[test]
    fn only_this_machine_is_talked_to_in_clear() {
        for host in ["localhost:5000", "127.0.0.1:5000", "[::1]:5000", "localhost"] {
            assert!(is_here(host), "{host}");
        }
        for host in ["europe-west1-docker.pkg.dev", "localhost.example.com", "127.0.0.1.example.com", "12.7.0.1:5000"] {
            assert!(!is_here(host), "{host}");
        }
    }

    #[test]
    fn an_origin_ends_where_its_path_begins() {
        let origin = "https://europe-west1-docker.pkg.dev";
        assert!(is_within(&format!("{origin}/v2/upload?state=1"), origin));
        for rest in [".example.com/v2", "@example.com/v2", ":5000/v2", ""] {
            assert!(!is_within(&format!("{origin}{rest}"), origin), "{rest}");
        }
    }

    #[test]
    fn an_image_is_sent_nowhere_in_the_clear() {
        let host = "europe-west1-docker.pkg.dev";
        let origin = format!("https://{host}");
        let token = Hidden("token".into());
        let registry = Registry { http: HttpClient::new(), origin, host, path: "p/crm", token, authorization: None };
        let absolute = |location| registry.absolute(location).map_err(|failure| failure.to_string());
        assert_eq!(absolute("/v2/up?x=1"), Ok(format!("https://{host}/v2/up?x=1")));
        assert_eq!(absolute("https://storage.example.com/up?x=1"), Ok("https://storage.example.com/up?x=1".into()));
        for url in ["http://storage.example.com/up", "http://europe-west1-docker.pkg.dev/up", "ftp://127.0.0.1/", "up"]
        {
            let said = absolute(url).expect_err(url);
            assert!(said.contains(&format!("wants the image sent to {url}, which is no safe address")), "{said}");
        }
    }
}
