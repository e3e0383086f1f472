//! Skills: folders of instructions that hosts load for the model (the extension's page `skills`, SEP-2640).

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The identifier of the extension.
pub(crate) const SKILLS: &str = "io.modelcontextprotocol/skills";
/// The MIME type of a folder.
#[cfg(feature = "skills")]
pub(crate) const DIRECTORY_MIME_TYPE: &str = "inode/directory";

/// A skill as `skills/list` and `skills/get` show it: all that a host has to know before it reads a file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Skill {
    /// Where its `SKILL.md` is.
    pub uri: String,
    /// What stands at the top of its `SKILL.md`, as JSON; `name` and `description` are always there.
    pub frontmatter: Map<String, Value>,
    /// All its files, `SKILL.md` among them.
    pub resources: Vec<SkillResource>,
}

/// A file of a skill, and what it must be when it is read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SkillResource {
    /// Where it is.
    pub uri: String,
    /// `sha256:` and the hash of its bytes in 64 lowercase hexadecimal digits.
    pub digest: String,
    /// In bytes.
    pub size: u64,
}
