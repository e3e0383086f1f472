//! Completion of arguments (specification page `server/utilities/completion`).

use std::collections::HashMap;

use super::{Answer, Context, Registry, Reply, Whose, catch, named::Named};
use crate::{
    error::{Error, Result},
    platform::{MaybeSend, MaybeSync},
    protocol::{Completion, RequestParams},
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
#[inline(never)] // V8 compiles a function when it first runs, and whole: few requests need this.
pub(super) fn complete(registry: &Registry, params: &RequestParams<'_>, cx: Context) -> Reply {
    match find(registry, params) {
        Ok((Some(handler), request)) => {
            catch(Whose::Request(cx.clone()), || handler.call(request, cx), |error| Reply::Ready(Err(error)))
        }
        Ok((None, _)) => Reply::Ready(Answer::completion(Completion::default())),
        Err(error) => Reply::Ready(Err(error)),
    }
}

fn find<'r>(
    registry: &'r Registry,
    params: &RequestParams<'_>,
) -> Result<(Option<&'r dyn CompletionHandler>, CompletionRequest)> {
    let kind = RequestParams::member_str(params.reference, "ref", "type")?;
    let argument = RequestParams::member_str(params.argument, "argument", "name")?;
    let value = RequestParams::member_str(params.argument, "argument", "value")?.into_owned();
    let known = RequestParams::member(params.context, "context", "arguments")?;
    let arguments = RequestParams::strings(known, "context.arguments")?.collect();
    let (name, completers) = match &*kind {
        "ref/prompt" => {
            let name = RequestParams::member_str(params.reference, "ref", "name")?;
            if !registry.prompts.contains(&name) {
                return Err(Error::InvalidParams(format!("There is no prompt named {name} to complete for.")));
            }
            (name, &registry.completers.prompts)
        }
        "ref/resource" => {
            let uri = RequestParams::member_str(params.reference, "ref", "uri")?;
            let known = registry.resources.templates.iter().any(|(template, _)| template.as_str() == uri)
                || registry.resources.fixed.contains(&uri);
            if !known {
                return Err(Error::InvalidParams(format!("There is no resource template {uri} to complete for.")));
            }
            (uri, &registry.completers.templates)
        }
        _ => return Err(Error::InvalidParams("params.ref.type must be ref/prompt or ref/resource.".to_owned())),
    };
    let handler = completers.get(&key(&name, &argument)).map(|handler| &**handler);
    Ok((handler, CompletionRequest { value, arguments }))
}
