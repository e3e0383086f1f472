//! Every mistake in what is registered is found when the server is built, and all of them at once.

#[cfg(target_family = "wasm")]
#[macro_use]
extern crate pmcp_wasm_test;

use pmcp_core::{
    BuildError, BuildErrors, StreamableHttp,
    prelude::*,
    protocol::TaskSupport,
    schema::{Schema, SchemaError},
    serde_json::{Value, json},
    testing::Client,
    uri_template::UriTemplateError,
};

fn builder() -> ServerBuilder {
    Server::builder("wrong", "1.0.0")
}

fn schema(schema: Value) -> Schema {
    schema.as_object().expect("an object").clone()
}

fn tool(name: &str, input: Value) -> Tool {
    Tool { input_schema: schema(input), ..Tool::new(name) }
}

fn with_tool(builder: ServerBuilder, tool: Tool) -> ServerBuilder {
    builder.tool(tool, |_: Value, _| async {})
}

fn named(name: &str) -> ServerBuilder {
    with_tool(builder(), tool(name, json!({ "type": "object" })))
}

fn with_prompt(builder: ServerBuilder, name: &str) -> ServerBuilder {
    builder.prompt(Prompt::new(name), |_, _| async { "" })
}

fn with_resource(builder: ServerBuilder, uri: &str) -> ServerBuilder {
    builder.resource(Resource::new(uri, "name"), |_, _| async { "" })
}

fn with_template(builder: ServerBuilder, uri: &str) -> ServerBuilder {
    builder.resource_template(ResourceTemplate::new(uri, "name"), |_, _| async { "" })
}

fn errors(builder: ServerBuilder) -> Vec<BuildError> {
    match builder.build() {
        Ok(_) => Vec::new(),
        Err(BuildErrors(errors)) => errors,
    }
}

/// The only error, which says `words`.
fn only(builder: ServerBuilder, words: &str) -> BuildError {
    let errors = errors(builder);
    let [error] = errors.as_slice() else { panic!("{words}: {errors:?}") };
    assert!(error.to_string().contains(words), "{words}: {error}");
    error.clone()
}

#[test]
fn duplicates() {
    let twice = with_tool(named("add"), tool("add", json!({ "type": "object" })));
    let error = only(twice, "tool `add` is registered twice; give one of them another name");
    assert_eq!(error, BuildError::Duplicate { kind: "tool", name: "add".to_owned() });
    let twice = with_prompt(with_prompt(builder(), "ask"), "ask");
    only(twice, "prompt `ask` is registered twice");
    let twice = with_resource(with_resource(builder(), "a:b"), "a:b");
    only(twice, "resource `a:b` is registered twice; give one of them another URI");
    let twice = with_template(with_template(builder(), "a:{b}"), "a:{b}");
    only(twice, "resource template `a:{b}` is registered twice; give one of them another URI template");
    let complete = |builder: ServerBuilder| builder.complete_resource("a:{b}", "b", |_, _| async { vec![""] });
    let error = only(complete(complete(with_template(builder(), "a:{b}"))), "completer `a:{b} b` is registered twice");
    assert!(matches!(error, BuildError::Duplicate { kind: "completer", .. }));
}

#[test]
fn the_same_name_for_different_kinds_is_no_duplicate() {
    let server = with_prompt(named("add"), "add");
    let server = with_template(with_resource(server, "add:b"), "add:{b}");
    assert_eq!(errors(server), []);
}

#[test]
fn names_of_tools() {
    let long = "a".repeat(129);
    for name in ["", "with space", "ä", "a/b", "a:b", "{a}", "a\n", long.as_str()] {
        let error = only(named(name), "must be 1 to 128 of A-Z a-z 0-9 _ - .");
        assert_eq!(error, BuildError::ToolName(name.to_owned()));
    }
    for name in ["a", "A-Z_0.9", "-", &"a".repeat(128)] {
        assert_eq!(errors(named(name)), [], "{name}");
    }
}

#[test]
fn names_of_prompts() {
    let error = only(with_prompt(builder(), ""), "prompt");
    assert_eq!(error, BuildError::PromptName);
    let text = error.to_string();
    assert!(!text.contains("A-Z"), "prompts may be named anything, so this is the wrong advice: {text}");
    assert_eq!(errors(with_prompt(builder(), "any name, ä")), []);
}

#[test]
fn input_schemas() {
    let nested = (0..70).fold(json!({}), |inner, _| json!({ "not": inner }));
    let wide: Vec<Value> = (0..10_001).map(Value::from).collect();
    let property = |property: Value| json!({ "type": "object", "properties": { "a": property } });
    for (input, kind, words) in [
        (json!({ "type": "string" }), SchemaError::RootNotObject, r#""type": "object""#),
        (json!({ "type": ["object", "null"] }), SchemaError::RootNotObject, "at its root"),
        (
            property(json!({ "$ref": "https://example.com/a.json" })),
            SchemaError::ExternalReference("https://example.com/a.json".to_owned()),
            "put the definition under $defs",
        ),
        (
            json!({ "type": "object", "$schema": "http://json-schema.org/draft-07/schema#" }),
            SchemaError::Dialect("http://json-schema.org/draft-07/schema#".to_owned()),
            "only https://json-schema.org/draft/2020-12/schema",
        ),
        (json!({ "type": "object", "not": nested }), SchemaError::TooLarge, "64 levels"),
        (json!({ "type": "object", "enum": wide }), SchemaError::TooLarge, "10000 parts"),
        (
            property(json!({ "type": "string", "x-mcp-header": "a b" })),
            SchemaError::HeaderName(json!("a b")),
            "non-empty header name token",
        ),
        (
            property(json!({ "type": "string", "x-mcp-header": "" })),
            SchemaError::HeaderName(json!("")),
            "non-empty header name token",
        ),
        (
            property(json!({ "type": "number", "x-mcp-header": "A" })),
            SchemaError::HeaderType("A".to_owned()),
            "no string, integer or boolean",
        ),
        (
            json!({ "type": "object", "properties": {
                "a": { "type": "string", "x-mcp-header": "Same" },
                "b": { "type": "string", "x-mcp-header": "same" },
            } }),
            SchemaError::HeaderTwice("same".to_owned()),
            "is there twice",
        ),
        (
            property(json!({ "type": "array", "items": { "type": "string", "x-mcp-header": "A" } })),
            SchemaError::HeaderPath("A".to_owned()),
            "not reachable",
        ),
    ] {
        let error = only(with_tool(builder(), tool("wrong", input.clone())), words);
        assert!(error.to_string().contains("tool `wrong`"), "{error}");
        assert_eq!(error, BuildError::Schema { tool: "wrong".to_owned(), error: kind });
    }
}

#[test]
fn output_schemas() {
    let output =
        |output: Value| Tool { output_schema: Some(schema(output)), ..tool("wrong", json!({ "type": "object" })) };
    let outside = output(json!({ "$dynamicRef": "other.json#a" }));
    let error = only(with_tool(builder(), outside), "other.json#a, which is outside of it");
    assert!(matches!(error, BuildError::Schema { error: SchemaError::ExternalReference(_), .. }));
    assert_eq!(errors(with_tool(builder(), output(json!({ "type": "string" })))), []);
}

#[test]
fn a_tool_that_takes_no_object() {
    let number = builder().tool(Tool::new("wrong"), |_: u8, _| async {});
    only(number, "take a struct or named arguments");
}

#[test]
fn headers_that_the_attribute_asks_for() {
    struct Routed;

    #[derive(Deserialize, JsonSchema)]
    struct Place {
        #[expect(dead_code, reason = "only its schema matters")]
        city: String,
    }

    #[server(name = "routed", version = "1.0.0")]
    impl Routed {
        #[tool]
        fn of_a_float(&self, #[arg(header = "Share")] share: f64) -> f64 {
            share
        }
        #[tool]
        fn of_a_structure(&self, #[arg(header = "Place")] place: Option<Place>) -> bool {
            place.is_some()
        }
        #[tool]
        fn twice(&self, #[arg(header = "A")] a: String, #[arg(header = "a")] b: String) -> String {
            a + &b
        }
        #[tool]
        fn with_a_space(&self, #[arg(header = "A B")] a: String) -> String {
            a
        }
        #[tool]
        fn right(
            &self,
            #[arg(header = "A")] a: Option<String>,
            #[arg(header = "B")] b: Option<u64>,
            #[arg(header = "C")] c: bool,
        ) -> bool {
            a.is_some() || b.is_some() || c
        }
    }

    let errors = errors(Routed.into_builder());
    let found: Vec<_> = errors
        .iter()
        .map(|error| match error {
            BuildError::Schema { tool, error } => (tool.as_str(), error),
            other => panic!("{other}"),
        })
        .collect();
    let expected = [
        ("of_a_float", &SchemaError::HeaderType("Share".to_owned())),
        ("of_a_structure", &SchemaError::HeaderType("Place".to_owned())),
        ("twice", &SchemaError::HeaderTwice("a".to_owned())),
        ("with_a_space", &SchemaError::HeaderName(json!("A B"))),
    ];
    assert_eq!(found, expected);
}

#[test]
fn uris() {
    for uri in ["", "handbook", "/handbook", "1a:b", ":b", "ä:b", "a b:c"] {
        let error = only(with_resource(builder(), uri), "a URI needs a scheme, as in `docs://handbook`");
        assert_eq!(error, BuildError::Uri(uri.to_owned()));
    }
    for uri in ["a:", "docs://handbook", "x-a.b+c:d", "file:///x"] {
        assert_eq!(errors(with_resource(builder(), uri)), [], "{uri}");
    }
}

#[test]
fn uri_templates() {
    for (template, kind, words) in [
        ("{a}", UriTemplateError::NoScheme, "no scheme"),
        ("a:{b", UriTemplateError::UnclosedBrace(2), "is not closed"),
        ("a:{}", UriTemplateError::EmptyExpression(2), "name a variable"),
        ("a:{b}{c}", UriTemplateError::Ambiguous(5), "put a literal"),
        ("a:{b}/{b}", UriTemplateError::DuplicateVariable(7, "b".to_owned()), "rename one of the two"),
    ] {
        let error = only(with_template(builder(), template), words);
        assert!(error.to_string().contains(&format!("resource template `{template}`")), "{error}");
        assert_eq!(error, BuildError::UriTemplate { template: template.to_owned(), error: kind });
    }
}

#[test]
fn completers() {
    let prompt = || {
        let prompt = Prompt::new("ask").with_argument(PromptArgument::new("name"));
        with_template(builder(), "a:{b}").prompt(prompt, |_, _| async { "" })
    };
    let ask = |prompt: &str, argument: &str, builder: ServerBuilder| {
        builder.complete_prompt(prompt, argument, |_, _| async { vec![""] })
    };
    let read = |template: &str, argument: &str, builder: ServerBuilder| {
        builder.complete_resource(template, argument, |_, _| async { vec![""] })
    };
    let error = only(ask("ask", "age", prompt()), "prompt `ask` has no argument `age`");
    assert_eq!(error, BuildError::Completer { target: "prompt `ask`".to_owned(), argument: "age".to_owned() });
    only(ask("other", "name", prompt()), "prompt `other`");
    only(ask("a:{b}", "b", prompt()), "prompt `a:{b}`");
    only(read("a:{b}", "c", prompt()), "resource template `a:{b}` has no argument `c`");
    only(read("a:{c}", "c", prompt()), "resource template `a:{c}`");
    only(read("ask", "name", prompt()), "resource template `ask`");
    assert_eq!(errors(ask("ask", "name", read("a:{b}", "b", prompt()))), []);
    // A completer may come before what it completes.
    let before = ask("ask", "name", builder());
    let prompt = Prompt::new("ask").with_argument(PromptArgument::new("name"));
    assert_eq!(errors(before.prompt(prompt, |_, _| async { "" })), []);
}

#[test]
fn a_broken_template_is_one_mistake() {
    let broken = with_template(builder(), "a:{b").complete_resource("a:{b", "b", |_, _| async { vec![""] });
    only(broken, "is not closed");
}

#[test]
fn all_at_once_in_the_order_of_registration() {
    let everything = || {
        let server = with_tool(named("no name"), tool("list", json!({ "type": "array" })));
        let server = with_tool(server, tool("list", json!({ "type": "object" })));
        let server = with_resource(server, "handbook");
        let server = with_template(server, "a:{}");
        let server = with_prompt(with_prompt(server, "ask"), "ask");
        server.complete_prompt("ask", "name", |_, _| async { vec![""] })
    };
    let words = [
        "tool name `no name`",
        "tool `list`: the input schema",
        "tool `list` is registered twice",
        "resource `handbook`",
        "resource template `a:{}`",
        "prompt `ask` is registered twice",
        "prompt `ask` has no argument `name`",
    ];
    let found = errors(everything());
    assert_eq!(found.len(), words.len(), "{found:?}");
    for (error, words) in found.iter().zip(words) {
        assert!(error.to_string().contains(words), "{words}: {error}");
    }

    let text = everything().build().err().expect("errors").to_string();
    assert_eq!(text.lines().count(), 1 + words.len(), "{text}");
    assert!(text.starts_with("the server cannot be built:\n  - tool name"), "{text}");

    for refused in [
        StreamableHttp::new(everything()).err(),
        Client::new(everything()).err(),
        everything().into_server().err(),
        Err::<Server, _>(BuildErrors(found.clone())).into_server().err(),
    ] {
        assert_eq!(refused, Some(BuildErrors(found.clone())));
    }
}

#[test]
fn a_definition_that_is_no_json() {
    // Nothing that can be registered today is such; what comes may be.
    let error = BuildError::Encoding("key must be a string".to_owned());
    assert_eq!(error.to_string(), "the definitions cannot be written as JSON: key must be a string");
}

#[test]
fn tasks_that_nobody_keeps() {
    let task = || Tool { task: Some(TaskSupport::default()), ..tool("slow", json!({ "type": "object" })) };
    let error = only(with_tool(builder(), task()), "call `.tasks()` or `.task_store(…)`");
    assert_eq!(error, BuildError::TasksMissing("slow".to_owned()));
    assert_eq!(errors(with_tool(builder(), task()).tasks()), []);
    // A part brings what it needs.
    assert_eq!(errors(builder().merge(with_tool(builder(), task()).tasks())), []);
}

#[test]
fn the_attribute_registers_as_the_builder_does() {
    struct Doubled;

    #[server(name = "doubled", version = "1.0.0")]
    impl Doubled {
        #[tool(name = "same")]
        fn one(&self) {}
        #[tool(name = "same")]
        fn two(&self) {}
        #[tool(name = "not good")]
        fn three(&self) {}
        #[resource("nowhere")]
        fn four(&self) -> &str {
            ""
        }
        #[resource("a:{!b}")]
        fn five(&self) -> &str {
            ""
        }
    }

    let found = Doubled.into_server().err().expect("errors");
    let texts: Vec<_> = found.0.iter().map(ToString::to_string).collect();
    assert_eq!(texts.len(), 4, "{found}");
    assert!(texts[0].contains("tool `same` is registered twice"));
    assert!(texts[1].contains("tool name `not good`"));
    assert!(texts[2].contains("resource `nowhere`"));
    assert!(texts[3].contains("resource template `a:{!b}`"));
}
