//! The four lists in the shape of an older revision.

use super::{down_convert, tasks::ListedTool};
use crate::{
    protocol::Revision,
    server::{End, Pages, Registry, Skills},
};

pub(super) struct Lists {
    tools: Pages,
    resources: Pages,
    templates: Pages,
    prompts: Pages,
    pub(super) skills: Option<Skills>,
}

impl Lists {
    pub(super) fn encode(registry: &Registry, revision: Revision) -> serde_json::Result<Self> {
        let tools: Vec<_> = registry
            .tool_definitions
            .iter()
            .map(|tool| ListedTool::new(down_convert::tool(tool, revision), revision))
            .collect();
        let resources: Vec<_> = registry
            .resource_definitions
            .iter()
            .map(|resource| down_convert::resource(resource.clone(), revision))
            .collect();
        let templates: Vec<_> = registry
            .template_definitions
            .iter()
            .map(|template| down_convert::resource_template(template.clone(), revision))
            .collect();
        let prompts: Vec<_> =
            registry.prompt_definitions.iter().map(|prompt| down_convert::prompt(prompt.clone(), revision)).collect();
        let (size, end) = (registry.page_size, End::Older);
        Ok(Self {
            tools: Pages::encode("tools", &tools, size, end)?,
            resources: Pages::encode("resources", &resources, size, end)?,
            templates: Pages::encode("resourceTemplates", &templates, size, end)?,
            prompts: Pages::encode("prompts", &prompts, size, end)?,
            skills: registry.skills.answers(size, end)?,
        })
    }

    pub(super) fn of(&self, method: &str) -> &Pages {
        match method {
            "tools/list" => &self.tools,
            "resources/list" => &self.resources,
            "resources/templates/list" => &self.templates,
            _ => &self.prompts,
        }
    }
}
