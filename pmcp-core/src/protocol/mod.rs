//! The types of the protocol in the shape of revision 2026-07-28, named after the pages of the specification.

mod apps;
mod capabilities;
mod completion;
mod content;
mod elicitation;
mod icons;
mod logging;
mod meta;
mod mrtr;
mod pagination;
mod params;
mod progress;
mod prompts;
mod resources;
mod revision;
mod roots;
mod sampling;
mod skills;
mod subscriptions;
mod tasks;
mod timestamp;
mod tools;

pub use apps::{UiCsp, UiMeta, UiPermissions, Visibility};
pub use capabilities::{ClientCapabilities, ServerCapabilities};
pub use completion::Completion;
pub use content::{Annotations, ContentBlock, ResourceContents, Role};
pub use elicitation::Elicitation;
pub use icons::{Icon, Implementation};
pub use logging::LogLevel;
pub use meta::Meta;
pub use pagination::{Cache, CacheScope};
pub use progress::ProgressToken;
pub use prompts::{GetPromptResult, Prompt, PromptArgument, PromptMessage};
pub use resources::{ReadResourceResult, Resource, ResourceTemplate};
pub use revision::Revision;
pub use roots::Root;
pub use sampling::{CreateMessage, CreateMessageResult, SamplingContent, SamplingMessage, ToolContent};
pub use skills::{Skill, SkillResource};
pub use subscriptions::SubscriptionFilter;
pub use tasks::{Task, TaskStatus, TaskSupport};
pub use tools::{CallToolResult, Tool, ToolAnnotations};

pub(crate) use apps::{UI, VIEW_MIME_TYPE, VIEW_SCHEME};
pub(crate) use completion::{
    CompleteResult, CompletionArgument, CompletionContext, CompletionReference, ReferenceKind,
};
pub(crate) use elicitation::{Action, ElicitParams, ElicitResult};
pub(crate) use logging::LogMessage;
pub(crate) use meta::{RequestMeta, SERVER_INFO};
pub(crate) use mrtr::{InputRequest, InputRequiredResult, REFUSED};
pub(crate) use params::RequestParams;
pub(crate) use progress::Progress;
pub(crate) use roots::ListRootsResult;
#[cfg(feature = "skills")]
pub(crate) use skills::DIRECTORY_MIME_TYPE;
pub(crate) use skills::SKILLS;
pub(crate) use subscriptions::{Acknowledged, Changed, SUBSCRIPTION_ID, SubscriptionMeta, TaskChanged};
pub(crate) use tasks::{TASKS, tasks_capability};
pub use timestamp::timestamp;
