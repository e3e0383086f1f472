//! The answers to the four list methods, encoded once, in pages (specification page `server/utilities/pagination`).

use bytes::Bytes;
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::{Registry, Skills};
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
    /// Encodes `entries` under the member `name`, `page_size` to a page, each page with the members of `common`.
    pub(crate) fn encode(
        name: &str,
        entries: &[impl Serialize],
        page_size: usize,
        common: &Map<String, Value>,
    ) -> serde_json::Result<Self> {
        Self::cut(name, serde_json::to_value(entries)?, page_size, common)
    }

    /// What is the same for entries of all kinds: `entries` is an array.
    fn cut(name: &str, mut entries: Value, page_size: usize, common: &Map<String, Value>) -> serde_json::Result<Self> {
        let mut rest = entries.as_array_mut().map(std::mem::take).unwrap_or_default();
        let (mut pages, mut before) = (Vec::new(), 0);
        while pages.is_empty() || !rest.is_empty() {
            let next = rest.split_off(page_size.max(1).min(rest.len()));
            let entries = std::mem::replace(&mut rest, next);
            before += entries.len();
            let mut page = Map::new();
            page.insert(name.to_owned(), Value::Array(entries));
            if !rest.is_empty() {
                page.insert("nextCursor".to_owned(), Value::String(before.to_string()));
            }
            page.extend(common.clone());
            pages.push(serde_json::to_vec(&page)?.into());
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
    pub(super) fn encode(registry: &Registry, cache: Cache, server_info: &Value) -> serde_json::Result<Self> {
        let mut common = Map::new();
        common.insert("resultType".to_owned(), json!("complete"));
        common.insert("ttlMs".to_owned(), json!(cache.ttl_ms));
        common.insert("cacheScope".to_owned(), json!(cache.scope));
        common.insert("_meta".to_owned(), server_info.clone());
        let size = registry.page_size;
        let capabilities = &registry.capabilities;
        let tools = || Pages::encode("tools", &registry.tool_definitions, size, &common);
        let resources = || Pages::encode("resources", &registry.resource_definitions, size, &common);
        let templates = || Pages::encode("resourceTemplates", &registry.template_definitions, size, &common);
        let prompts = || Pages::encode("prompts", &registry.prompt_definitions, size, &common);
        Ok(Self {
            tools: capabilities.tools.is_some().then(tools).transpose()?,
            resources: capabilities.resources.is_some().then(resources).transpose()?,
            templates: capabilities.resources.is_some().then(templates).transpose()?,
            prompts: capabilities.prompts.is_some().then(prompts).transpose()?,
            skills: registry.skills.answers(size, &common)?,
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
