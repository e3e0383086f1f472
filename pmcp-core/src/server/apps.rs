//! MCP Apps: the views of tools, and that they are there (the extension's page `apps`).

use super::{BuildError, Contents, IntoContents, Registry};
use crate::{
    error::{Error, Result},
    protocol::{ResourceContents, UiCsp, UiMeta, UiPermissions, VIEW_MIME_TYPE, VIEW_SCHEME},
};

/// The view of a tool: an HTML document that hosts show in a frame of its own, where the tool's result stood.
///
/// Return it from the handler of a resource under `ui://`, and name that resource in the tool.
///
/// ```
/// use pmcp_core::prelude::*;
///
/// struct Board;
///
/// #[server(name = "board", version = "1.0.0")]
/// impl Board {
///     /// Show who is on duty.
///     #[tool(read_only, ui = "ui://board/duty")]
///     fn duty(&self) -> &'static str {
///         "Ada until noon, then Grace."
///     }
///
///     #[resource("ui://board/duty")]
///     fn duty_view(&self) -> View {
///         View::html("<!doctype html><title>Duty</title>…").with_border(true)
///     }
/// }
///
/// # pollster::block_on(async {
/// let client = pmcp_core::testing::Client::new(Board)?;
/// let view = client.read_resource("ui://board/duty").await?;
/// assert_eq!(view.contents[0].mime_type.as_deref(), Some("text/html;profile=mcp-app"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
#[derive(Clone, Debug)]
pub struct View {
    html: String,
    meta: UiMeta,
}

impl View {
    /// A whole HTML document: hosts let it load nothing from elsewhere unless [`with_csp`](Self::with_csp) says so.
    pub fn html(document: impl Into<String>) -> Self {
        Self { html: document.into(), meta: UiMeta::default() }
    }

    /// The same view, reaching the origins in `csp`.
    #[must_use]
    pub fn with_csp(mut self, csp: UiCsp) -> Self {
        self.meta.csp = Some(csp);
        self
    }

    /// The same view, asking for `permissions`.
    #[must_use]
    pub fn with_permissions(mut self, permissions: UiPermissions) -> Self {
        self.meta.permissions = Some(permissions);
        self
    }

    /// The same view at an origin of its own, in the form that the host documents.
    #[must_use]
    pub fn with_domain(mut self, domain: impl Into<String>) -> Self {
        self.meta.domain = Some(domain.into());
        self
    }

    /// The same view, with the host's border and background or without.
    #[must_use]
    pub fn with_border(mut self, border: bool) -> Self {
        self.meta.prefers_border = Some(border);
        self
    }
}

impl IntoContents for View {
    fn into_contents(self) -> Result<Option<Contents>> {
        let meta = self.meta.into_meta();
        let meta = meta.map_err(|error| Error::Internal(format!("The view's _meta is no JSON: {error}.")))?;
        let mime_type = Some(VIEW_MIME_TYPE.to_owned());
        ResourceContents { text: Some(self.html), mime_type, meta, ..ResourceContents::default() }.into_contents()
    }
}

/// The MIME type of what is at `uri`, where the scheme says it.
pub(super) fn mime_type(uri: &str) -> Option<&'static str> {
    uri.starts_with(VIEW_SCHEME).then_some(VIEW_MIME_TYPE)
}

/// Whether any tool or resource needs the extension.
pub(super) fn are_in(registry: &Registry) -> bool {
    let is_view = |uri: &str| uri.starts_with(VIEW_SCHEME);
    registry.tool_definitions.iter().any(|tool| tool.ui().is_some())
        || registry.resource_definitions.iter().any(|resource| is_view(&resource.uri))
        || registry.template_definitions.iter().any(|template| is_view(&template.uri_template))
}

/// Every view that a tool names is there, and every view is of the one type that hosts show; where it says none, it is
/// listed with it.
pub(super) fn check(registry: &mut Registry, errors: &mut Vec<BuildError>) {
    for tool in &registry.tool_definitions {
        let Some(uri) = tool.ui().and_then(|ui| ui.get("resourceUri")) else { continue };
        let is_there = uri.as_str().is_some_and(|uri| uri.starts_with(VIEW_SCHEME) && registry.resources.has(uri));
        if !is_there {
            let uri = uri.as_str().map_or_else(|| uri.to_string(), str::to_owned);
            errors.push(BuildError::ViewMissing { tool: tool.name.clone(), uri });
        }
    }
    let resources = registry.resource_definitions.iter_mut().map(|known| (&known.uri, &mut known.mime_type));
    let templates = registry.template_definitions.iter_mut().map(|known| (&known.uri_template, &mut known.mime_type));
    for (uri, mime_type) in resources.chain(templates).filter(|(uri, _)| uri.starts_with(VIEW_SCHEME)) {
        if mime_type.get_or_insert_with(|| VIEW_MIME_TYPE.to_owned()) != VIEW_MIME_TYPE {
            errors.push(BuildError::ViewType(uri.clone()));
        }
    }
}
