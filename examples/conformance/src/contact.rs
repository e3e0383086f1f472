//! A tool with a schema that no Rust type derives: conditions, an anchor, and a dialect that is named.

use pmcp_core::{
    prelude::*,
    serde_json::{Map, Value, json},
};

/// How to reach somebody; the schema says which of the last two must be there.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Contact {
    name: Option<String>,
    address: Option<Address>,
    contact_method: Option<ContactMethod>,
    phone: Option<String>,
    email: Option<String>,
}

#[derive(Deserialize, JsonSchema)]
struct Address {
    street: Option<String>,
    city: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum ContactMethod {
    Phone,
    Email,
}

/// The tool as `tools/list` shows it.
pub(crate) fn tool() -> Tool {
    Tool { input_schema: input_schema(), ..Tool::new("json_schema_2020_12_tool") }
        .with_description("Says how somebody is reached; its schema uses the whole of JSON Schema 2020-12.")
}

fn input_schema() -> Map<String, Value> {
    let text = json!({ "type": "string" });
    let by_phone = json!({ "required": ["phone"] });
    let by_email = json!({ "required": ["email"] });
    let address = json!({
        "$anchor": "addressDef",
        "type": "object",
        "properties": { "street": text, "city": text },
    });
    let properties = json!({
        "name": text,
        "address": { "$ref": "#/$defs/address" },
        "contactMethod": { "type": "string", "enum": ["phone", "email"] },
        "phone": text,
        "email": text,
    });
    let wants_phone = json!({ "properties": { "contactMethod": { "const": "phone" } }, "required": ["contactMethod"] });
    let keywords = [
        ("$schema", json!("https://json-schema.org/draft/2020-12/schema")),
        ("$defs", json!({ "address": address })),
        ("type", json!("object")),
        ("properties", properties),
        ("additionalProperties", json!(false)),
        ("allOf", json!([{ "anyOf": [by_phone, by_email] }])),
        ("if", wants_phone),
        ("then", by_phone),
        ("else", by_email),
    ];
    keywords.map(|(keyword, value)| (keyword.to_owned(), value)).into_iter().collect()
}

/// Says how the contact is reached.
pub(crate) async fn call(contact: Contact, _cx: Context) -> Result<String> {
    contact.into_sentence()
}

impl Contact {
    /// The type checks what a type can; the condition of the schema is checked here.
    fn into_sentence(self) -> Result<String> {
        let (method, value) = match self.contact_method {
            Some(ContactMethod::Phone) => ("phone", self.phone),
            Some(ContactMethod::Email) | None => ("email", self.email),
        };
        let value = value.ok_or_else(|| Error::InvalidArguments(format!("The argument {method} is missing.")))?;
        let name = self.name.as_deref().unwrap_or("Somebody");
        let place = self.address.map(Address::into_place).unwrap_or_default();
        Ok(format!("{name}{place} is reached by {method}: {value}"))
    }
}

impl Address {
    /// With a word in front, or nothing where neither part is known.
    fn into_place(self) -> String {
        let parts: Vec<_> = [self.street, self.city].into_iter().flatten().collect();
        if parts.is_empty() { String::new() } else { format!(" of {}", parts.join(", ")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sentence(arguments: Value) -> Option<String> {
        let contact: Contact = pmcp_core::serde_json::from_value(arguments).ok()?;
        contact.into_sentence().ok()
    }

    #[test]
    fn wants_what_the_schema_wants() {
        let ada = json!({ "name": "Ada", "address": { "city": "London" }, "contactMethod": "phone", "phone": "1" });
        assert_eq!(sentence(ada).as_deref(), Some("Ada of London is reached by phone: 1"));
        assert_eq!(sentence(json!({ "email": "a@b" })).as_deref(), Some("Somebody is reached by email: a@b"));
        for wrong in [
            json!({}),
            json!({ "phone": "1" }),
            json!({ "contactMethod": "phone", "email": "a@b" }),
            json!({ "contactMethod": "letter", "email": "a@b" }),
            json!({ "email": "a@b", "other": 1 }),
        ] {
            assert_eq!(sentence(wrong.clone()), None, "{wrong}");
        }
    }
}
