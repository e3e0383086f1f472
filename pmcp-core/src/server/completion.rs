//! Completion of arguments (specification page `server/utilities/completion`).

use std::collections::HashMap;

use super::{Answer, Context, Registry, Reply, catch, named::Named};
use crate::{
    error::{Error, Result},
    platform::{MaybeSend, MaybeSync},
    protocol::{Completion, CompletionArgument, CompletionContext, CompletionReference, ReferenceKind, RequestParams},
};

/// What has been typed, and what is known besides.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct CompletionRequest {
    /// What has been typed of the argument so far.
    pub value: String,
    /// The other arguments that are settled, by name.
    pub arguments: HashMap<String, String>,
}

pub(crate) trait CompletionHandler: MaybeSend + MaybeSync {
    fn call(&self, request: CompletionRequest, cx: Context) -> Reply;
}

impl<F: Fn(CompletionRequest, Context) -> Reply + MaybeSend + MaybeSync> CompletionHandler for F {
    fn call(&self, request: CompletionRequest, cx: Context) -> Reply {
        self(request, cx)
    }
}

/// Completers under the [`key`] of what they complete.
#[derive(Default)]
pub(super) struct Completers {
    pub(super) prompts: Named<Box<dyn CompletionHandler>>,
    pub(super) templates: Named<Box<dyn CompletionHandler>>,
}

/// Of an argument, and of the prompt or the URI template that it belongs to.
pub(super) fn key(target: &str, argument: &str) -> String {
    format!("{target}\n{argument}")
}

/// `completion/complete`
pub(super) fn complete(registry: &Registry, params: &RequestParams<'_>, cx: Context) -> Reply {
    match find(registry, params) {
        Ok((Some(handler), request)) => catch(|| handler.call(request, cx), |error| Reply::Ready(Err(error))),
        Ok((None, _)) => Reply::Ready(Answer::completion(Completion::default())),
        Err(error) => Reply::Ready(Err(error)),
    }
}

fn find<'r>(
    registry: &'r Registry,
    params: &RequestParams<'_>,
) -> Result<(Option<&'r dyn CompletionHandler>, CompletionRequest)> {
    let reference: CompletionReference = RequestParams::required(params.reference, "ref")?;
    let argument: CompletionArgument = RequestParams::required(params.argument, "argument")?;
    let context: CompletionContext = RequestParams::optional(params.context, "context")?.unwrap_or_default();
    let (member, value) = match reference.kind {
        ReferenceKind::Prompt => ("name", &reference.name),
        ReferenceKind::Resource => ("uri", &reference.uri),
    };
    let name = value.as_str().ok_or_else(|| Error::InvalidParams(format!("params.ref.{member} must be a string.")))?;
    let completers = match reference.kind {
        ReferenceKind::Prompt => {
            if !registry.prompts.contains(name) {
                return Err(Error::InvalidParams(format!("There is no prompt named {name} to complete for.")));
            }
            &registry.completers.prompts
        }
        ReferenceKind::Resource => {
            let uri = name;
            let known = registry.resources.templates.iter().any(|(template, _)| template.as_str() == uri)
                || registry.resources.fixed.contains(uri);
            if !known {
                return Err(Error::InvalidParams(format!("There is no resource template {uri} to complete for.")));
            }
            &registry.completers.templates
        }
    };
    let handler = completers.get(&key(name, &argument.name)).map(|handler| &**handler);
    Ok((handler, CompletionRequest { value: argument.value, arguments: context.arguments }))
}
