//! The frontmatter of a `SKILL.md`: YAML on top of Markdown (the Agent Skills specification, "Frontmatter").

use saphyr::{LoadableYamlNode, Scalar, Yaml};
use serde_json::{Map, Number, Value};

use super::SkillError;

/// The frontmatter of `text` as JSON, with the fields that every skill has.
pub(super) fn parse(text: &str) -> Result<Map<String, Value>, SkillError> {
    let yaml = between_fences(text).ok_or(SkillError::NoFrontmatter)?;
    let documents = Yaml::load_from_str(yaml).map_err(|error| SkillError::Yaml(error.to_string()))?;
    let Some(Value::Object(fields)) = documents.first().map(json).transpose()? else {
        return Err(SkillError::NoFrontmatter);
    };
    check(&fields)?;
    Ok(fields)
}

/// What stands between the first line, `---`, and the next such line.
fn between_fences(text: &str) -> Option<&str> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let rest = text.strip_prefix("---\n").or_else(|| text.strip_prefix("---\r\n"))?;
    let mut end = 0;
    for line in rest.split_inclusive('\n') {
        if line.trim_end().eq("---") {
            return rest.get(..end);
        }
        end += line.len();
    }
    None
}

fn json(yaml: &Yaml<'_>) -> Result<Value, SkillError> {
    Ok(match yaml {
        Yaml::Value(Scalar::Null) => Value::Null,
        Yaml::Value(Scalar::Boolean(value)) => Value::Bool(*value),
        Yaml::Value(Scalar::Integer(value)) => Value::Number((*value).into()),
        Yaml::Value(Scalar::FloatingPoint(value)) => {
            Value::Number(Number::from_f64(value.0).ok_or(SkillError::NotJson("number without bounds"))?)
        }
        Yaml::Value(Scalar::String(text)) => Value::String(text.as_ref().to_owned()),
        Yaml::Sequence(items) => Value::Array(items.iter().map(json).collect::<Result<_, _>>()?),
        Yaml::Mapping(members) => {
            let member = |(key, value): (&Yaml<'_>, &Yaml<'_>)| match key {
                Yaml::Value(Scalar::String(key)) => Ok((key.as_ref().to_owned(), json(value)?)),
                _ => Err(SkillError::NotJson("key that is no string")),
            };
            Value::Object(members.iter().map(member).collect::<Result<_, _>>()?)
        }
        _ => return Err(SkillError::NotJson("tag or an alias without its anchor")),
    })
}

fn check(fields: &Map<String, Value>) -> Result<(), SkillError> {
    let length = |field: &str| fields.get(field).map(|value| value.as_str().map_or(0, |text| text.chars().count()));
    let name = fields.get("name").and_then(Value::as_str).unwrap_or_default();
    let is_name = (1..=64).contains(&name.len())
        && name.split('-').all(|part| {
            !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
        });
    let metadata = fields.get("metadata").and_then(Value::as_object);
    let is_reserved = metadata.is_some_and(|known| known.keys().any(|key| key.starts_with("io.modelcontextprotocol/")));
    let rules = [
        ("name", is_name, "1 to 64 of a-z 0-9, with single hyphens between them"),
        ("description", length("description").is_some_and(|count| (1..=1024).contains(&count)), "1 to 1024 characters"),
        (
            "compatibility",
            length("compatibility").is_none_or(|count| (1..=500).contains(&count)),
            "1 to 500 characters",
        ),
        ("metadata", !is_reserved, "without keys that begin with `io.modelcontextprotocol/`, which are reserved"),
    ];
    match rules.into_iter().find(|(_, holds, _)| !holds) {
        Some((field, _, rule)) => Err(SkillError::Field { field, rule }),
        None => Ok(()),
    }
}
