//! A folder of skills, file by file: checked, hashed and registered as resources.

use std::{
    borrow::Cow,
    collections::{BTreeMap, HashSet},
    fmt::Write,
};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::{MOST, SkillError, answers, frontmatter};
use crate::{
    protocol::{Cache, Resource, ResourceContents, Skill, SkillResource},
    server::{Answer, BuildError, Reply, ServerBuilder},
};

/// The files by their path, in order.
type Files = BTreeMap<String, Cow<'static, [u8]>>;

/// What stands as it is in a host's name and in a path (RFC 3986, `unreserved` and `sub-delims`).
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'!')
    .remove(b'$')
    .remove(b'&')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')')
    .remove(b'*')
    .remove(b'+')
    .remove(b',')
    .remove(b';')
    .remove(b'=');

impl ServerBuilder {
    /// Registers skills (the extension `io.modelcontextprotocol/skills`): the files of a folder in which every folder
    /// with a `SKILL.md` is a skill, each with its path and its bytes. [`skills!`](crate::skills) embeds such a folder.
    ///
    /// The files are read as resources under `skill://`. All is hashed and encoded here, once.
    ///
    /// ```
    /// use pmcp_core::Server;
    ///
    /// let instructions = b"---\nname: refunds\ndescription: How to pay money back.\n---\n\nAsk for the receipt.\n";
    /// let server = Server::builder("shop", "1.0.0").skills([("refunds/SKILL.md", instructions)]).build()?;
    /// # Ok::<(), pmcp_core::BuildErrors>(())
    /// ```
    #[must_use]
    pub fn skills<P, B>(mut self, files: impl IntoIterator<Item = (P, B)>) -> Self
    where
        P: Into<String>,
        B: Into<Cow<'static, [u8]>>,
    {
        let files: Files = files.into_iter().map(|(path, bytes)| (path.into(), bytes.into())).collect();
        let mut refuse = |file: &str, error| self.errors.push(BuildError::Skill { file: file.to_owned(), error });
        let mut skills = Vec::new();
        let mut manifests: BTreeMap<&str, Map<String, Value>> = BTreeMap::new();
        for (path, bytes) in &files {
            if path.split('/').any(|name| matches!(name, "" | "." | "..")) {
                refuse(path, SkillError::BadPath);
                continue;
            }
            let Some(folder) = path.strip_suffix("SKILL.md").and_then(|folder| folder.strip_suffix('/')) else {
                if !has_skill(&files, path) {
                    refuse(path, SkillError::Stray);
                }
                continue;
            };
            match skill(&files, folder, bytes) {
                Ok(skill) => {
                    manifests.insert(path, skill.frontmatter.clone());
                    skills.push(skill);
                }
                Err(error) => refuse(path, error),
            }
        }
        let resources: Vec<_> =
            files.iter().map(|(path, bytes)| resource(path, bytes, manifests.get(path.as_str()))).collect();
        let listed: HashSet<String> = manifests.keys().map(|path| uri(path)).collect();
        if !skills.is_empty() {
            self.registry.skills.encode = Some(answers::encode);
        }
        self.registry.skills.skills.extend(skills);
        self.registry.skills.files.extend(resources.iter().cloned());
        for (resource, (_, bytes)) in resources.into_iter().zip(files) {
            let is_listed = listed.contains(&resource.uri);
            let contents = contents(&resource, bytes);
            self = self.resource_handler(resource, move |arguments, _cx| {
                Reply::Ready(Answer::resource(contents.clone(), arguments.uri(), None, Cache::default()))
            });
            // The rest is found through its SKILL.md; a list of everything would bury that.
            if !is_listed {
                self.registry.resource_definitions.pop();
            }
        }
        self
    }
}

/// Whether one of the folders that the file is in has a `SKILL.md`.
fn has_skill(files: &Files, path: &str) -> bool {
    path.match_indices('/')
        .any(|(end, _)| path.get(..end).is_some_and(|folder| files.contains_key(&format!("{folder}/SKILL.md"))))
}

/// The skill in `folder`, whose `SKILL.md` has these bytes.
fn skill(files: &Files, folder: &str, manifest: &[u8]) -> Result<Skill, SkillError> {
    let text = std::str::from_utf8(manifest).map_err(|_| SkillError::NotText)?;
    let frontmatter = frontmatter::parse(text)?;
    let name = frontmatter.get("name").and_then(Value::as_str).unwrap_or_default();
    if folder.rsplit('/').next() != Some(name) {
        return Err(SkillError::Folder(name.to_owned()));
    }
    let prefix = format!("{folder}/");
    let own = || files.range(prefix.clone()..).take_while(|(path, _)| path.starts_with(&prefix));
    let (count, bytes) = own().fold((0, 0), |(count, total), (_, bytes)| (count + 1, total + bytes.len()));
    if count > MOST.0 {
        return Err(SkillError::TooManyFiles(count));
    }
    if bytes > MOST.1 {
        return Err(SkillError::TooLarge(bytes));
    }
    let resources =
        own().map(|(path, bytes)| SkillResource { uri: uri(path), digest: digest(bytes), size: bytes.len() as u64 });
    Ok(Skill { uri: uri(&format!("{folder}/SKILL.md")), resources: resources.collect(), frontmatter })
}

fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::from("sha256:"), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn uri(path: &str) -> String {
    let names: Vec<_> = path.split('/').map(|name| utf8_percent_encode(name, ESCAPED).to_string()).collect();
    format!("skill://{}", names.join("/"))
}

/// A file as lists show it: a `SKILL.md` under the name and description of its skill.
fn resource(path: &str, bytes: &[u8], manifest: Option<&Map<String, Value>>) -> Resource {
    let field = |name: &str| manifest.and_then(|fields| fields.get(name)).and_then(Value::as_str);
    let file = path.rsplit('/').next().unwrap_or(path);
    let resource = Resource::new(uri(path), field("name").unwrap_or(file)).with_mime_type(mime_type(file, bytes));
    Resource { description: field("description").map(str::to_owned), size: Some(bytes.len() as u64), ..resource }
}

fn contents(resource: &Resource, bytes: Cow<'static, [u8]>) -> ResourceContents {
    let mime_type = resource.mime_type.clone();
    match String::from_utf8(bytes.into_owned()) {
        Ok(text) => ResourceContents { mime_type, ..ResourceContents::text(&resource.uri, text) },
        Err(error) => ResourceContents { mime_type, ..ResourceContents::blob(&resource.uri, error.into_bytes()) },
    }
}

/// By the ending of the file's name, as far as skills have such files; the rest is text or bytes.
fn mime_type(file: &str, bytes: &[u8]) -> &'static str {
    match file.rsplit_once('.').map(|(_, ending)| ending) {
        Some("md") => "text/markdown",
        Some("html") => "text/html",
        Some("css") => "text/css",
        Some("csv") => "text/csv",
        Some("js" | "mjs") => "text/javascript",
        Some("py") => "text/x-python",
        Some("sh") => "text/x-shellscript",
        Some("json") => "application/json",
        Some("yaml" | "yml") => "application/yaml",
        Some("toml") => "application/toml",
        Some("xml") => "application/xml",
        Some("pdf") => "application/pdf",
        Some("zip") => "application/zip",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("jpg" | "jpeg") => "image/jpeg",
        Some("gif") => "image/gif",
        Some("webp") => "image/webp",
        _ if std::str::from_utf8(bytes).is_ok() => "text/plain",
        _ => "application/octet-stream",
    }
}
