//! Which answer belongs to which question: keys, questions that change, answers that do not fit.

#[cfg(target_family = "wasm")]
#[macro_use]
extern crate pmcp_wasm_test;

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use pmcp_core::{
    prelude::*,
    protocol::{ClientCapabilities, CreateMessage, Elicitation},
    testing::{Client, TestPlatform},
};
use serde_json::{Value, json};

#[derive(Deserialize, JsonSchema)]
struct Consent {
    yes: bool,
}

#[derive(Default)]
struct Asks(AtomicU32);

#[server(name = "asks", version = "1.0.0")]
impl Asks {
    #[tool(task)]
    async fn same_key(&self, how: String, cx: &Context) -> Result<String> {
        cx.elicit::<Consent>("confirm", "Delete the draft?").await?;
        let again = match how.as_str() {
            "form" => cx.elicit::<Consent>("confirm", "Delete everything?").await.map(drop),
            "url" => cx.elicit_url("confirm", "Pay.", "https://example.com/pay").await.map(drop),
            "sample" => cx.sample("confirm", &CreateMessage::new(1, "Shall I?")).await.map(drop),
            _ => cx.roots("confirm").await.map(drop),
        };
        again.map(|()| "deleted everything".to_owned())
    }

    #[tool]
    async fn same_step(&self, cx: &Context) -> Result<u32> {
        let work = || async { self.0.fetch_add(1, Ordering::SeqCst) };
        Ok(cx.once("pay", work()).await? + cx.once("pay", work()).await?)
    }

    #[tool]
    async fn endless(&self, cx: &Context) -> Result<String> {
        for number in 1.. {
            cx.elicit::<Consent>(&format!("more-{number}"), "And more?").await?;
        }
        Ok("enough".to_owned())
    }

    /// Asks something else in its first `changes` runs than in those after.
    #[tool]
    async fn changing(&self, changes: u32, cx: &Context) -> Result<String> {
        let run = self.0.fetch_add(1, Ordering::SeqCst).min(changes);
        Ok(match cx.elicit::<Consent>("confirm", &format!("Pay {run} euros?")).await? {
            Elicitation::Accept(Consent { yes: true }) => format!("paid {run}"),
            _ => "not paid".to_owned(),
        })
    }
}

fn client() -> Client {
    let capabilities = ClientCapabilities {
        elicitation: Some(json!({ "form": {}, "url": {} })),
        sampling: Some(json!({})),
        roots: Some(json!({})),
        ..Default::default()
    };
    Client::new(Asks::default()).expect("a server").with_capabilities(capabilities)
}

fn yes(_: &str, _: &Value) -> Value {
    json!({ "action": "accept", "content": { "yes": true } })
}

fn says_to_use_another(text: &str) {
    assert!(text.contains("\"confirm\" in one run") && text.contains("such as \"confirm-1\""), "{text}");
}

#[test]
fn a_second_question_under_one_key_is_refused_whatever_it_asks() {
    for how in ["form", "url", "sample", "roots"] {
        let call = json!({ "how": how });
        let error = pollster::block_on(client().answering(yes).call_tool("same_key", call.clone()));
        says_to_use_another(&error.expect_err("one key").message);
        let platform = TestPlatform::default();
        let client = client().answering(yes).with_tasks().with_platform(Arc::new(platform.clone()));
        let error = pollster::block_on(platform.run(client.call_tool("same_key", call)));
        says_to_use_another(&error.expect_err("one key").message);
    }
}

#[test]
fn a_second_step_of_one_name_is_refused() {
    let error = pollster::block_on(client().call_tool("same_step", json!({}))).expect_err("one name");
    assert!(error.message.contains("\"pay\"") && error.message.contains("such as \"pay-1\""), "{error}");
}

#[test]
fn an_answer_is_good_for_its_question_only() {
    let client = client().answering(yes);
    // The first run asks about 0 euros, the second about 1, the third gets the answer to that.
    let result = pollster::block_on(client.call_tool("changing", json!({ "changes": 1 }))).expect("a result");
    assert_eq!(result.to_text(), "paid 1");
}

#[test]
fn a_question_that_never_stays_the_same_is_an_error() {
    let client = client().answering(yes);
    let error = pollster::block_on(client.call_tool("changing", json!({ "changes": 99 }))).expect_err("no end");
    assert!(error.message.contains("\"confirm\"") && error.message.contains("cx.once"), "{error}");
}

#[test]
fn a_client_that_never_answers_properly_is_told_why() {
    let misfit = json!({ "action": "accept", "content": { "no": true } });
    let asked = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&asked);
    let client = client().answering(move |_, _| {
        count.fetch_add(1, Ordering::SeqCst);
        misfit.clone()
    });
    let result = pollster::block_on(client.call_tool("changing", json!({ "changes": 0 }))).expect("a result");
    let expected = "The answer to the question \"confirm\" does not fit, asked 3 times: missing field `yes`.";
    assert_eq!((result.is_error, result.to_text().as_ref()), (true, expected));
    assert_eq!(asked.load(Ordering::SeqCst), 3);
}

#[test]
fn a_handler_that_asks_without_end_is_named_by_its_last_question() {
    let error = pollster::block_on(client().answering(yes).call_tool("endless", json!({}))).expect_err("no end");
    assert!(error.message.contains("32 rounds, the last time [\"more-32\"]"), "{error}");
}
