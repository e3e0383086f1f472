//! Prompts (specification page `server/prompts`).

use super::{Context, Registry, Reply, StringArguments, Whose, catch};
use crate::{
    error::{Error, Result},
    platform::{MaybeSend, MaybeSync},
    protocol::RequestParams,
};

pub(crate) trait StringHandler: MaybeSend + MaybeSync {
    fn call(&self, arguments: StringArguments, cx: Context) -> Reply;
}

impl<F: Fn(StringArguments, Context) -> Reply + MaybeSend + MaybeSync> StringHandler for F {
    fn call(&self, arguments: StringArguments, cx: Context) -> Reply {
        self(arguments, cx)
    }
}

pub(super) struct RegisteredPrompt {
    pub(super) handler: Box<dyn StringHandler>,
    /// The names of the arguments that must be there.
    pub(super) required: Vec<String>,
}

/// `prompts/get`
#[inline(never)] // V8 compiles a function when it first runs, and whole: few requests need this.
pub(super) fn get(registry: &Registry, params: &RequestParams<'_>, cx: Context) -> Reply {
    match find(registry, params) {
        Ok((prompt, arguments)) => {
            catch(Whose::Request(cx.clone()), || prompt.handler.call(arguments, cx), |error| Reply::Ready(Err(error)))
        }
        Err(error) => Reply::Ready(Err(error)),
    }
}

fn find<'r>(registry: &'r Registry, params: &RequestParams<'_>) -> Result<(&'r RegisteredPrompt, StringArguments)> {
    let name = RequestParams::required_str(params.name, "name")?;
    let prompt = registry
        .prompts
        .get(name.as_ref())
        .ok_or_else(|| Error::InvalidParams(format!("There is no prompt named {name}; prompts/list names all.")))?;
    let values = RequestParams::strings(params.arguments, "arguments")?.collect();
    let arguments = StringArguments { values, uri: None };
    if let Some(missing) = prompt.required.iter().find(|name| arguments.value(name).is_none()) {
        return Err(Error::InvalidParams(format!("The prompt {name} needs the argument {missing}.")));
    }
    Ok((prompt, arguments))
}
