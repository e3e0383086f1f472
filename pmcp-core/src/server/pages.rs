//! The answers to the four list methods, encoded once, in pages (specification page `server/utilities/pagination`).

use bytes::Bytes;
use serde::Serialize;

use super::{End, Registry, Skills};
use crate::{
    error::{Error, Result},
    protocol::{Cache, RequestParams},
};

/// The pages of one list, each a whole result; a cursor is the number of entries before its page.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pages {
    page_size: usize,
    pages: Vec<Bytes>,
}

impl Pages {
    /// Encodes `entries` under the member `name`, `page_size` to a page, each page with this end.
    pub(crate) fn encode(
        name: &str,
        entries: &[impl Serialize],
        page_size: usize,
        end: End<'_>,
    ) -> serde_json::Result<Self> {
        let entries = entries.iter().map(serde_json::to_vec).collect::<serde_json::Result<Vec<_>>>()?;
        Self::cut(name, &entries, page_size, end)
    }

    /// What is the same for entries of all kinds.
    fn cut(name: &str, entries: &[Vec<u8>], page_size: usize, end: End<'_>) -> serde_json::Result<Self> {
        let (mut pages, mut rest) = (Vec::new(), entries);
        while pages.is_empty() || !rest.is_empty() {
            let (entries_of_page, next) = rest.split_at(page_size.max(1).min(rest.len()));
            let mut page = format!("{{\"{name}\":[").into_bytes();
            page.extend_from_slice(&entries_of_page.join(&b','));
            page.push(b']');
            if !next.is_empty() {
                let before = entries.len() - next.len();
                page.extend_from_slice(format!(",\"nextCursor\":\"{before}\"").as_bytes());
            }
            page.push(b'}');
            end.write(&mut page)?;
            pages.push(page.into());
            rest = next;
        }
        Ok(Self { page_size, pages })
    }

    /// The page that the request's cursor names, or the first.
    pub(crate) fn at(&self, params: &RequestParams<'_>) -> Result<Bytes> {
        let cursor = RequestParams::optional_str(params.cursor, "cursor")?;
        let index = match cursor.as_deref() {
            None => Some(0),
            Some(cursor) => cursor
                .parse::<usize>()
                .ok()
                .filter(|before| *before > 0 && before % self.page_size == 0 && before.to_string() == cursor)
                .map(|before| before / self.page_size),
        };
        let page = index.and_then(|index| self.pages.get(index)).cloned();
        page.ok_or_else(|| {
            let text = "params.cursor is none that this server gave out; start again without a cursor.";
            Error::InvalidParams(text.to_owned())
        })
    }
}

/// The four lists, for the newest revision.
#[derive(Default)]
pub(super) struct Lists {
    tools: Option<Pages>,
    resources: Option<Pages>,
    templates: Option<Pages>,
    prompts: Option<Pages>,
    pub(super) skills: Option<Skills>,
}

impl Lists {
    pub(super) fn encode(registry: &Registry, cache: Cache) -> serde_json::Result<Self> {
        let end = End::Newest { cache: Some(cache), server_info: &registry.server_info };
        let size = registry.page_size;
        let capabilities = &registry.capabilities;
        let tools = || Pages::encode("tools", &registry.tool_definitions, size, end);
        let resources = || Pages::encode("resources", &registry.resource_definitions, size, end);
        let templates = || Pages::encode("resourceTemplates", &registry.template_definitions, size, end);
        let prompts = || Pages::encode("prompts", &registry.prompt_definitions, size, end);
        Ok(Self {
            tools: capabilities.tools.is_some().then(tools).transpose()?,
            resources: capabilities.resources.is_some().then(resources).transpose()?,
            templates: capabilities.resources.is_some().then(templates).transpose()?,
            prompts: capabilities.prompts.is_some().then(prompts).transpose()?,
            skills: registry.skills.answers(size, end)?,
        })
    }

    /// The list that `method` asks for, where there is one.
    pub(super) fn of(&self, method: &str) -> Option<&Pages> {
        match method {
            "tools/list" => self.tools.as_ref(),
            "resources/list" => self.resources.as_ref(),
            "resources/templates/list" => self.templates.as_ref(),
            "prompts/list" => self.prompts.as_ref(),
            _ => None,
        }
    }
}
