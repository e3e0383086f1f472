//! Skills (the extension's page `skills`): what is registered, and what answers its three methods.

#[cfg(feature = "skills")]
mod answers;
#[cfg(feature = "skills")]
mod folder;
#[cfg(feature = "skills")]
mod frontmatter;

use bytes::Bytes;

use crate::{
    error::Result,
    platform::{MaybeSend, MaybeSync},
    protocol::{RequestParams, Resource, Skill},
    server::End,
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
    /// Encodes the answers: there from the first skill on, so that a server without any is linked without it.
    encode: Option<Encode>,
}

impl SkillFiles {
    pub(super) fn is_empty(&self) -> bool {
        self.skills.is_empty()
    }

    pub(super) fn extend(&mut self, other: Self) {
        self.skills.extend(other.skills);
        self.files.extend(other.files);
        self.encode = self.encode.or(other.encode);
    }
    /// The answers, each with this end, where there are skills.
    pub(crate) fn answers(&self, page_size: usize, end: End<'_>) -> serde_json::Result<Option<Skills>> {
        self.encode.map(|encode| encode(self, page_size, end)).transpose()
    }
}

type Encode = fn(&SkillFiles, usize, End<'_>) -> serde_json::Result<Skills>;

/// The answers, for one revision.
pub(crate) type Skills = Box<dyn AnswersSkills>;

/// Whether `method` is one of the extension.
pub(crate) fn has_method(method: &str) -> bool {
    matches!(method, "skills/list" | "skills/get" | "resources/directory/read")
}

/// What answers the methods of the extension.
pub(crate) trait AnswersSkills: MaybeSend + MaybeSync {
    /// The result of one of them.
    fn answer(&self, method: &str, params: &RequestParams<'_>) -> Result<Bytes>;
}
