//! What an older revision does not know is left out, and content that it cannot show becomes text.

use serde::Serialize;
use serde_json::{Value, json};

use super::tasks;
use crate::{
    protocol::{
        Annotations, CallToolResult, ContentBlock, Implementation, Meta, Prompt, Resource, ResourceTemplate, Revision,
        ServerCapabilities, TASKS, Tool,
    },
    server::{Answer, AnswerBody},
};

/// Writes the result object of `answer` as `revision` has it.
pub(super) fn encode_answer(out: &mut Vec<u8>, answer: Answer, revision: Revision) -> serde_json::Result<()> {
    match answer.0 {
        AnswerBody::Prepared(result) => {
            out.extend_from_slice(&result);
            Ok(())
        }
        AnswerBody::CallTool(result) => {
            let result = call_tool_result(result, revision);
            encode(out, &result, result.meta.as_ref())
        }
        AnswerBody::ReadResource(result, _) => encode(out, &result, result.meta.as_ref()),
        AnswerBody::GetPrompt(mut result) => {
            for message in &mut result.messages {
                take_block(&mut message.content, revision);
            }
            encode(out, &result, result.meta.as_ref())
        }
        AnswerBody::Complete(result) => serde_json::to_writer(out, &result),
        // A handler of these revisions fails where it would ask.
        AnswerBody::InputRequired(result) => serde_json::to_writer(out, &result),
        AnswerBody::Object { json, .. } => {
            out.extend_from_slice(&json);
            Ok(())
        }
        AnswerBody::Acknowledged => {
            out.extend_from_slice(b"{}");
            Ok(())
        }
    }
}

fn encode(out: &mut Vec<u8>, result: &impl Serialize, meta: Option<&Meta>) -> serde_json::Result<()> {
    serde_json::to_writer(&mut *out, result)?;
    if let Some(meta) = meta {
        out.pop();
        out.extend_from_slice(br#","_meta":"#);
        serde_json::to_writer(&mut *out, meta)?;
        out.push(b'}');
    }
    Ok(())
}

fn call_tool_result(mut result: CallToolResult, revision: Revision) -> CallToolResult {
    for block in &mut result.content {
        take_block(block, revision);
    }
    // Only an object, and only since 2025-06-18.
    let shown = revision >= Revision::V2025_06_18;
    result.structured_content = result.structured_content.filter(|json| shown && json.get().starts_with('{'));
    result
}

fn take_block(block: &mut ContentBlock, revision: Revision) {
    let converted = match std::mem::replace(block, ContentBlock::text("")) {
        ContentBlock::Audio { mime_type, .. } if revision < Revision::V2025_03_26 => {
            ContentBlock::text(format!("[sound, {mime_type}, which this client cannot play]"))
        }
        ContentBlock::ResourceLink(resource) if revision < Revision::V2025_06_18 => {
            ContentBlock::text(format!("[{}]({})", resource.name, resource.uri))
        }
        ContentBlock::ResourceLink(link) => ContentBlock::resource_link(resource(*link, revision)),
        block => block,
    };
    *block = converted;
}

pub(super) fn capabilities(
    declared: &ServerCapabilities,
    revision: Revision,
    announces: bool,
    is_known: bool,
) -> ServerCapabilities {
    let mut declared = declared.clone();
    let mut extensions = declared.extensions.take().unwrap_or_default();
    // Built in, and once.
    let has_tasks = extensions.remove(TASKS).is_some();
    declared.tasks = (has_tasks && revision == Revision::V2025_11_25).then(|| tasks::capability(is_known));
    // What says in `_meta` what it is, is listed without it to older clients.
    declared.extensions = (!extensions.is_empty() && revision >= Revision::V2025_06_18).then_some(extensions);
    // What only a listen stream or a session delivers.
    if !announces {
        for feature in [&mut declared.tools, &mut declared.prompts, &mut declared.resources].into_iter().flatten() {
            *feature = json!({});
        }
    }
    if revision < Revision::V2025_03_26 {
        declared.completions = None;
    }
    declared
}

pub(super) fn implementation(info: &Implementation, revision: Revision) -> Implementation {
    let mut info = info.clone();
    if revision < Revision::V2025_11_25 {
        info.icons.clear();
        info.description = None;
        info.website_url = None;
    }
    if revision < Revision::V2025_06_18 {
        info.title = None;
    }
    info
}

pub(super) fn tool(tool: &Tool, revision: Revision) -> Tool {
    let mut tool = tool.clone();
    if revision < Revision::V2025_11_25 {
        tool.icons.clear();
    }
    tool.output_schema = tool.output_schema.filter(|schema| {
        revision >= Revision::V2025_06_18 && schema.get("type").and_then(Value::as_str) == Some("object")
    });
    if revision < Revision::V2025_06_18 {
        tool.title = None;
        tool.meta = None;
    }
    if revision < Revision::V2025_03_26 {
        tool.annotations = None;
    }
    tool
}

pub(super) fn resource(mut resource: Resource, revision: Revision) -> Resource {
    if revision < Revision::V2025_11_25 {
        resource.icons.clear();
    }
    if revision < Revision::V2025_06_18 {
        resource.title = None;
        resource.meta = None;
    }
    resource.annotations = resource.annotations.map(|hints| annotations(hints, revision));
    resource
}

pub(super) fn resource_template(mut template: ResourceTemplate, revision: Revision) -> ResourceTemplate {
    if revision < Revision::V2025_11_25 {
        template.icons.clear();
    }
    if revision < Revision::V2025_06_18 {
        template.title = None;
        template.meta = None;
    }
    template.annotations = template.annotations.map(|hints| annotations(hints, revision));
    template
}

pub(super) fn prompt(mut prompt: Prompt, revision: Revision) -> Prompt {
    if revision < Revision::V2025_11_25 {
        prompt.icons.clear();
    }
    if revision < Revision::V2025_06_18 {
        prompt.title = None;
        prompt.meta = None;
        for argument in &mut prompt.arguments {
            argument.title = None;
        }
    }
    prompt
}

/// The parameters of the question `id` to the client.
pub(crate) fn question(id: &str, mut params: Value, revision: Revision) -> Value {
    // An elicitation by URL had an id of its own, in the one revision that had both them and sessions.
    if let Value::Object(params) = &mut params
        && revision == Revision::V2025_11_25
        && params.get("mode").and_then(Value::as_str) == Some("url")
    {
        params.insert("elicitationId".to_owned(), json!(id));
    }
    if revision < Revision::V2025_11_25 {
        if let Value::Object(params) = &mut params {
            params.remove("mode");
        }
        let fields = params.pointer_mut("/requestedSchema/properties").and_then(Value::as_object_mut);
        for field in fields.into_iter().flat_map(serde_json::Map::values_mut).filter_map(Value::as_object_mut) {
            // Choices with titles were two lists.
            if let Some(Value::Array(choices)) = field.remove("oneOf") {
                let member = |name: &str| choices.iter().filter_map(|choice| choice.get(name)).cloned().collect();
                field.insert("enum".to_owned(), Value::Array(member("const")));
                field.insert("enumNames".to_owned(), Value::Array(member("title")));
            }
        }
    }
    params
}

fn annotations(mut hints: Annotations, revision: Revision) -> Annotations {
    if revision < Revision::V2025_06_18 {
        hints.last_modified = None;
    }
    hints
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn shown(answer: CallToolResult, revision: Revision) -> Value {
        let mut out = Vec::new();
        encode_answer(&mut out, answer.into(), revision).expect("JSON");
        serde_json::from_slice(&out).expect("JSON")
    }

    #[test]
    fn structured_content_is_an_object_since_2025_06_18() {
        let object = || CallToolResult::structured(&json!({"a": 1})).expect("JSON");
        assert_eq!(shown(object(), Revision::V2025_06_18)["structuredContent"], json!({"a": 1}));
        assert_eq!(shown(object(), Revision::V2025_03_26).get("structuredContent"), None);
        let array = CallToolResult::structured(&json!([1])).expect("JSON");
        let array = shown(array, Revision::V2025_11_25);
        assert_eq!(array, json!({"content": [{"type": "text", "text": "[1]"}]}));
    }

    #[test]
    fn an_elicitation_by_url_has_an_id() {
        let url = json!({"mode": "url", "message": "Please sign in.", "url": "https://example.com/login"});
        let asked = question("q-1", url.clone(), Revision::V2025_11_25);
        assert_eq!((&asked["elicitationId"], &asked["url"]), (&json!("q-1"), &url["url"]));
        let form = json!({"mode": "form", "message": "Who?", "requestedSchema": {"type": "object"}});
        assert_eq!(question("q-1", form.clone(), Revision::V2025_11_25), form);
    }

    #[test]
    fn unknown_blocks_become_text() {
        let content = vec![
            ContentBlock::audio(b"a", "audio/wav"),
            ContentBlock::resource_link(Resource::new("a:b", "name")),
            ContentBlock::image(b"a", "image/png"),
        ];
        let result = shown(CallToolResult { content, ..Default::default() }, Revision::V2024_11_05);
        let kinds: Vec<_> = result["content"].as_array().expect("an array").iter().map(|b| b["type"].clone()).collect();
        assert_eq!(kinds, ["text", "text", "image"]);
        assert_eq!(result["content"][1]["text"], "[name](a:b)");
    }
}
