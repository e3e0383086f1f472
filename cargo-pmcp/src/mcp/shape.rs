//! What answers must look like, in as much as clients rely on it: <https://modelcontextprotocol.io/specification>.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::Refusal;

/// An answer that breaks the rules, and how.
type Shaped = Result<(), Refusal>;

fn malformed(what: impl Into<String>) -> Shaped {
    Err(Refusal::Malformed(what.into()))
}

/// Of `server/discover`, asked in a revision.
pub(super) fn discovered(result: &Value, asked_in: &str) -> Shaped {
    let Some(versions) = result["supportedVersions"].as_array() else {
        return malformed("`supportedVersions` is no list");
    };
    if !versions.iter().any(|version| version == asked_in) {
        return malformed(format!("`supportedVersions` lacks {asked_in}, in which it was asked and has answered"));
    }
    capable(result)
}

/// Of `initialize`.
pub(super) fn initialized(result: &Value, known: &[&str]) -> Shaped {
    match result["protocolVersion"].as_str() {
        None => return malformed("`protocolVersion` is missing"),
        Some(version) if !known.contains(&version) => {
            return malformed(format!("`protocolVersion` is {version:?}, which is no revision with a handshake"));
        }
        Some(_) => {}
    }
    let server = &result["serverInfo"];
    if !(server["name"].is_string() && server["version"].is_string()) {
        return malformed("`serverInfo` has no `name` and `version`");
    }
    capable(result)
}

fn capable(result: &Value) -> Shaped {
    match result["capabilities"].is_object() {
        true => Ok(()),
        false => malformed("`capabilities` is no object"),
    }
}

/// Of a list, all its pages together.
pub(super) fn listed(member: &str, items: &[Map<String, Value>]) -> Shaped {
    let mut names = BTreeSet::new();
    for item in items {
        let name = item.get("name").and_then(Value::as_str).unwrap_or_default();
        let text = |key: &str| item.get(key).is_some_and(Value::is_string);
        match member {
            "tools" if item.get("inputSchema").is_none_or(|schema| schema["type"] != "object") => {
                return malformed(format!("the tool {name:?} has no `inputSchema` whose `type` is `object`"));
            }
            "resources" if !text("uri") => return malformed(format!("the resource {name:?} has no `uri`")),
            "resourceTemplates" if !text("uriTemplate") => {
                return malformed(format!("the template {name:?} has no `uriTemplate`"));
            }
            // By these they are asked for.
            "tools" | "prompts" if !names.insert(name) => {
                return malformed(format!("`{member}` has two that are called {name:?}"));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Of `tools/call`, by a client that has declared nothing.
pub(super) fn called(result: &Value) -> Shaped {
    match &result["resultType"] {
        // Before there were others, there was one.
        Value::Null => {}
        Value::String(kind) if kind == "complete" => {}
        Value::String(kind) if kind == "input_required" => return input_required(result),
        kind => return malformed(format!("a result of the type {kind}, which the client has not declared")),
    }
    let Some(blocks) = result["content"].as_array() else { return malformed("`content` is no list") };
    if !matches!(result["isError"], Value::Null | Value::Bool(_)) {
        return malformed("`isError` is neither true nor false");
    }
    for block in blocks {
        match block["type"].as_str() {
            None => return malformed("one of `content` has no `type`"),
            Some("text") if !block["text"].is_string() => return malformed("a text of `content` has no `text`"),
            Some(_) => {}
        }
    }
    Ok(())
}

fn input_required(result: &Value) -> Shaped {
    let asks = |requests: &Map<String, Value>| !requests.is_empty();
    if result["inputRequests"].as_object().is_some_and(asks) {
        return malformed("it asks for input, and the client has declared nothing that it could be asked");
    }
    match result["requestState"].is_string() {
        true => Ok(()),
        false => malformed("it wants to be asked again, and has neither `inputRequests` nor a `requestState`"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn words(shaped: Shaped) -> String {
        shaped.err().map(|refusal| refusal.to_string().replace("no answer of MCP: ", "")).unwrap_or_default()
    }

    #[test]
    fn what_opens_a_conversation_says_what_is_spoken() {
        let right = json!({ "supportedVersions": ["2025-11-25", "2026-07-28"], "capabilities": {} });
        assert_eq!(words(discovered(&right, "2026-07-28")), "");
        for (wrong, told) in [
            (json!({}), "`supportedVersions` is no list"),
            (
                json!({ "supportedVersions": ["2025-11-25"], "capabilities": {} }),
                "`supportedVersions` lacks 2026-07-28, in which it was asked and has answered",
            ),
            (json!({ "supportedVersions": ["2026-07-28"], "capabilities": [] }), "`capabilities` is no object"),
        ] {
            assert_eq!(words(discovered(&wrong, "2026-07-28")), told);
        }
        let server = json!({ "name": "crm", "version": "1" });
        let handshake = |version: &str, server: &Value| {
            let result = json!({ "protocolVersion": version, "capabilities": {}, "serverInfo": server });
            words(initialized(&result, &["2025-11-25"]))
        };
        assert_eq!(handshake("2025-11-25", &server), "");
        assert_eq!(handshake("1", &server), "`protocolVersion` is \"1\", which is no revision with a handshake");
        assert_eq!(handshake("2025-11-25", &json!({})), "`serverInfo` has no `name` and `version`");
        assert_eq!(words(initialized(&json!({}), &[])), "`protocolVersion` is missing");
    }

    #[test]
    fn what_is_listed_can_be_asked_for() {
        let schema = json!({ "type": "object" });
        for (member, items, told) in [
            ("tools", json!([{ "name": "a", "inputSchema": schema }, { "name": "b", "inputSchema": schema }]), ""),
            ("tools", json!([{ "name": "a" }]), "the tool \"a\" has no `inputSchema` whose `type` is `object`"),
            (
                "tools",
                json!([{ "name": "a", "inputSchema": schema }, { "name": "a", "inputSchema": schema }]),
                "`tools` has two that are called \"a\"",
            ),
            ("prompts", json!([{ "name": "a" }, { "name": "a" }]), "`prompts` has two that are called \"a\""),
            ("resources", json!([{ "name": "a", "uri": "x:1" }, { "name": "a", "uri": "x:2" }]), ""),
            ("resources", json!([{ "name": "a" }]), "the resource \"a\" has no `uri`"),
            ("resourceTemplates", json!([{ "name": "a" }]), "the template \"a\" has no `uriTemplate`"),
        ] {
            let items: Vec<Map<String, Value>> = serde_json::from_value(items).expect("objects");
            assert_eq!(words(listed(member, &items)), told, "{member}");
        }
    }

    #[test]
    fn what_a_tool_answers_is_content() {
        for (result, told) in [
            (json!({ "content": [] }), ""),
            (json!({ "resultType": "complete", "content": [{ "type": "text", "text": "a" }] }), ""),
            (json!({ "resultType": "input_required", "requestState": "later" }), ""),
            (json!({}), "`content` is no list"),
            (json!({ "content": "nope" }), "`content` is no list"),
            (json!({ "content": ["nope"] }), "one of `content` has no `type`"),
            (
                json!({ "resultType": "task", "content": [] }),
                "a result of the type \"task\", which the client has not declared",
            ),
            (
                json!({ "resultType": "input_required", "inputRequests": { "1": {} } }),
                "it asks for input, and the client has declared nothing that it could be asked",
            ),
            (
                json!({ "resultType": "input_required" }),
                "it wants to be asked again, and has neither `inputRequests` nor a `requestState`",
            ),
        ] {
            assert_eq!(words(called(&result)), told);
        }
    }
}
