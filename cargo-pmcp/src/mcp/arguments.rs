//! Arguments for a tool that nobody gave any, from its schema.

use serde_json::{Map, Value, json};

/// How deep a schema is followed, as one may lead back to itself.
const DEEPEST: usize = 8;

/// The most that is made up, in bytes of JSON: a schema of a few lines can ask for more than any machine holds.
const LONGEST: usize = 16 << 10;

/// Something that the schema takes, as far as it says so in ordinary words: what it suggests, else what is short.
pub(crate) fn made_up(schema: &Value) -> Value {
    Making { root: schema, left: LONGEST }.value(schema, DEEPEST)
}

/// The same with all that the schema names, as an example for a person to change.
pub(crate) fn suggested(schema: &Value) -> Value {
    let mut all = schema.clone();
    if let Some(names) = schema["properties"].as_object() {
        all["required"] = names.keys().cloned().collect();
    }
    made_up(&all)
}

/// A value that is being made up.
struct Making<'s> {
    root: &'s Value,
    /// How much more it may have, in bytes of JSON.
    left: usize,
}

impl Making<'_> {
    /// What it has no room for any more is left out.
    fn value(&mut self, schema: &Value, depth: usize) -> Value {
        if depth == 0 || self.left == 0 {
            return Value::Null;
        }
        if let Some(path) = schema["$ref"].as_str().and_then(|reference| reference.strip_prefix('#')) {
            let root = self.root;
            return root.pointer(path).map_or(Value::Null, |schema| self.value(schema, depth - 1));
        }
        let suggested = [&schema["const"], &schema["default"], &schema["examples"][0], &schema["enum"][0]];
        if let Some(value) = suggested.into_iter().find(|value| !value.is_null()) {
            return self.taken(value.to_string().len(), || value.clone());
        }
        if let Some(choice) = ["anyOf", "oneOf", "allOf"].iter().find_map(|keyword| schema[keyword].get(0)) {
            return self.value(choice, depth - 1);
        }
        let kind = match &schema["type"] {
            Value::Array(kinds) => kinds.first().and_then(Value::as_str),
            kind => kind.as_str(),
        };
        match kind {
            Some("string") => {
                let text = text(schema);
                self.taken(text.len() + "\"\",".len(), || text.into())
            }
            Some("integer" | "number") => {
                let bounds = [&schema["minimum"], &schema["maximum"]];
                let number = bounds.into_iter().find(|bound| bound.is_number()).cloned().unwrap_or(json!(1));
                self.taken("1,".len(), || number)
            }
            Some("boolean") => self.taken("false,".len(), || json!(false)),
            Some("array") => {
                let mut items = Vec::new();
                while items.len() < at_least(schema, "minItems") && self.left > 0 {
                    items.push(self.value(&schema["items"], depth - 1));
                    self.left = self.left.saturating_sub("[],".len());
                }
                Value::Array(items)
            }
            Some("object") | None if schema["properties"].is_object() => {
                let mut members = Map::new();
                for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
                    if self.left == 0 {
                        break;
                    }
                    self.left = self.left.saturating_sub(name.len() + "\"\":{},".len());
                    members.insert(name.to_owned(), self.value(&schema["properties"][name], depth - 1));
                }
                Value::Object(members)
            }
            Some("object") => self.taken("{},".len(), || json!({})),
            _ => Value::Null,
        }
    }

    /// The value, if it has room for that many bytes; from then on for none, if it has not.
    fn taken(&mut self, length: usize, value: impl FnOnce() -> Value) -> Value {
        match self.left.checked_sub(length) {
            Some(left) => {
                self.left = left;
                value()
            }
            None => {
                self.left = 0;
                Value::Null
            }
        }
    }
}

fn text(schema: &Value) -> String {
    match schema["format"].as_str() {
        Some("date") => "2026-07-28".into(),
        Some("date-time") => "2026-07-28T12:00:00Z".into(),
        Some("uri") => "https://example.com/".into(),
        Some("email") => "ada@example.com".into(),
        Some("uuid") => "00000000-0000-4000-8000-000000000000".into(),
        _ => format!("{:x<1$}", "test", at_least(schema, "minLength").min(1000)),
    }
}

fn at_least(schema: &Value, keyword: &str) -> usize {
    schema[keyword].as_u64().and_then(|count| usize::try_from(count).ok()).unwrap_or(0)
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
    #[test]
    fn a_schema_that_asks_for_all_memory_is_given_some() {
        let many = |items: Value| json!({ "type": "array", "minItems": u64::MAX, "items": items });
        let (mut arrays, mut objects) = (json!({ "type": "string", "minLength": 1000 }), json!({ "const": "x" }));
        for _ in 0..DEEPEST - 1 {
            arrays = many(arrays);
            let names: Vec<String> = (0..100).map(|number| format!("member{number}")).collect();
            let properties: Map<_, _> = names.iter().map(|name| (name.clone(), objects.clone())).take(2).collect();
            objects = json!({ "type": "object", "properties": properties, "required": names });
        }
        let suggestion = json!({ "default": "x".repeat(LONGEST + 1) });
        for schema in [arrays, objects, many(json!({})), many(suggestion.clone()), suggestion] {
            let made = made_up(&schema).to_string().len();
            assert!(made <= 2 * LONGEST, "{made}");
        }
    }
}
