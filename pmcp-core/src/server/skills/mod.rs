//! Skills (the extension's page `skills`): the answers to its three methods, encoded once.

#[cfg(feature = "skills")]
mod folder;
#[cfg(feature = "skills")]
mod frontmatter;

use std::collections::{BTreeMap, HashMap};

use bytes::Bytes;
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};

use super::Pages;
use crate::{
    error::{Error, Result},
    protocol::{DIRECTORY_MIME_TYPE, RequestParams, Resource, Skill},
};

/// The limits that every host supports: files of one skill, and their bytes in all.
#[cfg(feature = "skills")]
const MOST: (usize, usize) = (512, 16 * 1024 * 1024);

/// What can be wrong with a file of a skill.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SkillError {
    /// Its path cannot be one within the folder of all skills.
    #[error("a path is names with `/` between them, such as `refunds/SKILL.md`")]
    BadPath,
    /// It stands outside of every skill.
    #[error("it belongs to no skill: put it into a folder that has a SKILL.md")]
    Stray,
    /// It is not text.
    #[error("it is not UTF-8")]
    NotText,
    /// It does not begin with frontmatter.
    #[error("it begins with YAML between two lines of `---`, with a name and a description")]
    NoFrontmatter,
    /// Its frontmatter cannot be read.
    #[error("its frontmatter cannot be read: {0}")]
    Yaml(String),
    /// Its frontmatter has something that JSON, which clients are shown, does not have.
    #[error("its frontmatter has a {0}, which cannot be written as JSON")]
    NotJson(&'static str),
    /// A field of its frontmatter is missing or not as Agent Skills wants it.
    #[error("the field `{field}` of its frontmatter must be {rule}")]
    Field {
        /// Which.
        field: &'static str,
        /// What it must be.
        rule: &'static str,
    },
    /// Its folder is named otherwise than the skill.
    #[error("its folder must have the name of the skill, `{0}`")]
    Folder(String),
    /// The skill has more files than hosts need to accept.
    #[error("the skill has {0} files, and not every host takes more than 512")]
    TooManyFiles(usize),
    /// The skill has more bytes than hosts need to accept.
    #[error("the skill has {0} bytes, and not every host takes more than 16 MiB")]
    TooLarge(usize),
}

/// What is registered.
#[derive(Default)]
pub(crate) struct SkillFiles {
    pub(super) skills: Vec<Skill>,
    /// The files of all skills, each once.
    pub(super) files: Vec<Resource>,
}

impl SkillFiles {
    pub(super) fn is_empty(&self) -> bool {
        self.skills.is_empty()
    }

    pub(super) fn extend(&mut self, other: Self) {
        self.skills.extend(other.skills);
        self.files.extend(other.files);
    }

    /// The folders by their URI, with what is directly in each.
    fn directories(&self) -> BTreeMap<String, Vec<Resource>> {
        let mut directories: BTreeMap<String, Vec<Resource>> = BTreeMap::new();
        for file in &self.files {
            let mut child = file.clone();
            while let Some((parent, _)) = child.uri.rsplit_once('/').filter(|(parent, _)| !parent.ends_with('/')) {
                let parent = parent.to_owned();
                let name = parent.rsplit('/').next().unwrap_or_default();
                let name = percent_decode_str(name).decode_utf8_lossy().into_owned();
                let directory = Resource::new(&parent, name).with_mime_type(DIRECTORY_MIME_TYPE);
                let is_known = directories.contains_key(&parent);
                directories.entry(parent).or_default().push(child);
                if is_known {
                    break;
                }
                child = directory;
            }
        }
        directories
    }
}

/// The answers, for one revision.
#[derive(Default)]
pub(crate) struct Skills {
    list: Pages,
    by_uri: HashMap<String, Bytes>,
    directories: HashMap<String, Pages>,
}

impl Skills {
    /// Encodes what is registered; each answer has the members of `common`.
    pub(crate) fn encode(
        registered: &SkillFiles,
        page_size: usize,
        common: &Map<String, Value>,
    ) -> serde_json::Result<Self> {
        let encode_one = |skill: &Skill| {
            let mut result = Map::from_iter([("skill".to_owned(), serde_json::to_value(skill)?)]);
            result.extend(common.clone());
            Ok((skill.uri.clone(), Bytes::from(serde_json::to_vec(&result)?)))
        };
        // What is in a folder has no time to live.
        let uncached = common.iter().filter(|(name, _)| !matches!(name.as_str(), "ttlMs" | "cacheScope"));
        let uncached = uncached.map(|(name, value)| (name.clone(), value.clone())).collect();
        let directories = registered.directories().into_iter();
        Ok(Self {
            list: Pages::encode("skills", &registered.skills, page_size, common)?,
            by_uri: registered.skills.iter().map(encode_one).collect::<serde_json::Result<_>>()?,
            directories: directories
                .map(|(uri, children)| Ok((uri, Pages::encode("resources", &children, page_size, &uncached)?)))
                .collect::<serde_json::Result<_>>()?,
        })
    }

    /// Whether `method` is one of the extension.
    pub(crate) fn has_method(method: &str) -> bool {
        matches!(method, "skills/list" | "skills/get" | "resources/directory/read")
    }

    /// The result of one of its methods.
    pub(crate) fn answer(&self, method: &str, params: &RequestParams<'_>) -> Result<Bytes> {
        if method == "skills/list" {
            return self.list.at(params);
        }
        let uri = RequestParams::required_str(params.uri, "uri")?;
        if method == "skills/get" {
            let skill = self.by_uri.get(uri.as_ref()).cloned();
            return skill.ok_or_else(|| {
                Error::InvalidParams(format!("There is no skill at {uri}; the URI of a skill is that of its SKILL.md."))
            });
        }
        match self.directories.get(uri.as_ref()) {
            Some(pages) => pages.at(params),
            None => Err(Error::InvalidParams(format!("There is no directory at {uri}; its URI ends without a slash."))),
        }
    }
}
