//! Resources (specification page `server/resources`).

use super::{
    Answer, AnswerBody, Contents, Context, Outcome, Registry, Reply, StringArguments, Whose, apps, catch, named::Named,
    prompts::StringHandler,
};
use crate::{
    error::{Error, Result},
    protocol::{Cache, ReadResourceResult, RequestParams},
    uri_template::UriTemplate,
};

/// What can be read, by its URI or by a template that its URI matches.
#[derive(Default)]
pub(super) struct Resources {
    pub(super) fixed: Named<Box<dyn StringHandler>>,
    /// Tried in the order of registration.
    pub(super) templates: Vec<(UriTemplate, Box<dyn StringHandler>)>,
}

impl Resources {
    /// Whether something is registered that would be asked for what is at `uri`.
    pub(super) fn has(&self, uri: &str) -> bool {
        self.fixed.contains(uri) || self.templates.iter().any(|(template, _)| template.matches(uri).is_some())
    }
}

/// `resources/read`
#[inline(never)] // V8 compiles a function when it first runs, and whole: few requests need this.
pub(super) fn read(registry: &Registry, params: &RequestParams<'_>, cx: Context) -> Reply {
    match find(&registry.resources, params) {
        Ok((handler, arguments)) => {
            catch(Whose::Request(cx.clone()), || handler.call(arguments, cx), |error| Reply::Ready(Err(error)))
        }
        Err(error) => Reply::Ready(Err(error)),
    }
}

fn find<'r>(resources: &'r Resources, params: &RequestParams<'_>) -> Result<(&'r dyn StringHandler, StringArguments)> {
    let uri = RequestParams::required_str(params.uri, "uri")?.into_owned();
    if let Some(handler) = resources.fixed.get(&uri) {
        return Ok((&**handler, StringArguments { values: Vec::new(), uri: Some(uri) }));
    }
    let matched = resources.templates.iter().find_map(|(template, handler)| {
        let variables = template.matches(&uri)?;
        let values = variables.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        Some((handler, values))
    });
    match matched {
        Some((handler, values)) => Ok((&**handler, StringArguments { values, uri: Some(uri) })),
        None => Err(Error::ResourceNotFound { uri }),
    }
}

/// What a resource's handler came to: where it is and its MIME type filled in.
pub(super) fn outcome(contents: Result<Option<Contents>>, uri: &str, mime_type: Option<&str>, cache: Cache) -> Outcome {
    let mut contents = match contents? {
        Some(contents) if !contents.0.is_empty() => contents,
        _ => {
            return Err(Error::ResourceNotFound { uri: uri.to_owned() });
        }
    };
    for part in &mut contents.0 {
        if part.uri.is_empty() {
            uri.clone_into(&mut part.uri);
        }
        if part.mime_type.is_none() {
            let default = if part.text.is_some() { "text/plain" } else { "application/octet-stream" };
            let mime_type = mime_type.or_else(|| apps::mime_type(uri));
            part.mime_type = Some(mime_type.unwrap_or(default).to_owned());
        }
    }
    Ok(Answer(AnswerBody::ReadResource(ReadResourceResult::from(contents), cache)))
}
