//! Tools whose schemas were written by hand: what is registered, what clients send and what handlers answer is held to
//! them.

#[cfg(target_family = "wasm")]
#[macro_use]
extern crate pmcp_wasm_test;

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use pmcp_core::{
    Answer, BuildError, BuildErrors, Reply,
    prelude::*,
    schema::{Schema, SchemaError},
    serde_json::{Value, json, value::RawValue},
    testing::Client,
};

fn schema(schema: Value) -> Schema {
    schema.as_object().expect("an object").clone()
}

fn builder() -> ServerBuilder {
    Server::builder("by-hand", "1.0.0")
}

fn tool(input: Value) -> Tool {
    Tool { input_schema: schema(input), ..Tool::new("tool") }
}

/// With one property `a`.
fn property(property: Value) -> Value {
    json!({ "type": "object", "properties": { "a": property } })
}

fn errors(builder: ServerBuilder) -> Vec<BuildError> {
    match builder.build() {
        Ok(_) => Vec::new(),
        Err(BuildErrors(errors)) => errors,
    }
}

/// What is answered to a call with `arguments`: `None` where the handler was called.
fn refusal(input: &Value, arguments: Value) -> Option<String> {
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    let server = builder().tool_handler(tool(input.clone()), move |_, _| {
        counted.fetch_add(1, Ordering::Relaxed);
        Reply::Ready(Answer::tool("called"))
    });
    let client = Client::new(server).expect("a server");
    let result = pollster::block_on(client.call_tool("tool", arguments)).expect("a result");
    assert_eq!(calls.load(Ordering::Relaxed), usize::from(!result.is_error), "a refused call reaches no handler");
    result.is_error.then(|| result.to_text())
}

fn nested(levels: usize, innermost: Value, around: impl Fn(Value) -> Value) -> Value {
    (0..levels).fold(innermost, |inner, _| around(inner))
}

#[test]
fn arguments() {
    let ticket = json!({
        "type": "object",
        "properties": {
            "tickets": { "type": "array", "items": {
                "type": "object",
                "properties": { "priority": { "type": "integer", "minimum": 1, "maximum": 5 } },
            } },
            "state": { "enum": ["open", "closed", "waiting", "lost"] },
            "id": { "type": "string", "pattern": "^[A-Z]{2}-[0-9]+$", "maxLength": 12 },
            "by": { "oneOf": [{ "type": "string" }, { "type": "object", "required": ["name"] }] },
            "mail": { "type": "string", "format": "email", "default": "nobody@example.com" },
        },
        "required": ["id"],
        "dependentRequired": { "state": ["by"] },
        "additionalProperties": false,
    });
    for good in [
        json!({ "id": "AB-1" }),
        json!({ "id": "AB-1", "tickets": [{ "priority": 2.0 }, { "more": [] }], "state": "lost", "by": "me" }),
        // 2020-12 tells formats without demanding them.
        json!({ "id": "AB-1", "mail": "no address" }),
    ] {
        assert_eq!(refusal(&ticket, good.clone()), None, "{good}");
    }
    for (bad, words) in [
        (json!({}), r#"Invalid arguments: "id" is a required property."#),
        (json!({ "id": 3 }), r#"Invalid arguments: id: 3 is not of type "string"."#),
        (json!({ "id": "ab" }), r#"id: "ab" does not match "^[A-Z]{2}-[0-9]+$""#),
        (json!({ "id": "AB-1", "more": 1 }), "Additional properties are not allowed ('more' was unexpected)"),
        (json!({ "id": "AB-1", "tickets": [{}, { "priority": 9 }] }), "tickets[1].priority: 9 is greater than"),
        (json!({ "id": "AB-1", "tickets": [{ "priority": 1.5 }] }), r#"tickets[0].priority: 1.5 is not of type "int"#),
        (
            json!({ "id": "AB-1", "state": "?", "by": "me" }),
            r#"state: "?" is not one of ["open","closed","waiting","lost"]"#,
        ),
        (json!({ "id": "AB-1", "state": "open" }), r#""by" is a required property"#),
        (
            json!({ "id": "AB-1", "by": {} }),
            "by: {} is not valid under any of the schemas listed in the 'oneOf' keyword: it is not of type \"string\", or \
             \"name\" is a required property",
        ),
        (json!({ "id": 1, "tickets": 2 }), r#"id: 1 is not of type "string"; tickets: 2 is not of type "array"."#),
    ] {
        let text = refusal(&ticket, bad.clone()).unwrap_or_default();
        assert!(text.contains(words), "{bad}: {text}");
    }
}

/// The schema that the specification prefers for a tool without arguments.
#[test]
fn no_arguments() {
    let none = json!({ "type": "object", "additionalProperties": false });
    assert_eq!(refusal(&none, json!({})), None);
    let text = refusal(&none, json!({ "a": 1 })).expect("a refusal");
    assert_eq!(text, "Invalid arguments: it has a property that the schema does not allow.");
    let text = refusal(&property(json!(false)), json!({ "a": 1 })).expect("a refusal");
    assert_eq!(text, "Invalid arguments: a: the schema allows no value here.");
}

#[test]
fn what_is_told_is_bounded() {
    let numbers = property(json!({ "type": "array", "items": { "type": "integer" } }));
    let text = refusal(&numbers, json!({ "a": vec!["x"; 100] })).expect("a refusal");
    assert!(text.contains("a[4]: ") && !text.contains("a[5]") && text.contains("and 95 more"), "{text}");

    let text = refusal(&numbers, json!({ "a": "x".repeat(10_000) })).expect("a refusal");
    assert!(text.contains("x…") && text.len() < 200, "{text}");

    let text = refusal(&numbers, json!({ "a": vec!["x"; 100_000] })).expect("a refusal");
    assert!(text.contains("too many to say where") && text.len() < 200, "{text}");

    let names: Schema = (0..2_000).map(|number| (format!("name-{number}"), json!(1))).collect();
    let closed = json!({ "type": "object", "properties": { "a": {} }, "additionalProperties": false });
    let text = refusal(&closed, Value::Object(names)).expect("a refusal");
    assert!(text.contains("name-0") && text.len() < 1_000, "{text}");

    let long = json!({ "type": "object", "patternProperties": { "": { "type": "null" } } });
    let text = refusal(&long, json!({ "x".repeat(10_000): 1 })).expect("a refusal");
    assert!(text.contains("1 is not of type") && text.len() < 1_000, "{text}");
}

/// Each alternative leads back to the choice: collected to the ground, problems would double with every level.
#[test]
fn choices_that_contain_themselves() {
    let branch = |op: &str| {
        json!({
            "type": "object",
            "properties": { "op": { "const": op }, "of": { "type": "array", "items": { "$ref": "#/$defs/filter" } } },
            "required": ["op"],
        })
    };
    let filter = json!({
        "type": "object",
        "properties": { "filter": { "$ref": "#/$defs/filter" }, "limit": { "type": "integer" } },
        "$defs": { "filter": { "oneOf": [branch("and"), branch("or"), branch("not")] } },
    });
    let deep = |innermost: &str| {
        nested(20, json!({ "op": innermost }), |inner| json!({ "op": "and", "of": [inner, { "op": "or" }] }))
    };
    assert_eq!(refusal(&filter, json!({ "filter": deep("not") })), None);
    let text = refusal(&filter, json!({ "filter": deep("?") })).expect("a refusal");
    assert!(text.contains("anyOf, oneOf"), "{text}");
    let text = refusal(&filter, json!({ "filter": deep("?"), "limit": "x" })).expect("a refusal");
    assert!(text.contains(r#"limit: "x" is not of type "integer""#), "{text}");
}

#[test]
fn schemas_that_refer_to_themselves() {
    let by_reference = json!({ "type": "object", "properties": { "next": { "$ref": "#" } }, "required": ["id"] });
    let by_anchor = json!({
        "type": "object", "$dynamicAnchor": "node",
        "properties": { "next": { "$dynamicRef": "#node" } }, "required": ["id"],
    });
    let in_a_circle = json!({
        "type": "object", "$ref": "#/$defs/a", "required": ["id"],
        "$defs": { "a": { "$ref": "#/$defs/b" }, "b": { "$ref": "#/$defs/a" } },
    });
    for input in [by_reference, by_anchor, in_a_circle] {
        let list = nested(40, json!({ "id": 0 }), |next| json!({ "id": 1, "next": next }));
        assert_eq!(refusal(&input, list), None, "{input}");
        let text = refusal(&input, json!({ "next": { "id": 1 } })).expect("a refusal");
        assert_eq!(text, r#"Invalid arguments: "id" is a required property."#, "{input}");
    }
}

/// What other engines try in exponentially many ways is one pass over the text.
#[test]
fn patterns_take_linear_time() {
    for pattern in ["^(a+)+$", "^(a|a)*b", "^(.*a){20}$"] {
        let input = property(json!({ "type": "string", "pattern": pattern }));
        let text = refusal(&input, json!({ "a": "a".repeat(50_000) + "!" })).expect("a refusal");
        assert!(text.contains("does not match"), "{text}");
    }
}

#[test]
fn what_cannot_be_served_is_found_when_the_server_is_built() {
    let wide: Schema = (0..100_000).map(|number| (format!("p{number}"), json!(true))).collect();
    for (input, words) in [
        (property(json!({ "type": "text" })), "inputSchema/properties/a/type: "),
        (property(json!({ "minLength": -1 })), "inputSchema/properties/a/minLength: -1 is less than"),
        (property(json!({ "items": [] })), "inputSchema/properties/a/items: "),
        (property(json!({ "required": "a" })), "inputSchema/properties/a/required: "),
        (property(json!({ "$ref": "#/$defs/missing" })), "inputSchema: Pointer '/$defs/missing' does not exist"),
        (property(json!({ "$ref": "#missing" })), "inputSchema: "),
        (property(json!({ "$ref": "http://localhost:1/a" })), "refers to http://localhost:1/a, which is outside"),
        (property(json!({ "$ref": "file:///etc/hosts" })), "refers to file:///etc/hosts, which is outside"),
        (property(json!({ "$ref": "other.json" })), "refers to other.json, which is outside"),
        (property(json!({ "pattern": "(" })), "inputSchema/properties/a/pattern: "),
        (property(json!({ "pattern": "^(?!a)" })), "look-around and back references are not served"),
        (property(json!({ "pattern": r"(a)\1" })), "look-around and back references are not served"),
        (property(json!({ "pattern": "(?:a{1000}){1000}" })), "compiles to more than 1048576 bytes"),
        (property(json!({ "patternProperties": { "(": {} } })), "inputSchema/properties/a/patternProperties"),
        (property(json!({ "enum": vec![0; 20_000] })), "more than 10000 parts"),
        (json!({ "type": "object", "properties": wide }), "more than 10000 parts"),
        (json!({ "type": "object", "not": nested(300, json!({}), |inner| json!({ "not": inner })) }), "deeper than 64"),
    ] {
        let errors = errors(builder().tool(tool(input), |_: Value, _| async {}));
        let [error @ BuildError::Schema { tool, .. }] = errors.as_slice() else { panic!("{words}: {errors:?}") };
        let text = error.to_string();
        assert!(tool == "tool" && text.contains("tool `tool`") && text.contains(words), "{words}: {text}");
        assert!(text.len() < 1_000, "{text}");
    }
}

/// JSON that is parsed is never so deep, and a `Value` so deep needs a large stack only to be dropped: that
/// of a thread, which WebAssembly lacks.
#[cfg(not(target_family = "wasm"))]
#[test]
fn a_schema_of_ten_thousand_levels() {
    let build = || {
        let around = |inner| Value::Object(Schema::from_iter([("not".to_owned(), inner)]));
        let mut deep = tool(json!({ "type": "object" }));
        deep.input_schema.insert("not".to_owned(), nested(10_000, Value::Null, around));
        errors(builder().tool(deep, |_: Value, _| async {}))
    };
    let thread = std::thread::Builder::new().stack_size(64 << 20).spawn(build).expect("a thread");
    let errors = thread.join().expect("no panic");
    assert_eq!(errors, [BuildError::Schema { tool: "tool".to_owned(), error: SchemaError::TooLarge }]);
}

#[test]
fn both_schemas_are_compiled_in_every_build() {
    let wrong =
        Tool { output_schema: Some(schema(json!({ "type": 1 }))), ..tool(json!({ "type": "object", "not": 1 })) };
    let part = builder().check_output(false).tool(wrong, |_: Value, _| async {});
    let errors = errors(builder().check_output(false).merge(part));
    let places: Vec<_> = errors
        .iter()
        .map(|error| match error {
            BuildError::Schema { error: SchemaError::Invalid { place, .. }, .. } => place.as_str(),
            other => panic!("{other}"),
        })
        .collect();
    assert_eq!(places, ["inputSchema/not", "outputSchema/type"]);
}

#[test]
fn a_schema_comes_before_the_type() {
    #[derive(Deserialize, JsonSchema)]
    struct Age {
        age: u8,
    }
    let input = json!({ "type": "object", "properties": { "age": { "minimum": 18 } } });
    let server = builder().tool(tool(input), |Age { age }, _| async move { age });
    let client = Client::new(server).expect("a server");
    let call = |arguments| pollster::block_on(client.call_tool("tool", arguments)).expect("a result").to_text();
    assert_eq!(call(json!({ "age": 18 })), "18");
    assert_eq!(call(json!({ "age": 3 })), "Invalid arguments: age: 3 is less than the minimum of 18.");
    // What only the type demands is still checked by it.
    assert!(call(json!({})).contains("missing field `age`"));
}

fn structured(json: &str) -> CallToolResult {
    let content = RawValue::from_string(json.to_owned()).expect("JSON");
    CallToolResult { structured_content: Some(content), ..CallToolResult::text(json) }
}

/// A tool that answers `result` although it promises a list of integers.
fn promising(result: CallToolResult) -> ServerBuilder {
    let list = json!({ "type": "array", "items": { "type": "integer" } });
    let tool = Tool { output_schema: Some(schema(list)), ..Tool::new("tool") };
    let in_time = Tool { name: "in-time".to_owned(), ..tool.clone() };
    let at_once = result.clone();
    let any = || schema(json!({ "type": "object" }));
    builder()
        .tool_handler(Tool { input_schema: any(), ..tool }, move |_, _| Reply::Ready(Answer::tool(at_once.clone())))
        .tool(Tool { input_schema: any(), ..in_time }, move |_: Value, _| std::future::ready(result.clone()))
}

/// What a call of either tool comes to.
fn answers(server: ServerBuilder) -> Vec<std::result::Result<String, String>> {
    let client = Client::new(server).expect("a server");
    let call = |name| pollster::block_on(client.call_tool(name, json!({})));
    ["tool", "in-time"]
        .map(|name| call(name).map(|result| result.to_text()).map_err(|error| error.to_string()))
        .to_vec()
}

#[test]
fn results() {
    for good in [structured("[1, 2.0]"), structured("[]"), CallToolResult::error("There is none.")] {
        for answer in answers(promising(good.clone()).check_output(true)) {
            assert_eq!(answer, Ok(good.to_text()));
        }
    }
    for bad in [structured(r#"["secret"]"#), structured("null"), CallToolResult::text("[1]")] {
        for answer in answers(promising(bad.clone()).check_output(true)) {
            let text = answer.expect_err("it does not fit");
            assert!(text.contains("does not fit its output schema") && !text.contains("secret"), "{text}");
        }
        for answer in answers(promising(bad.clone()).check_output(false)) {
            assert_eq!(answer, Ok(bad.to_text()));
        }
        // Without a choice, debug builds check.
        for answer in answers(promising(bad.clone())) {
            assert_eq!(answer.is_err(), cfg!(debug_assertions), "{answer:?}");
        }
    }
}

#[test]
fn schemas_of_types_are_not_checked_again() {
    /// A number that is written as text, whatever its schema says.
    #[derive(JsonSchema)]
    struct Odd {
        #[allow(dead_code)]
        number: u8,
    }
    impl Serialize for Odd {
        fn serialize<S: serde::Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
            serializer.collect_map([("number", "one")])
        }
    }
    let server = builder().check_output(true).tool("odd", |_: Schema, _| async { Json(Odd { number: 1 }) });
    let client = Client::new(server).expect("a server");
    let result = pollster::block_on(client.call_tool("odd", json!({}))).expect("a result");
    assert_eq!(result.to_text(), r#"{"number":"one"}"#);
}
