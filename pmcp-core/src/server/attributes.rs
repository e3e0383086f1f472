//! What the attributes say of what they stand on, as data, so that the code of each is little.

use super::{Arguments, Context, Reply, ServerBuilder};
use crate::{
    platform::{MaybeSend, MaybeSync},
    protocol::{Icon, TaskSupport, Tool, ToolAnnotations},
    schema::Schema,
};

/// What `#[tool]` says.
#[derive(Debug)]
pub struct ToolAttributes {
    /// Its name.
    pub name: &'static str,
    /// For people.
    pub title: Option<&'static str>,
    /// What it does.
    pub description: Option<&'static str>,
    /// A picture for people.
    pub icon: Option<&'static str>,
    /// `read_only`, `destructive`, `idempotent` and `open_world`.
    pub hints: [Option<bool>; 4],
    /// How it runs as a task.
    pub task: Option<TaskSupport>,
}

impl ToolAttributes {
    fn tool(&self, input_schema: Schema, output_schema: Option<Schema>) -> Tool {
        let [read_only, destructive, idempotent, open_world] = self.hints;
        let has_hints = self.hints.iter().any(Option::is_some);
        Tool {
            name: self.name.to_owned(),
            title: self.title.map(str::to_owned),
            description: self.description.map(str::to_owned),
            input_schema,
            output_schema,
            annotations: has_hints.then_some(ToolAnnotations {
                title: None,
                read_only,
                destructive,
                idempotent,
                open_world,
            }),
            icons: self.icon.map(Icon::new).into_iter().collect(),
            meta: None,
            task: self.task,
        }
    }
}

impl ServerBuilder {
    /// Registers what `#[tool]` stands on; `finish` adds what is rarely said.
    #[doc(hidden)]
    #[must_use]
    pub fn attributed_tool(
        self,
        attributes: &'static ToolAttributes,
        schemas: fn() -> (Schema, Option<Schema>),
        finish: fn(Tool) -> Tool,
        handler: impl Fn(Arguments<'_>, Context) -> Reply + MaybeSend + MaybeSync + 'static,
    ) -> Self {
        let (input, output) = schemas();
        self.typed_tool_handler(finish(attributes.tool(input, output)), handler)
    }
}
