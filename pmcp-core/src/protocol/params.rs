//! The `params` of every request that the server knows, read in one pass and left unparsed one level down.

use std::borrow::Cow;

use serde::de::DeserializeOwned;

use super::{RequestMeta, mark};
use crate::jsonrpc::{ErrorCode, ErrorObject, Members, RawJson};

/// All members that any method's `params` may have; absent and `null` are the same.
#[derive(Debug, Default)]
pub(crate) struct RequestParams<'a> {
    pub(crate) meta: RequestMeta<'a>,
    pub(crate) name: Option<RawJson<'a>>,
    pub(crate) uri: Option<RawJson<'a>>,
    pub(crate) cursor: Option<RawJson<'a>>,
    pub(crate) arguments: Option<RawJson<'a>>,
    pub(crate) reference: Option<RawJson<'a>>,
    pub(crate) argument: Option<RawJson<'a>>,
    pub(crate) context: Option<RawJson<'a>>,
    pub(crate) level: Option<RawJson<'a>>,
    pub(crate) input_responses: Option<RawJson<'a>>,
    pub(crate) request_state: Option<RawJson<'a>>,
    pub(crate) notifications: Option<RawJson<'a>>,
    pub(crate) task: Option<RawJson<'a>>,
    pub(crate) task_id: Option<RawJson<'a>>,
    pub(crate) protocol_version: Option<RawJson<'a>>,
}

impl<'a> RequestParams<'a> {
    /// Parses `params`; no params are the same as `{}`, and so is `null`, which some clients send instead.
    pub(crate) fn parse(params: Option<RawJson<'a>>) -> Result<Self, ErrorObject> {
        let Some(params) = params.filter(|params| !params.is_null()) else {
            return Ok(Self::default());
        };
        if !params.is_object() {
            return Err(invalid("params must be an object."));
        }
        Self::read(&mut params.members())
    }

    /// Reads the members of `params`, to the end or to the first mistake.
    pub(crate) fn read(members: &mut Members<'a>) -> Result<Self, ErrorObject> {
        let (mut parsed, mut meta) = (Self::default(), None);
        let (mut nulls, mut read_meta) = (Vec::new(), None);
        while let Some(name) = members.name() {
            let value = match &*name {
                "_meta" => members.value_with(RequestMeta::read).map(|(value, read)| {
                    read_meta = read;
                    value
                }),
                _ => members.value(),
            };
            let Some(value) = value else { break };
            let member = match &*name {
                "_meta" => &mut meta,
                "name" => &mut parsed.name,
                "uri" => &mut parsed.uri,
                "cursor" => &mut parsed.cursor,
                "arguments" => &mut parsed.arguments,
                "ref" => &mut parsed.reference,
                "argument" => &mut parsed.argument,
                "context" => &mut parsed.context,
                "level" => &mut parsed.level,
                "inputResponses" => &mut parsed.input_responses,
                "requestState" => &mut parsed.request_state,
                "notifications" => &mut parsed.notifications,
                "task" => &mut parsed.task,
                "taskId" => &mut parsed.task_id,
                "protocolVersion" => &mut parsed.protocol_version,
                _ => continue,
            };
            take(member, &name, value, &mut nulls)
                .map_err(|error| invalid(format!("params cannot be read: {error}.")))?;
        }
        if meta.is_some() {
            parsed.meta = read_meta.ok_or_else(|| invalid("params._meta must be an object."))??;
        }
        Ok(parsed)
    }

    /// The member that names what a request of `method` is about.
    pub(crate) fn naming(method: &str) -> Option<&'static str> {
        match method {
            "tools/call" | "prompts/get" => Some("name"),
            "resources/read" => Some("uri"),
            "tasks/get" | "tasks/update" | "tasks/cancel" => Some("taskId"),
            _ => None,
        }
    }

    /// The same member, and what it is; others may say anything.
    pub(crate) fn named(&self, method: &str) -> Option<(&'static str, Option<RawJson<'a>>)> {
        let member = Self::naming(method)?;
        let value = match member {
            "uri" => self.uri,
            "taskId" => self.task_id,
            _ => self.name,
        };
        Some((member, value))
    }

    /// The same name as a log may have it, where it is one.
    pub(crate) fn told_name(&self, method: &str) -> Option<Cow<'a, str>> {
        let (member, name) = self.named(method)?;
        let name = name?.string()?;
        Some(if member == "taskId" { Cow::Owned(mark(&name).to_owned()) } else { name })
    }

    /// The string under `member`, which the method requires.
    pub(crate) fn required_str(raw: Option<RawJson<'a>>, member: &str) -> Result<Cow<'a, str>, ErrorObject> {
        Self::optional_str(raw, member)?.ok_or_else(|| invalid(format!("params.{member} is missing.")))
    }

    /// The string under `member`, if there is one.
    pub(crate) fn optional_str(raw: Option<RawJson<'a>>, member: &str) -> Result<Option<Cow<'a, str>>, ErrorObject> {
        raw.map(|raw| raw.string().ok_or_else(|| invalid(format!("params.{member} must be a string.")))).transpose()
    }

    /// The value under `member`, which the method requires.
    pub(crate) fn required<T: DeserializeOwned>(raw: Option<RawJson<'a>>, member: &str) -> Result<T, ErrorObject> {
        Self::optional(raw, member)?.ok_or_else(|| invalid(format!("params.{member} is missing.")))
    }

    /// The value under `member`, if there is one.
    pub(crate) fn optional<T: DeserializeOwned>(
        raw: Option<RawJson<'a>>,
        member: &str,
    ) -> Result<Option<T>, ErrorObject> {
        raw.map(|raw| serde_json::from_str(raw.get()))
            .transpose()
            .map_err(|error| invalid(format!("params.{member} cannot be read: {error}.")))
    }

    /// What is under `member` of the object that is the parameter `name`, if there is one.
    pub(crate) fn member(
        raw: Option<RawJson<'a>>,
        name: &str,
        member: &str,
    ) -> Result<Option<RawJson<'a>>, ErrorObject> {
        let Some(raw) = raw else { return Ok(None) };
        if !raw.is_object() {
            return Err(invalid(format!("params.{name} must be an object.")));
        }
        let mut found = raw.members().filter(|(name, _)| name == member).map(|(_, value)| value);
        match (found.next(), found.next()) {
            (one, None) => Ok(one),
            _ => Err(invalid(format!("params.{name}.{member} is there twice."))),
        }
    }

    /// The same, which must be a string.
    pub(crate) fn member_str(raw: Option<RawJson<'a>>, name: &str, member: &str) -> Result<Cow<'a, str>, ErrorObject> {
        let value = Self::member(raw, name, member)?.and_then(RawJson::string);
        value.ok_or_else(|| invalid(format!("params.{name}.{member} must be a string.")))
    }

    /// The strings by their names of the object under `member`; absent it is the same as `{}`.
    pub(crate) fn strings(
        raw: Option<RawJson<'a>>,
        member: &str,
    ) -> Result<impl Iterator<Item = (String, String)>, ErrorObject> {
        if raw.is_some_and(|raw| !raw.is_object()) {
            return Err(invalid(format!("params.{member} must be an object.")));
        }
        let members = raw.into_iter().flat_map(RawJson::members);
        let strings = members.map(|(name, value)| match value.string() {
            Some(value) => Ok((name.into_owned(), value.into_owned())),
            None => Err(invalid(format!("params.{member}.{name} must be a string."))),
        });
        Ok(strings.collect::<Result<Vec<_>, _>>()?.into_iter())
    }
}

/// Notes that `name` is `value`, unless that is `null`; fails where the name was there before.
pub(super) fn take<'a>(
    member: &mut Option<RawJson<'a>>,
    name: &str,
    value: RawJson<'a>,
    nulls: &mut Vec<String>,
) -> Result<(), String> {
    if member.is_some() || nulls.iter().any(|known| known == name) {
        return Err(format!("duplicate field `{name}`"));
    }
    match value.is_null() {
        true => nulls.push(name.to_owned()),
        false => *member = Some(value),
    }
    Ok(())
}

pub(super) fn invalid(message: impl Into<String>) -> ErrorObject {
    ErrorObject::new(ErrorCode::INVALID_PARAMS, message)
}
