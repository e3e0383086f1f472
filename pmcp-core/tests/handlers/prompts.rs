//! Prompts: their arguments are strings on the wire, and anything that can be parsed in the handler.

use std::{net::IpAddr, str::FromStr};

use pmcp_core::{
    prelude::*,
    protocol::Revision,
    serde_json::{Value, json},
    testing::Client,
};

use crate::{bare, clients};

struct Prompts;

struct Color(&'static str);

impl FromStr for Color {
    type Err = &'static str;

    fn from_str(text: &str) -> std::result::Result<Self, Self::Err> {
        if text == "red" { Ok(Self("RED")) } else { Err("not a color") }
    }
}

#[server(name = "prompts", version = "1.0.0")]
impl Prompts {
    /// Greets.
    #[prompt(title = "Greeting", icon = "https://example.com/icon.png")]
    fn greet(
        &self,
        /// Who.
        name: &str,
        #[arg(name = "how-often", description = "How often.")] times: Option<u8>,
    ) -> String {
        format!("Hello {name}").repeat(times.unwrap_or(1).into())
    }

    #[prompt]
    async fn parsed(&self, number: i16, flag: bool, address: IpAddr, color: Color, more: Option<f64>) -> String {
        format!("{number} {flag} {address} {} {more:?}", color.0)
    }

    #[prompt]
    fn borrowed(&self) -> &str {
        "text"
    }

    #[prompt]
    fn message(&self) -> PromptMessage {
        PromptMessage::assistant(ContentBlock::audio([1], "audio/wav"))
    }

    #[prompt]
    fn messages(&self) -> Result<Vec<PromptMessage>> {
        Ok(vec![
            PromptMessage::user("Question"),
            PromptMessage::assistant("Answer"),
            PromptMessage::user(ContentBlock::resource_link(Resource::new("a:b", "link"))),
        ])
    }

    #[prompt(name = "the whole")]
    async fn whole(&self) -> GetPromptResult {
        GetPromptResult {
            description: Some("What for".to_owned()),
            messages: Vec::new(),
            meta: json!({ "example.com/k": [1] }).as_object().cloned(),
        }
    }
}

fn said(role: &str, content: Value) -> Value {
    json!({ "role": role, "content": content })
}

#[test]
fn every_type_in_every_revision() {
    pollster::block_on(async {
        for (revision, client) in clients(|| Prompts) {
            let text = |text: &str| json!({ "type": "text", "text": text });
            let sound = if revision < Revision::V2025_03_26 {
                text("[sound, audio/wav, which this client cannot play]")
            } else {
                json!({ "type": "audio", "data": "AQ==", "mimeType": "audio/wav" })
            };
            let link = if revision < Revision::V2025_06_18 {
                text("[link](a:b)")
            } else {
                json!({ "type": "resource_link", "uri": "a:b", "name": "link" })
            };
            let messages = [said("user", text("Question")), said("assistant", text("Answer")), said("user", link)];
            let parsed = json!({ "number": "-5", "flag": "true", "address": "::1", "color": "red" });
            for (name, arguments, expected) in [
                ("greet", json!({ "name": "Ada" }), json!({ "messages": [said("user", text("Hello Ada"))] })),
                (
                    "greet",
                    json!({ "name": "", "how-often": "2" }),
                    json!({ "messages": [said("user", text("Hello Hello "))] }),
                ),
                ("parsed", parsed, json!({ "messages": [said("user", text("-5 true ::1 RED None"))] })),
                ("borrowed", json!({}), json!({ "messages": [said("user", text("text"))] })),
                ("message", json!({}), json!({ "messages": [said("assistant", sound)] })),
                ("messages", json!({}), json!({ "messages": messages })),
                (
                    "the whole",
                    json!({}),
                    json!({ "description": "What for", "messages": [], "_meta": { "example.com/k": [1] } }),
                ),
            ] {
                let params = json!({ "name": name, "arguments": arguments });
                let result = client.request("prompts/get", params).await.result;
                let result = result.unwrap_or_else(|error| panic!("{revision} {name}: {error}"));
                assert_eq!(bare(revision, result), expected, "{revision} {name}");
            }
            let without = client.request("prompts/get", json!({ "name": "borrowed" })).await;
            assert!(without.result.is_ok(), "{revision}");
        }
    });
}

#[test]
fn wrong_arguments_are_named() {
    pollster::block_on(async {
        let right = json!({ "number": "1", "flag": "true", "address": "::1", "color": "red" });
        let with = |name: &str, value: Value| {
            let mut arguments = right.clone();
            arguments[name] = value;
            arguments
        };
        for (revision, client) in clients(|| Prompts) {
            for (prompt, arguments, word) in [
                ("greet", json!({}), "name"),
                ("greet", json!({ "how-often": "2" }), "name"),
                ("greet", json!({ "name": "x", "how-often": "256" }), "how-often"),
                ("greet", json!({ "name": "x", "how-often": "" }), "how-often"),
                ("greet", json!({ "name": 5 }), "string"),
                ("greet", json!({ "name": null }), "string"),
                ("greet", json!(["x"]), "arguments"),
                ("parsed", with("number", json!("70000")), "number"),
                ("parsed", with("flag", json!("yes")), "flag"),
                ("parsed", with("address", json!("here")), "address"),
                ("parsed", with("color", json!("blue")), "color"),
                ("parsed", with("more", json!("much")), "more"),
                ("nobody", json!({}), "nobody"),
            ] {
                let error = client.get_prompt(prompt, arguments.clone()).await.expect_err("an error");
                assert_eq!(error.code.0, -32602, "{revision} {prompt} {arguments}");
                assert!(error.message.contains(word), "{revision} {prompt} {arguments}: {error}");
            }
        }
    });
}

#[test]
fn the_list_says_what_a_prompt_takes() {
    pollster::block_on(async {
        for (revision, client) in clients(|| Prompts) {
            let list = client.request("prompts/list", json!({})).await.result.expect("a list");
            let mut greet = json!({
                "name": "greet",
                "description": "Greets.",
                "arguments": [
                    { "name": "name", "description": "Who.", "required": true },
                    { "name": "how-often", "description": "How often." },
                ],
            });
            if revision >= Revision::V2025_06_18 {
                greet["title"] = json!("Greeting");
            }
            if revision >= Revision::V2025_11_25 {
                greet["icons"] = json!([{ "src": "https://example.com/icon.png" }]);
            }
            assert_eq!(list["prompts"][0], greet, "{revision}");
        }
    });
}

#[test]
fn arguments_come_by_hand_as_well() {
    let prompt = Prompt::new("by-hand").with_argument(PromptArgument::new("a").required());
    let server = Server::builder("by-hand", "1").prompt(prompt, |arguments, cx| async move {
        format!("{:?} {:?} {}", arguments.value("a"), arguments.value("b"), cx.request_id())
    });
    pollster::block_on(async {
        let client = Client::new(server).expect("a server");
        assert_eq!(client.get_prompt("by-hand", json!({})).await.expect_err("a is missing").code.0, -32602);
        let prompt = client.get_prompt("by-hand", json!({ "a": "1" })).await.expect("a prompt");
        assert_eq!(prompt.messages, [PromptMessage::user("Some(\"1\") None 2")]);
    });
}
