//! The answers to the three methods of the extension, encoded once.

use std::collections::{BTreeMap, HashMap};

use bytes::Bytes;
use percent_encoding::percent_decode_str;

use super::{AnswersSkills, SkillFiles, Skills};
use crate::{
    error::{Error, Result},
    protocol::{DIRECTORY_MIME_TYPE, RequestParams, Resource, Skill},
    server::{End, Pages},
};

struct Encoded {
    list: Pages,
    by_uri: HashMap<String, Bytes>,
    directories: HashMap<String, Pages>,
}

/// Encodes what is registered; each answer has this end.
pub(super) fn encode(registered: &SkillFiles, page_size: usize, end: End<'_>) -> serde_json::Result<Skills> {
    let encode_one = |skill: &Skill| {
        let mut result = format!("{{\"skill\":{}}}", serde_json::to_string(skill)?).into_bytes();
        end.write(&mut result)?;
        Ok((skill.uri.clone(), Bytes::from(result)))
    };
    // What is in a folder has no time to live.
    let uncached = match end {
        End::Newest { server_info, .. } => End::Newest { cache: None, server_info },
        End::Older => End::Older,
    };
    let directories = folders(&registered.files).into_iter();
    Ok(Box::new(Encoded {
        list: Pages::encode("skills", &registered.skills, page_size, end)?,
        by_uri: registered.skills.iter().map(encode_one).collect::<serde_json::Result<_>>()?,
        directories: directories
            .map(|(uri, children)| Ok((uri, Pages::encode("resources", &children, page_size, uncached)?)))
            .collect::<serde_json::Result<_>>()?,
    }))
}

impl AnswersSkills for Encoded {
    fn answer(&self, method: &str, params: &RequestParams<'_>) -> Result<Bytes> {
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

/// The folders by their URI, with what is directly in each.
fn folders(files: &[Resource]) -> BTreeMap<String, Vec<Resource>> {
    let mut directories: BTreeMap<String, Vec<Resource>> = BTreeMap::new();
    for file in files {
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
