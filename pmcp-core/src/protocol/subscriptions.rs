//! `subscriptions/listen` (specification page `basic/patterns/subscriptions`): what a stream of changes carries.

use serde::{Deserialize, Serialize};

use super::Task;
use crate::jsonrpc::RequestId;

/// The key under which every message of a listen stream names the request that opened it.
pub(crate) const SUBSCRIPTION_ID: &str = "io.modelcontextprotocol/subscriptionId";

/// What a client listens for; nothing unless it says so.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[non_exhaustive]
pub struct SubscriptionFilter {
    /// That the list of tools changed.
    #[serde(skip_serializing_if = "is_false")]
    pub tools_list_changed: bool,
    /// That the list of prompts changed.
    #[serde(skip_serializing_if = "is_false")]
    pub prompts_list_changed: bool,
    /// That the list of resources changed.
    #[serde(skip_serializing_if = "is_false")]
    pub resources_list_changed: bool,
    /// That one of these resources changed, by URI.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub resource_subscriptions: Vec<String>,
    /// What becomes of these tasks, by id: of the extension `io.modelcontextprotocol/tasks`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub task_ids: Vec<String>,
}

impl SubscriptionFilter {
    /// The same filter, and changes of the list of tools.
    #[must_use]
    pub fn with_tools(mut self) -> Self {
        self.tools_list_changed = true;
        self
    }

    /// The same filter, and changes of the list of prompts.
    #[must_use]
    pub fn with_prompts(mut self) -> Self {
        self.prompts_list_changed = true;
        self
    }

    /// The same filter, and changes of the list of resources.
    #[must_use]
    pub fn with_resources(mut self) -> Self {
        self.resources_list_changed = true;
        self
    }

    /// The same filter, and changes of the resource at `uri`.
    #[must_use]
    pub fn with_resource(mut self, uri: impl Into<String>) -> Self {
        self.resource_subscriptions.push(uri.into());
        self
    }

    /// The same filter, and changes of the task `id`.
    #[must_use]
    pub fn with_task(mut self, id: impl Into<String>) -> Self {
        self.task_ids.push(id.into());
        self
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_false(value: &bool) -> bool {
    !value
}

/// The `_meta` of a notification on a listen stream.
#[derive(Debug, Serialize)]
pub(crate) struct SubscriptionMeta<'a> {
    #[serde(rename = "io.modelcontextprotocol/subscriptionId")]
    pub(crate) subscription_id: &'a RequestId,
}

/// The `params` of `notifications/subscriptions/acknowledged`.
#[derive(Debug, Serialize)]
pub(crate) struct Acknowledged<'a> {
    #[serde(rename = "_meta")]
    pub(crate) meta: SubscriptionMeta<'a>,
    /// What the server agreed to.
    pub(crate) notifications: &'a SubscriptionFilter,
}

/// The `params` of `notifications/tasks`.
#[derive(Debug, Serialize)]
pub(crate) struct TaskChanged<'a> {
    #[serde(flatten)]
    pub(crate) task: &'a Task,
    #[serde(rename = "_meta")]
    pub(crate) meta: SubscriptionMeta<'a>,
}

/// The `params` of what a listen stream tells afterwards.
#[derive(Debug, Serialize)]
pub(crate) struct Changed<'a> {
    #[serde(rename = "_meta")]
    pub(crate) meta: SubscriptionMeta<'a>,
    /// Of the resource that changed; absent where a list did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) uri: Option<&'a str>,
}
