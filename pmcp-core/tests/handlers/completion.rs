//! Completion of the arguments of prompts and resource templates.

use pmcp_core::{
    prelude::*,
    protocol::{ClientCapabilities, Revision},
    serde_json::{Value, json},
};

use crate::{bare, clients};

struct Cities;

#[server(name = "cities", version = "1.0.0")]
impl Cities {
    #[resource("cities://{country}/{city}")]
    fn city(
        &self,
        #[arg(complete = countries)] country: &str,
        #[arg(name = "city", complete = cities)] name: &str,
    ) -> String {
        format!("{name}, {country}")
    }

    #[resource("cities://fixed")]
    fn fixed(&self) -> &str {
        "fixed"
    }

    #[prompt]
    fn visit(
        &self,
        #[arg(complete = countries)] country: &str,
        #[arg(complete = many)] many: &str,
        #[arg(complete = failing)] failing: &str,
        #[arg(name = "by-hand", complete = by_hand)] hand: Option<String>,
        plain: &str,
    ) -> String {
        format!("{country}{many}{failing}{hand:?}{plain}")
    }

    #[prompt]
    fn bare(&self) -> &str {
        "bare"
    }

    fn countries(&self, typed: &str) -> Vec<&'static str> {
        ["France", "Finland", "Italy"].into_iter().filter(|country| country.starts_with(typed)).collect()
    }

    async fn cities(&self, cx: &Context, request: &CompletionRequest) -> Result<Completion> {
        cx.sleep(std::time::Duration::from_secs(1)).await;
        match request.arguments.get("country").map(String::as_str) {
            Some("France") => Ok(Completion::starting_with(&request.value, ["Paris", "Pau", "Lyon"])),
            Some(country) => Ok(Completion::new([format!("{country} {}", request.arguments.len())])),
            None => Ok(Completion::default()),
        }
    }

    fn many(&self, _: &str) -> Vec<String> {
        (0..150).map(|n| n.to_string()).collect()
    }

    fn failing(&self, typed: &str) -> Result<Vec<String>, String> {
        Err(format!("Nothing for {typed}."))
    }

    fn by_hand(&self, _: &str) -> Completion {
        Completion { values: vec!["x".to_owned(); 120], total: Some(1_000), has_more: None }
    }
}

const TEMPLATE: &str = "cities://{country}/{city}";

fn params(reference: Value, argument: &str, value: &str, context: Option<Value>) -> Value {
    let mut params = json!({ "ref": reference, "argument": { "name": argument, "value": value } });
    if let Some(context) = context {
        params["context"] = context;
    }
    params
}

fn prompt(name: &str) -> Value {
    json!({ "type": "ref/prompt", "name": name })
}

fn template(uri: &str) -> Value {
    json!({ "type": "ref/resource", "uri": uri })
}

#[test]
fn proposals_in_every_revision() {
    let all = |values: &[&str]| json!({ "values": values, "total": values.len(), "hasMore": false });
    let france = json!({ "arguments": { "country": "France" } });
    let two = json!({ "arguments": { "country": "Italy", "more": "1" } });
    pollster::block_on(async {
        for (revision, client) in clients(|| Cities) {
            for (params, expected) in [
                (params(prompt("visit"), "country", "F", None), all(&["France", "Finland"])),
                (params(prompt("visit"), "country", "x", None), all(&[])),
                (params(template(TEMPLATE), "country", "It", None), all(&["Italy"])),
                (params(template(TEMPLATE), "city", "pa", Some(france.clone())), all(&["Paris", "Pau"])),
                (params(template(TEMPLATE), "city", "", Some(two.clone())), all(&["Italy 2"])),
                (params(template(TEMPLATE), "city", "", None), all(&[])),
                (params(template(TEMPLATE), "city", "", Some(json!({}))), all(&[])),
                (params(prompt("visit"), "plain", "x", None), all(&[])),
                (params(prompt("visit"), "unknown", "x", None), all(&[])),
                (params(prompt("bare"), "any", "x", None), all(&[])),
                (params(template("cities://fixed"), "any", "x", None), all(&[])),
            ] {
                let result = client.request("completion/complete", params.clone()).await.result;
                let result = result.unwrap_or_else(|error| panic!("{revision} {params}: {error}"));
                assert_eq!(bare(revision, result), json!({ "completion": expected }), "{revision} {params}");
            }
        }
    });
}

#[test]
fn an_answer_holds_a_hundred_at_most() {
    pollster::block_on(async {
        for (revision, client) in clients(|| Cities) {
            let many = client.complete(prompt("visit"), "many", "").await.expect("proposals");
            assert_eq!((many.values.len(), many.total, many.has_more), (100, Some(150), Some(true)), "{revision}");
            let by_hand = client.complete(prompt("visit"), "by-hand", "").await.expect("proposals");
            assert_eq!(
                (by_hand.values.len(), by_hand.total, by_hand.has_more),
                (100, Some(1_000), Some(true)),
                "{revision}"
            );
        }
    });
}

#[test]
fn what_cannot_be_completed_is_an_error() {
    pollster::block_on(async {
        for (revision, client) in clients(|| Cities) {
            for (params, code, word) in [
                (params(prompt("nobody"), "a", "", None), -32602, "nobody"),
                (params(template("cities://{other}"), "a", "", None), -32602, "cities://{other}"),
                (params(json!({ "type": "ref/tool", "name": "visit" }), "a", "", None), -32602, "ref"),
                (params(json!({ "type": "ref/prompt" }), "a", "", None), -32602, "ref"),
                (params(json!("visit"), "a", "", None), -32602, "ref"),
                (json!({ "argument": { "name": "a", "value": "" } }), -32602, "ref"),
                (json!({ "ref": prompt("visit") }), -32602, "argument"),
                (json!({ "ref": prompt("visit"), "argument": { "name": "country" } }), -32602, "value"),
                (params(prompt("visit"), "country", "", Some(json!({ "arguments": { "a": 1 } }))), -32602, "context"),
                (params(prompt("visit"), "failing", "abc", None), -32603, "Nothing for abc."),
            ] {
                let error = client.request("completion/complete", params.clone()).await.result.expect_err("an error");
                assert_eq!(error.code.0, code, "{revision} {params}: {error}");
                assert!(error.message.contains(word), "{revision} {params}: {error}");
            }
        }
    });
}

#[test]
fn a_completer_that_asks_is_told_that_it_cannot() {
    struct Curious;

    #[server(name = "curious", version = "1.0.0")]
    impl Curious {
        #[prompt]
        fn visit(&self, #[arg(complete = ask)] city: &str) -> String {
            city.to_owned()
        }

        async fn ask(&self, cx: &Context, _: &CompletionRequest) -> Result<Completion> {
            cx.elicit_url("login", "Who are you?", "https://example.com").await?;
            Ok(Completion::default())
        }
    }

    pollster::block_on(async {
        for (revision, client) in clients(|| Curious) {
            let capabilities = ClientCapabilities { elicitation: Some(json!({ "url": {} })), ..Default::default() };
            let client = client.with_capabilities(capabilities);
            let error = client.complete_prompt("visit", "city", "").await.expect_err("nobody is asked");
            let word = if revision == Revision::LATEST { "A completer asks" } else { "no stream of a session" };
            assert!(error.code.0 == -32603 && error.message.contains(word), "{revision}: {error}");
        }
    });
}

#[test]
fn a_server_without_completers_has_no_such_method() {
    struct Plain;

    #[server(name = "plain", version = "1.0.0")]
    impl Plain {
        #[prompt]
        fn ask(&self, name: &str) -> String {
            name.to_owned()
        }
    }

    pollster::block_on(async {
        for (revision, client) in clients(|| Plain) {
            let exchange = client.request("completion/complete", params(prompt("ask"), "name", "", None)).await;
            let status = if revision == Revision::LATEST { 404 } else { 200 };
            let error = exchange.result.expect_err("no such method");
            assert_eq!((exchange.status, error.code.0), (status, -32601), "{revision}");
        }
    });
}
