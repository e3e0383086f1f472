//! Arguments for a tool that nobody gave any, from its schema.

use serde_json::{Map, Value, json};

/// How deep a schema is followed, as one may lead back to itself.
const DEEPEST: usize = 8;

/// Something that the schema takes, as far as it says so in ordinary words: what it suggests, else what is short.
pub(crate) fn made_up(schema: &Value) -> Value {
    make_up(schema, schema, DEEPEST)
}

/// The same with all that the schema names, as an example for a person to change.
pub(crate) fn suggested(schema: &Value) -> Value {
    let mut all = schema.clone();
    if let Some(names) = schema["properties"].as_object() {
        all["required"] = names.keys().cloned().collect();
    }
    made_up(&all)
}

fn make_up(root: &Value, schema: &Value, depth: usize) -> Value {
    if depth == 0 {
        return Value::Null;
    }
    if let Some(path) = schema["$ref"].as_str().and_then(|reference| reference.strip_prefix('#')) {
        return root.pointer(path).map_or(Value::Null, |schema| make_up(root, schema, depth - 1));
    }
    let suggested = [&schema["const"], &schema["default"], &schema["examples"][0], &schema["enum"][0]];
    if let Some(value) = suggested.into_iter().find(|value| !value.is_null()) {
        return value.clone();
    }
    if let Some(choice) = ["anyOf", "oneOf", "allOf"].iter().find_map(|keyword| schema[keyword].get(0)) {
        return make_up(root, choice, depth - 1);
    }
    let kind = match &schema["type"] {
        Value::Array(kinds) => kinds.first().and_then(Value::as_str),
        kind => kind.as_str(),
    };
    let at_least = |keyword: &str| schema[keyword].as_u64().and_then(|count| usize::try_from(count).ok()).unwrap_or(0);
    match kind {
        Some("string") => match schema["format"].as_str() {
            Some("date") => json!("2026-07-28"),
            Some("date-time") => json!("2026-07-28T12:00:00Z"),
            Some("uri") => json!("https://example.com/"),
            Some("email") => json!("ada@example.com"),
            Some("uuid") => json!("00000000-0000-4000-8000-000000000000"),
            _ => json!(format!("{:x<1$}", "test", at_least("minLength").min(1000))),
        },
        Some("integer" | "number") => {
            let bounds = [&schema["minimum"], &schema["maximum"]];
            bounds.into_iter().find(|bound| bound.is_number()).cloned().unwrap_or(json!(1))
        }
        Some("boolean") => json!(false),
        Some("array") => {
            let item = make_up(root, &schema["items"], depth - 1);
            Value::Array(vec![item; at_least("minItems").min(100)])
        }
        Some("object") | None if schema["properties"].is_object() => {
            let required = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
            let members = required.map(|name| (name.to_owned(), make_up(root, &schema["properties"][name], depth - 1)));
            Value::Object(members.collect())
        }
        Some("object") => json!({}),
        _ => Value::Null,
    }
}

/// What of the arguments headers repeat: the names of `x-mcp-header`, and the values.
pub(crate) fn mirrored(schema: &Value, arguments: &Value) -> Vec<(String, Value)> {
    let (Some(properties), Some(members)) = (schema["properties"].as_object(), arguments.as_object()) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for (name, value) in members {
        let schema = properties.get(name).unwrap_or(&Value::Null);
        match schema["x-mcp-header"].as_str() {
            Some(header) if !value.is_null() => found.push((header.to_owned(), value.clone())),
            _ => found.extend(mirrored(schema, value)),
        }
    }
    found
}

/// Whether a tool wants arguments at all.
pub(crate) fn are_required(tool: &Map<String, Value>) -> bool {
    tool.get("inputSchema").is_some_and(|schema| schema["required"].as_array().is_some_and(|names| !names.is_empty()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schema_is_given_what_it_takes() {
        let schema = json!({
            "type": "object",
            "$defs": { "Unit": { "type": "string", "enum": ["celsius", "kelvin"] } },
            "required": ["city", "days", "unit", "near", "when", "wind", "tags"],
            "properties": {
                "city": { "type": "string", "minLength": 6, "x-mcp-header": "City" },
                "days": { "type": ["integer", "null"], "minimum": 3 },
                "unit": { "$ref": "#/$defs/Unit" },
                "near": { "type": "object", "required": ["lat"], "properties": { "lat": { "type": "number", "maximum": -2,
                    "x-mcp-header": "Lat" } } },
                "when": { "type": "string", "format": "date" },
                "wind": { "anyOf": [{ "type": "boolean" }, { "type": "null" }] },
                "tags": { "type": "array", "items": { "default": "a" }, "minItems": 2 },
                "left_out": { "type": "string" },
            },
        });
        let arguments = made_up(&schema);
        assert_eq!(
            arguments,
            json!({ "city": "testxx", "days": 3, "unit": "celsius", "near": { "lat": -2 }, "when": "2026-07-28",
                "wind": false, "tags": ["a", "a"] })
        );
        assert_eq!(mirrored(&schema, &arguments), [("City".into(), json!("testxx")), ("Lat".into(), json!(-2))]);
    }

    #[test]
    fn a_schema_that_leads_to_itself_comes_to_an_end() {
        let schema = json!({ "properties": { "next": { "$ref": "#" } }, "required": ["next"] });
        assert!(made_up(&schema)["next"].is_object());
    }
}
