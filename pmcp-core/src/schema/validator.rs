//! Validators of schemas that were written by hand: compiled once, without a network, with patterns of linear time.

use std::collections::HashSet;

use jsonschema::{
    Keyword, PatternOptions, ValidationError,
    error::ValidationErrorKind,
    paths::{Location, LocationSegment},
};
use serde_json::Value;

use super::{Schema, SchemaError};

/// What one pattern may compile to, in bytes.
const MOST_PATTERN_BYTES: usize = 1 << 20;

/// What is told of a value that does not fit: so many problems, each in so many bytes.
const MOST_PROBLEMS: usize = 5;
const MOST_PROBLEM_BYTES: usize = 300;
const MOST_VALUE_BYTES: usize = 60;

/// Of so many branches of a choice it is told what they want.
const MOST_BRANCHES: usize = 4;

/// In longer JSON nobody is told where it does not fit, since each wrong item of a list costs memory.
const MOST_TOLD_BYTES: usize = 64 * 1024;

/// The keywords that say yes or no to a value as a whole. Without them the rest of a schema only asks for less, so that
/// no problem is told that is none.
const UNTOLD: [&str; 7] = ["anyOf", "oneOf", "not", "if", "contains", "unevaluatedProperties", "unevaluatedItems"];

/// Whether what is wrong may be shown to whoever reads of it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Values {
    Shown,
    Hidden,
}

/// A compiled schema.
pub(crate) struct Validator {
    whole: jsonschema::Validator,
    /// The schema to collect problems with, where the whole one would take too long.
    telling: Option<jsonschema::Validator>,
}

impl Validator {
    /// Compiles `schema`, which [`check`](super::check) found in bounds and without references to elsewhere; `name` is
    /// what errors call it.
    pub(crate) fn compile(schema: &Schema, name: &str) -> Result<Self, SchemaError> {
        let options = || {
            let patterns = PatternOptions::regex().size_limit(MOST_PATTERN_BYTES);
            jsonschema::draft202012::options().offline().with_pattern_options(patterns)
        };
        let schema = Value::Object(schema.clone());
        let whole = options().build(&schema).map_err(|error| invalid(&error, name))?;
        // The branches of a choice are each collected to the ground. Where they lead back to the choice, the number of
        // problems doubles with every level of the value; `is_valid` remembers instead.
        let telling = if is_recursive(&schema, &schema, &mut Vec::new(), &mut HashSet::new()) {
            let options = UNTOLD
                .into_iter()
                .fold(options(), |options, keyword| options.with_keyword(keyword, |_, _, _| Ok(Box::new(Untold))));
            Some(options.build(&schema).map_err(|error| invalid(&error, name))?)
        } else {
            None
        };
        Ok(Self { whole, telling })
    }

    /// What of `json` does not fit, in words; `None` where all does.
    pub(crate) fn problems(&self, json: &str, values: Values) -> Option<String> {
        let value: Value = match serde_json::from_str(json) {
            Ok(value) => value,
            Err(error) => return Some(error.to_string()),
        };
        if self.whole.is_valid(&value) {
            return None;
        }
        if json.len() > MOST_TOLD_BYTES {
            return Some(format!("{} bytes that do not fit the schema, too many to say where", json.len()));
        }
        let mut errors = self.telling.as_ref().unwrap_or(&self.whole).iter_errors(&value);
        let mut problems: Vec<String> =
            errors.by_ref().take(MOST_PROBLEMS).map(|error| describe(&error, values)).collect();
        match errors.count() {
            0 if problems.is_empty() => {
                problems.push(format!("this does not fit what the schema says with one of {}", UNTOLD.join(", ")));
            }
            0 => {}
            more => problems.push(format!("and {more} more")),
        }
        Some(problems.join("; "))
    }
}

/// A keyword that no problem is collected of.
struct Untold;

impl<'i> Keyword<'i> for Untold {
    fn validate(&self, _: &'i Value) -> Result<(), ValidationError<'i>> {
        Ok(())
    }

    fn is_valid(&self, _: &'i Value) -> bool {
        true
    }
}

/// Whether `node` of `root` leads back to itself; references that are not followed here count as leading back.
fn is_recursive<'s>(root: &'s Value, node: &'s Value, open: &mut Vec<&'s str>, closed: &mut HashSet<&'s str>) -> bool {
    match node {
        Value::Object(members) => members.iter().any(|(keyword, value)| match (keyword.as_str(), value) {
            ("$dynamicRef", Value::String(_)) => true,
            ("$ref", Value::String(reference)) => {
                let reference = reference.as_str();
                if closed.contains(reference) {
                    return false;
                }
                let target = reference.strip_prefix('#').and_then(|pointer| root.pointer(pointer));
                let Some(target) = target.filter(|_| !open.contains(&reference)) else { return true };
                open.push(reference);
                let recursive = is_recursive(root, target, open, closed);
                open.pop();
                closed.insert(reference);
                recursive
            }
            _ => is_recursive(root, value, open, closed),
        }),
        Value::Array(items) => items.iter().any(|item| is_recursive(root, item, open, closed)),
        _ => false,
    }
}

/// What is wrong with the schema `name`, and where.
fn invalid(error: &ValidationError<'_>, name: &str) -> SchemaError {
    let reason = match error.kind() {
        ValidationErrorKind::Format { format } if format == "regex" => format!(
            "{} is no pattern that is matched in linear time: look-around and back references are not served, nor what \
             compiles to more than {MOST_PATTERN_BYTES} bytes",
            error.instance()
        ),
        _ => error.to_string(),
    };
    SchemaError::Invalid { place: format!("{name}{}", error.instance_path()), reason: cut(reason, MOST_PROBLEM_BYTES) }
}

/// One problem and the way to it, such as `tickets[1].priority: "x" is not of type "integer"`.
fn describe(error: &ValidationError<'_>, values: Values) -> String {
    let value = match values {
        Values::Shown => cut(error.instance().to_string(), MOST_VALUE_BYTES),
        Values::Hidden => "the value".to_owned(),
    };
    let reason = match error.kind() {
        // All of the choices, as far as there is room: the client is to take one of them.
        ValidationErrorKind::Enum { options } => format!("{value} is not one of {options}"),
        // The library does not say which property it is.
        ValidationErrorKind::FalseSchema if error.schema_path().as_str().ends_with("/additionalProperties") => {
            "it has a property that the schema does not allow".to_owned()
        }
        ValidationErrorKind::FalseSchema => "the schema allows no value here".to_owned(),
        ValidationErrorKind::AnyOf { context } | ValidationErrorKind::OneOfNotValid { context } => {
            format!("{}: {}", error.masked_with(value.as_str()), describe_branches(error, context))
        }
        _ => error.masked_with(value.as_str()).to_string(),
    };
    let path = path(error.instance_path());
    let problem = if path.is_empty() { reason } else { format!("{}: {reason}", cut(path, MOST_PROBLEM_BYTES)) };
    cut(problem, 2 * MOST_PROBLEM_BYTES)
}

/// What the first branches of a choice want, each in one problem and not further down.
fn describe_branches(choice: &ValidationError<'_>, branches: &[Vec<ValidationError<'_>>]) -> String {
    let wants = branches.iter().filter_map(|problems| problems.first()).take(MOST_BRANCHES).map(|problem| {
        let reason = problem.masked_with("it").to_string();
        let place = problem.instance_path();
        if place == choice.instance_path() { reason } else { format!("{}: {reason}", path(place)) }
    });
    wants.collect::<Vec<_>>().join(", or ")
}

fn path(location: &Location) -> String {
    let mut path = String::new();
    for segment in location {
        match segment {
            LocationSegment::Property(name) => {
                path += if path.is_empty() { "" } else { "." };
                path += &name;
            }
            LocationSegment::Index(index) => path += &format!("[{index}]"),
        }
    }
    path
}

fn cut(mut text: String, most: usize) -> String {
    if text.len() > most {
        text.truncate(text.floor_char_boundary(most));
        text.push('…');
    }
    text
}
