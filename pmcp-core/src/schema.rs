//! JSON Schema 2020-12: derived from types, checked at registration, and the `x-mcp-header` paths in it
//! (specification pages `server/tools` and `basic/transports/streamable-http`, "Schema Extension").

#[cfg(feature = "jsonschema")]
mod validator;

use http::HeaderName;
use schemars::{
    JsonSchema, SchemaGenerator,
    generate::SchemaSettings,
    transform::{RecursiveTransform, Transform},
};
use serde_json::{Map, Value};

#[cfg(feature = "jsonschema")]
pub(crate) use validator::{Validator, Values};

/// A schema: an object in JSON.
pub type Schema = Map<String, Value>;

/// How deep a schema may nest, and how many subschemas it may have, before registration refuses it.
const MOST_DEPTH: usize = 64;
const MOST_SUBSCHEMAS: usize = 10_000;

/// What is wrong with a schema.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SchemaError {
    /// Arguments are always an object.
    #[error(r#"the input schema must have "type": "object" at its root; take a struct or named arguments"#)]
    RootNotObject,
    /// The schema points outside of itself; nothing is fetched.
    #[error("the schema refers to {0}, which is outside of it; put the definition under $defs")]
    ExternalReference(String),
    /// The declared dialect is not the one that is served.
    #[error("the schema declares the dialect {0}; only https://json-schema.org/draft/2020-12/schema is served")]
    Dialect(String),
    /// The schema is too deep or has too many parts.
    #[error("the schema is deeper than {MOST_DEPTH} levels or has more than {MOST_SUBSCHEMAS} parts")]
    TooLarge,
    /// It is no JSON Schema, refers to what is not in it, or has a pattern that cannot be served.
    #[error("{place}: {reason}")]
    Invalid {
        /// The way to it, such as `inputSchema/properties/id/pattern`.
        place: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A form has fields of plain types only.
    #[error("the field {0} of the form is no text, number, boolean, choice or list of choices; forms are flat")]
    NotAField(String),
    /// The value of `x-mcp-header` is no token.
    #[error("x-mcp-header is {0}, which must be a non-empty header name token (RFC 9110, section 5.6.2)")]
    HeaderName(Value),
    /// Two properties ask for the same header.
    #[error("x-mcp-header {0:?} is there twice; header names do not tell upper from lower case")]
    HeaderTwice(String),
    /// A header holds a string, an integer or a boolean.
    #[error("x-mcp-header {0:?} is on a property that is no string, integer or boolean")]
    HeaderType(String),
    /// A header can only be found by a path of property names.
    #[error("x-mcp-header {0:?} is not reachable through properties alone")]
    HeaderPath(String),
}

/// The schema of what `T` is read from.
pub fn input_schema<T: JsonSchema>() -> Schema {
    plain_input(T::json_schema)
}

/// One function for all types, as [`derive`].
fn plain_input(of_type: fn(&mut SchemaGenerator) -> schemars::Schema) -> Schema {
    let mut schema = derive(SchemaSettings::draft2020_12().for_deserialize(), of_type);
    if let Some(Value::Object(properties)) = schema.get_mut("properties") {
        properties.values_mut().filter_map(Value::as_object_mut).for_each(drop_null);
    }
    schema
}

/// An argument that may be absent need not be `null` besides, although it may: some clients and models stumble over it.
fn drop_null(property: &mut Schema) {
    if let Some(Value::Array(kinds)) = property.get_mut("type") {
        kinds.retain(|kind| kind != "null");
        if let [kind] = kinds.as_slice() {
            let kind = kind.clone();
            property.insert("type".to_owned(), kind);
        }
    }
    if let Some(Value::Array(variants)) = property.get_mut("anyOf") {
        variants.retain(|variant| variant.get("type").is_none_or(|kind| kind != "null"));
        if let [Value::Object(variant)] = variants.as_mut_slice() {
            let variant = std::mem::take(variant);
            property.remove("anyOf");
            for (keyword, value) in variant {
                property.entry(keyword).or_insert(value);
            }
        }
    }
    if let Some(Value::Array(choices)) = property.get_mut("enum") {
        choices.retain(|choice| !choice.is_null());
    }
}

/// The schema of what `T` is written as.
pub fn output_schema<T: JsonSchema>() -> Schema {
    derive(SchemaSettings::draft2020_12().for_serialize(), T::json_schema)
}

/// One function for all types, since there may be many. What schemars adds at the root is left out: the default dialect
/// needs no name, and the Rust type's name says nothing to a client.
fn derive(settings: SchemaSettings, of_type: fn(&mut SchemaGenerator) -> schemars::Schema) -> Schema {
    let mut generator = settings.into_generator();
    // `true`, the schema of anything, is `{}` as an object.
    let mut schema = of_type(&mut generator);
    let object = schema.ensure_object();
    let mut definitions = generator.take_definitions(false);
    // A type that contains itself stands among them, once more.
    let itself = definitions.iter().find(|(_, definition)| definition.as_object() == Some(object));
    let itself = itself.map(|(name, _)| name.clone());
    if let Some(name) = &itself {
        definitions.remove(name);
    }
    object.remove("title");
    if let Some(own) = object.get_mut("$defs").and_then(Value::as_object_mut) {
        own.extend(definitions);
    } else if !definitions.is_empty() {
        object.insert("$defs".to_owned(), Value::Object(definitions));
    }
    if let Some(name) = itself {
        let path = Value::String(format!("#/$defs/{name}"));
        let name_root = |schema: &mut schemars::Schema| {
            if let Some(reference) = schema.get_mut("$ref").filter(|reference| **reference == path) {
                *reference = "#".into();
            }
        };
        RecursiveTransform(name_root).transform(&mut schema);
    }
    RecursiveTransform(remove_number_format).transform(&mut schema);
    std::mem::take(schema.ensure_object())
}

/// The schema of a form whose fields are those of `T`: flat, with fields of plain types only (specification page
/// `client/elicitation`, "Requested Schema").
pub(crate) fn elicitation_schema<T: JsonSchema>() -> Result<Schema, SchemaError> {
    let mut settings = SchemaSettings::draft2020_12().for_deserialize();
    settings.inline_subschemas = true;
    let mut schema = derive(settings, T::json_schema);
    schema.remove("additionalProperties");
    if schema.get("type").and_then(Value::as_str) != Some("object") {
        return Err(SchemaError::RootNotObject);
    }
    for (name, field) in schema.get_mut("properties").and_then(Value::as_object_mut).into_iter().flatten() {
        if !as_field(field) {
            return Err(SchemaError::NotAField(name.clone()));
        }
    }
    Ok(schema)
}

/// Brings a field into the form that clients know; whether it could.
fn as_field(field: &mut Value) -> bool {
    let Some(field) = field.as_object_mut() else { return false };
    // A field that may stay empty is one that is not required; it is never `null`.
    drop_null(field);
    // Enums whose variants are documented: the document is the title of the choice.
    if let Some(Value::Array(choices)) = field.get_mut("oneOf") {
        for choice in choices.iter_mut().filter_map(Value::as_object_mut) {
            choice.remove("type");
            if let Some(title) = choice.remove("description").or_else(|| choice.get("const").cloned()) {
                choice.insert("title".to_owned(), title);
            }
        }
        if !choices.iter().all(|choice| choice.get("const").is_some_and(Value::is_string)) {
            return false;
        }
        field.insert("type".to_owned(), Value::from("string"));
    }
    match field.get("type").and_then(Value::as_str) {
        Some("string" | "number" | "integer" | "boolean") => true,
        Some("array") => {
            field.remove("uniqueItems");
            field.get_mut("items").is_some_and(|items| {
                as_field(items)
                    && items.as_object_mut().is_some_and(|items| {
                        if let Some(choices) = items.remove("oneOf") {
                            items.remove("type");
                            items.insert("anyOf".to_owned(), choices);
                        }
                        items.contains_key("enum") || items.contains_key("anyOf")
                    })
            })
        }
        _ => false,
    }
}

/// `int64` and the like say nothing that 2020-12 knows, and some models' APIs refuse a schema that has them.
fn remove_number_format(schema: &mut schemars::Schema) {
    let is_number = |kind: &Value| matches!(kind.as_str(), Some("integer" | "number"));
    let numeric = match schema.get("type") {
        Some(Value::Array(kinds)) => kinds.iter().any(is_number),
        Some(kind) => is_number(kind),
        None => false,
    };
    if numeric {
        schema.remove("format");
    }
}

/// A property that clients repeat in a header, so that gateways can route on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HeaderParam {
    /// From the root of the arguments, by property names.
    pub(crate) path: Vec<String>,
    /// `mcp-param-` and the name.
    pub(crate) header: HeaderName,
}

/// Checks an input schema and finds its header parameters.
pub(crate) fn check_input(schema: &Schema) -> Result<Vec<HeaderParam>, SchemaError> {
    if schema.get("type").and_then(Value::as_str) != Some("object") {
        return Err(SchemaError::RootNotObject);
    }
    let mut params = Vec::new();
    // Most have none, and need not be looked through for where they are.
    if !check(schema)?.has_headers {
        return Ok(params);
    }
    find_headers(schema, &mut Vec::new(), &mut params)?;
    let mut annotated = Vec::new();
    find_annotations(schema, &mut annotated)?;
    if annotated.len() > params.len() {
        let leads_to = |token: &&str| {
            let header = format!("mcp-param-{}", token.to_ascii_lowercase());
            params.iter().any(|param| param.header.as_str() == header)
        };
        let stray = annotated.into_iter().find(|token| !leads_to(token));
        return Err(SchemaError::HeaderPath(stray.unwrap_or_default().to_owned()));
    }
    Ok(params)
}

/// What is in a schema.
#[derive(Default)]
pub(crate) struct Parts {
    count: usize,
    /// Whether anything in it is called as the annotation for headers is.
    has_headers: bool,
}

/// Checks what every schema must be.
pub(crate) fn check(schema: &Schema) -> Result<Parts, SchemaError> {
    if let Some(dialect) = schema.get("$schema").and_then(Value::as_str)
        && dialect.trim_end_matches('#') != "https://json-schema.org/draft/2020-12/schema"
    {
        return Err(SchemaError::Dialect(dialect.to_owned()));
    }
    let mut parts = Parts::default();
    check_object(schema, 1, &mut parts)?;
    Ok(parts)
}

fn check_object(object: &Schema, depth: usize, parts: &mut Parts) -> Result<(), SchemaError> {
    parts.has_headers |= object.contains_key("x-mcp-header");
    object.values().try_for_each(|value| check_part(value, depth, parts)).and_then(|()| check_reference(object))
}

fn check_part(value: &Value, depth: usize, parts: &mut Parts) -> Result<(), SchemaError> {
    parts.count += 1;
    if depth > MOST_DEPTH || parts.count > MOST_SUBSCHEMAS {
        return Err(SchemaError::TooLarge);
    }
    match value {
        Value::Object(object) => check_object(object, depth + 1, parts),
        Value::Array(array) => array.iter().try_for_each(|value| check_part(value, depth + 1, parts)),
        _ => Ok(()),
    }
}

fn check_reference(object: &Schema) -> Result<(), SchemaError> {
    for keyword in ["$ref", "$dynamicRef"] {
        match object.get(keyword) {
            Some(Value::String(target)) if !target.starts_with('#') => {
                return Err(SchemaError::ExternalReference(target.clone()));
            }
            _ => {}
        }
    }
    Ok(())
}

fn find_headers(schema: &Schema, path: &mut Vec<String>, params: &mut Vec<HeaderParam>) -> Result<(), SchemaError> {
    let Some(Value::Object(properties)) = schema.get("properties") else {
        return Ok(());
    };
    for (name, property) in properties {
        let Value::Object(property) = property else {
            continue;
        };
        path.push(name.clone());
        if let Some(header) = property.get("x-mcp-header") {
            let token = header_token(header)?;
            if !is_header_type(property) {
                return Err(SchemaError::HeaderType(token.to_owned()));
            }
            let header = HeaderName::from_bytes(format!("mcp-param-{token}").as_bytes())
                .map_err(|_| SchemaError::HeaderName(header.clone()))?;
            if params.iter().any(|param| param.header == header) {
                return Err(SchemaError::HeaderTwice(token.to_owned()));
            }
            params.push(HeaderParam { path: path.clone(), header });
        }
        find_headers(property, path, params)?;
        path.pop();
    }
    Ok(())
}

fn header_token(value: &Value) -> Result<&str, SchemaError> {
    match value.as_str() {
        Some(token) if HeaderName::from_bytes(token.as_bytes()).is_ok() => Ok(token),
        _ => Err(SchemaError::HeaderName(value.clone())),
    }
}

/// One of the three types, `null` besides allowed.
fn is_header_type(property: &Schema) -> bool {
    let allowed = |value: &Value| matches!(value.as_str(), Some("string" | "integer" | "boolean"));
    match property.get("type") {
        Some(Value::Array(types)) => {
            types.iter().all(|value| allowed(value) || value == "null") && types.iter().any(allowed)
        }
        Some(value) => allowed(value),
        None => false,
    }
}

/// Finds the annotations wherever they stand, a property that happens to be named so left out.
fn find_annotations<'s>(schema: &'s Schema, found: &mut Vec<&'s str>) -> Result<(), SchemaError> {
    for (keyword, value) in schema {
        match value {
            Value::Object(children) if matches!(keyword.as_str(), "properties" | "$defs" | "patternProperties") => {
                for child in children.values().filter_map(Value::as_object) {
                    find_annotations(child, found)?;
                }
            }
            _ if keyword == "x-mcp-header" => {
                found.push(header_token(value)?);
            }
            Value::Object(child) if !matches!(keyword.as_str(), "default" | "const" | "example") => {
                find_annotations(child, found)?;
            }
            Value::Array(children) if !matches!(keyword.as_str(), "enum" | "examples" | "default") => {
                for child in children.iter().filter_map(Value::as_object) {
                    find_annotations(child, found)?;
                }
            }
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(schema: Value) -> Result<Vec<HeaderParam>, SchemaError> {
        check_input(schema.as_object().expect("an object"))
    }

    #[derive(JsonSchema)]
    #[expect(dead_code, reason = "only its schema is looked at")]
    struct Node {
        #[schemars(extend("x-mcp-header" = "Region"))]
        region: String,
        child: Option<Box<Node>>,
        other: Option<Leaf>,
    }

    #[derive(JsonSchema)]
    #[expect(dead_code, reason = "only its schema is looked at")]
    struct Leaf {
        tree: Vec<Node>,
    }

    #[test]
    fn a_type_that_contains_itself_is_told_once() {
        let schema = output_schema::<Node>();
        assert_eq!(schema["properties"]["child"]["anyOf"][0], json!({"$ref": "#"}));
        assert_eq!(schema["$defs"]["Leaf"]["properties"]["tree"]["items"], json!({"$ref": "#"}));
        assert!(schema["$defs"].get("Node").is_none());
        assert_eq!(check_input(&schema).expect("one header, told once").len(), 1);
    }

    #[test]
    fn finds_headers_by_path() {
        let params = check(json!({"type": "object", "properties": {
            "region": {"type": ["string", "null"], "x-mcp-header": "Region"},
            "page": {"type": "object", "properties": {"size": {"type": "integer", "x-mcp-header": "Page-Size"}}},
            "x-mcp-header": {"type": "string"},
        }}));
        let params = params.expect("a good schema");
        assert_eq!(params.len(), 2);
        assert!(params.iter().any(|p| p.path == ["page", "size"] && p.header == "mcp-param-page-size"));
    }

    #[test]
    fn refuses_bad_headers() {
        let property = |property: Value| check(json!({"type": "object", "properties": {"a": property}}));
        assert!(matches!(property(json!({"type": "number", "x-mcp-header": "A"})), Err(SchemaError::HeaderType(_))));
        for bad in [json!(""), json!("a b"), json!(3), json!("ä")] {
            let schema = json!({"type": "string", "x-mcp-header": bad});
            assert!(matches!(property(schema), Err(SchemaError::HeaderName(_))));
        }
        for stray in [
            json!({"type": "array", "items": {"type": "string", "x-mcp-header": "A"}}),
            json!({"anyOf": [{"type": "string", "x-mcp-header": "A"}]}),
        ] {
            assert_eq!(property(stray), Err(SchemaError::HeaderPath("A".into())));
        }
        let twice = check(json!({"type": "object", "properties": {
            "a": {"type": "string", "x-mcp-header": "X"}, "b": {"type": "string", "x-mcp-header": "x"}}}));
        assert!(matches!(twice, Err(SchemaError::HeaderTwice(_))));
    }

    #[test]
    fn refuses_what_it_would_have_to_fetch_or_cannot_read() {
        let outside = json!({"type": "object", "properties": {"a": {"$ref": "https://example.com/a.json"}}});
        assert!(matches!(check(outside), Err(SchemaError::ExternalReference(_))));
        let dialect = json!({"type": "object", "$schema": "http://json-schema.org/draft-07/schema#"});
        assert!(matches!(check(dialect), Err(SchemaError::Dialect(_))));
        assert_eq!(check(json!({"type": "string"})), Err(SchemaError::RootNotObject));
        let deep = (0..100).fold(json!({}), |inner, _| json!({"not": inner}));
        assert_eq!(check(json!({"type": "object", "not": deep})), Err(SchemaError::TooLarge));
    }
}
