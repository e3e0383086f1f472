//! Holds requests and answers to the OpenAPI file of pmcp.run.
//!
//! <https://spec.openapis.org/oas/v3.1.1.html>

use serde_json::{Map, Value, json};

use super::http::{Answer, Received};

/// The file.
#[derive(Debug)]
pub(super) struct Contract {
    document: Value,
}

/// One of its operations, and what stands in the path for its parameters.
pub(super) struct Operation<'a> {
    pub(super) id: &'a str,
    value: &'a Value,
    parameters: Vec<&'a Value>,
    pub(super) path: Vec<(String, String)>,
}

impl Operation<'_> {
    pub(super) fn part(&self, name: &str) -> &str {
        self.path.iter().find(|(found, _)| found == name).map_or("", |(_, value)| value)
    }
}

type Checked<T = ()> = Result<T, String>;

impl Contract {
    pub(super) fn load() -> Self {
        let text = include_str!("../../../cargo-pmcp/pmcp-run.openapi.json");
        Self { document: serde_json::from_str(text).expect("JSON") }
    }

    /// The ids of all operations.
    pub(super) fn operations(&self) -> Vec<&str> {
        let paths = self.document["paths"].as_object().expect("paths").values();
        paths
            .flat_map(|path| path.as_object().expect("a path").values())
            .filter_map(|part| part["operationId"].as_str())
            .collect()
    }

    pub(super) fn operation(&self, verb: &str, path: &str) -> Checked<Operation<'_>> {
        for (template, item) in self.document["paths"].as_object().expect("paths") {
            let Some(parts) = matches(template, path) else { continue };
            let value = &item[verb.to_ascii_lowercase()];
            let Some(id) = value["operationId"].as_str() else { continue };
            let lists = [&item["parameters"], &value["parameters"]].into_iter().filter_map(Value::as_array);
            let parameters = lists.flatten().map(|parameter| self.resolve(parameter)).collect();
            return Ok(Operation { id, value, parameters, path: parts });
        }
        Err(format!("there is no {verb} {path}"))
    }

    pub(super) fn check_request(&self, operation: &Operation<'_>, request: &Received) -> Checked {
        let known = |place: &'static str| operation.parameters.iter().filter(move |found| found["in"] == place);
        for (name, value) in &operation.path {
            let parameter = known("path").find(|found| found["name"] == **name).ok_or(format!("path part {name}"))?;
            self.check(&parameter["schema"], &json!(value)).map_err(|why| format!("{name} in the path: {why}"))?;
        }
        for (name, value) in &request.query {
            let parameter = known("query").find(|found| found["name"] == **name).ok_or(format!("no query {name}"))?;
            let value = match parameter["schema"]["type"] == "integer" {
                true => value.parse::<u64>().map_or(json!(value), Value::from),
                false => json!(value),
            };
            self.check(&parameter["schema"], &value).map_err(|why| format!("{name} in the query: {why}"))?;
        }
        for parameter in known("query").filter(|found| found["required"] == true) {
            let name = parameter["name"].as_str().expect("a name");
            if !request.query.iter().any(|(found, _)| found == name) {
                return Err(format!("{name} is missing in the query"));
            }
        }
        for parameter in known("header") {
            let name = parameter["name"].as_str().expect("a name");
            let value = request.header(&name.to_ascii_lowercase()).ok_or(format!("no header {name}"))?;
            self.check(&parameter["schema"], &json!(value)).map_err(|why| format!("{name}: {why}"))?;
        }
        let is_open = operation.value["security"].as_array().is_some_and(Vec::is_empty);
        match request.header("authorization") {
            None if !is_open => return Err("no token is sent".into()),
            Some(_) if is_open => return Err("a token is sent to where none is wanted".into()),
            _ => {}
        }
        let content = &operation.value["requestBody"]["content"];
        match (content.as_object(), request.header("content-type")) {
            (None, None) if request.body.is_empty() => Ok(()),
            (None, _) => Err("a body is sent to where none is wanted".into()),
            (Some(content), kind) => self.check_content(content, kind, &request.body),
        }
    }

    pub(super) fn check_answer(&self, operation: &Operation<'_>, verb: &str, answer: &Answer) -> Checked {
        let responses = operation.value["responses"].as_object().expect("responses");
        let status = answer.status.to_string();
        let response = responses.get(&status).or_else(|| responses.get(&format!("{}XX", &status[..1])));
        let response = self.resolve(response.ok_or(format!("{} never has the status {status}", operation.id))?);
        for (name, header) in response["headers"].as_object().into_iter().flatten() {
            let sent = answer.headers.iter().find(|(found, _)| found.eq_ignore_ascii_case(name));
            let (_, value) = sent.ok_or(format!("{status} without {name}"))?;
            self.check(&header["schema"], &json!(value)).map_err(|why| format!("{name}: {why}"))?;
        }
        match (response["content"].as_object(), &answer.body) {
            (_, None) if verb == "HEAD" => Ok(()),
            (None, None) => Ok(()),
            (Some(content), Some((kind, body))) => self.check_content(content, Some(kind), body),
            (wanted, _) => Err(format!("{status}: whether there is a body is as wanted: {}", wanted.is_some())),
        }
    }

    fn check_content(&self, content: &Map<String, Value>, kind: Option<&str>, body: &[u8]) -> Checked {
        let kind = kind.ok_or("the body has no type")?;
        let wanted = content.get(kind).ok_or(format!("a body of the type {kind}"))?;
        if !kind.ends_with("json") {
            return if body.is_empty() { Err("an empty body".into()) } else { Ok(()) };
        }
        let body: Value = serde_json::from_slice(body).map_err(|error| error.to_string())?;
        self.check(&wanted["schema"], &body)
    }

    /// Whether a value is as a schema of the file has it.
    fn check(&self, schema: &Value, value: &Value) -> Checked {
        // References in the schema begin at the root.
        let root = json!({ "allOf": [schema], "components": self.document["components"] });
        let validator = jsonschema::options().should_validate_formats(true).build(&root).expect("a schema");
        validator.validate(value).map_err(|error| format!("{error} at {}", error.instance_path()))
    }

    fn resolve<'a>(&'a self, value: &'a Value) -> &'a Value {
        match value["$ref"].as_str() {
            Some(place) => self.document.pointer(place.trim_start_matches('#')).expect("leads somewhere"),
            None => value,
        }
    }
}

/// What stands in `path` for the parameters of the template.
fn matches(template: &str, path: &str) -> Option<Vec<(String, String)>> {
    let (template, path): (Vec<_>, Vec<_>) = (template.split('/').collect(), path.split('/').collect());
    if template.len() != path.len() {
        return None;
    }
    let mut parts = Vec::new();
    for (wanted, found) in template.into_iter().zip(path) {
        match wanted.strip_prefix('{').and_then(|name| name.strip_suffix('}')) {
            Some(name) => parts.push((name.to_owned(), found.to_owned())),
            None if wanted == found => {}
            None => return None,
        }
    }
    Some(parts)
}
