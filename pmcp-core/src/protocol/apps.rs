//! MCP Apps: tools that hosts show with a view (the extension's page `apps`, revision 2026-01-26).

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Meta, Tool};

/// The identifier of the extension.
pub(crate) const UI: &str = "io.modelcontextprotocol/ui";
/// The MIME type of a view.
pub(crate) const VIEW_MIME_TYPE: &str = "text/html;profile=mcp-app";
/// The scheme of views.
pub(crate) const VIEW_SCHEME: &str = "ui://";

/// Who may call a tool; both, where a tool says nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Visibility {
    /// The model alone.
    Model,
    /// Views of this server alone: hosts do not show the tool to the model. No protection: who may call is for the
    /// tool itself to check.
    App,
}

impl Tool {
    /// The same tool, whose results hosts show with the view at `uri`, such as `ui://board/view`. Hosts without views
    /// show the result's content, so it has to say enough by itself.
    #[must_use]
    pub fn with_ui(self, uri: impl Into<String>) -> Self {
        self.with_ui_member("resourceUri", Value::String(uri.into()))
    }

    /// The same tool, which only one side may call.
    #[must_use]
    pub fn with_visibility(self, visibility: Visibility) -> Self {
        self.with_ui_member("visibility", json!([visibility]))
    }

    fn with_ui_member(mut self, name: &str, value: Value) -> Self {
        let ui = self.meta.get_or_insert_default().entry("ui").or_insert_with(|| json!({}));
        if let Value::Object(ui) = ui {
            ui.insert(name.to_owned(), value);
        }
        self
    }

    /// What it says of views.
    pub(crate) fn ui(&self) -> Option<&Value> {
        self.meta.as_ref()?.get("ui")
    }
}

/// What a view asks of the host that shows it: without any of it, a view reaches nothing but its host.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct UiMeta {
    /// The origins that it reaches.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub csp: Option<UiCsp>,
    /// What it uses of the device.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub permissions: Option<UiPermissions>,
    /// The origin that it runs at, in the form that the host documents.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub domain: Option<String>,
    /// Whether the host draws a border and a background; the host decides where it says nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prefers_border: Option<bool>,
}

impl UiMeta {
    /// Under its key, as `_meta`; nothing where it asks for nothing.
    pub(crate) fn into_meta(self) -> serde_json::Result<Option<Meta>> {
        if self == Self::default() {
            return Ok(None);
        }
        Ok(Some(Meta::from_iter([("ui".to_owned(), serde_json::to_value(self)?)])))
    }
}

/// The origins that a view reaches, such as `https://cdn.example.com`; where there are none, it reaches none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct UiCsp {
    /// For requests (`connect-src`).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub connect_domains: Vec<String>,
    /// For scripts, styles, pictures, fonts and sound.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub resource_domains: Vec<String>,
    /// For frames inside of it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub frame_domains: Vec<String>,
    /// For the base of its links.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub base_uri_domains: Vec<String>,
}

/// What a view uses of the device. Hosts need not grant it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct UiPermissions {
    /// The camera.
    #[serde(skip_serializing_if = "std::ops::Not::not", with = "granted")]
    pub camera: bool,
    /// The microphone.
    #[serde(skip_serializing_if = "std::ops::Not::not", with = "granted")]
    pub microphone: bool,
    /// Where the device is.
    #[serde(skip_serializing_if = "std::ops::Not::not", with = "granted")]
    pub geolocation: bool,
    /// Writing to the clipboard.
    #[serde(skip_serializing_if = "std::ops::Not::not", with = "granted")]
    pub clipboard_write: bool,
}

/// A permission is an object that is there.
mod granted {
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de::IgnoredAny};

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde wants")]
    pub(super) fn serialize<S: Serializer>(_granted: &bool, serializer: S) -> Result<S::Ok, S::Error> {
        serde_json::Map::new().serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
        Option::<IgnoredAny>::deserialize(deserializer).map(|value| value.is_some())
    }
}
