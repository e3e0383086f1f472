//! Tools (specification page `server/tools`).

use super::{Arguments, Context, Registry, Reply, Whose, catch};
use crate::{
    error::{Error, Result},
    platform::{MaybeSend, MaybeSync},
    protocol::{RequestParams, TaskSupport},
    schema::HeaderParam,
};

pub(crate) trait ToolHandler: MaybeSend + MaybeSync {
    fn call(&self, arguments: Arguments<'_>, cx: Context) -> Reply;
}

impl<F: Fn(Arguments<'_>, Context) -> Reply + MaybeSend + MaybeSync> ToolHandler for F {
    fn call(&self, arguments: Arguments<'_>, cx: Context) -> Reply {
        self(arguments, cx)
    }
}

pub(super) struct RegisteredTool {
    pub(super) handler: Box<dyn ToolHandler>,
    pub(super) header_params: Vec<HeaderParam>,
    pub(super) task: Option<TaskSupport>,
}

/// `tools/call`
pub(super) fn call(registry: &Registry, params: &RequestParams<'_>, cx: Context) -> Reply {
    match find(registry, params) {
        Ok((tool, arguments)) => {
            let mut run = |cx: Context| {
                let whose = Whose::Request(cx.clone());
                catch(whose, || tool.handler.call(arguments, cx), |error| Reply::Ready(Err(error)))
            };
            match (&registry.tasks, tool.task) {
                (None, _) => run(cx),
                (Some(tasks), None) => match tasks.refuse_plain(params, &cx) {
                    Ok(()) => run(cx),
                    Err(error) => Reply::Ready(Err(error)),
                },
                (Some(tasks), Some(support)) => tasks.call(support, params, cx, &mut run),
            }
        }
        Err(error) => Reply::Ready(Err(error)),
    }
}

fn find<'r, 'p>(registry: &'r Registry, params: &RequestParams<'p>) -> Result<(&'r RegisteredTool, Arguments<'p>)> {
    let name = RequestParams::required_str(params.name, "name")?;
    let tool = registry
        .tools
        .get(name.as_ref())
        .ok_or_else(|| Error::InvalidParams(format!("There is no tool named {name}; tools/list names all.")))?;
    if params.arguments.is_some_and(|arguments| !arguments.get().starts_with('{')) {
        return Err(Error::InvalidParams("params.arguments must be an object.".to_owned()));
    }
    Ok((tool, Arguments(params.arguments)))
}
