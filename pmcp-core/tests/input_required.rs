//! Asking the client: rounds, what is remembered between them, and what happens to a state that was tampered with.

#[cfg(target_family = "wasm")]
#[macro_use]
extern crate pmcp_wasm_test;

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use pmcp_core::{
    StateKey, StreamableHttp,
    platform::Platform,
    prelude::*,
    protocol::{ClientCapabilities, CreateMessage, Elicitation, Revision},
    testing::{Client, TestPlatform},
};
use serde_json::{Value, json};

#[derive(Deserialize, JsonSchema)]
struct Delivery {
    /// Street and number.
    street: String,
    express: Option<bool>,
    #[serde(default)]
    extras: Vec<Extra>,
    size: Size,
}

#[derive(Deserialize, JsonSchema, Debug)]
#[serde(rename_all = "lowercase")]
enum Extra {
    Napkins,
    Sauce,
}

#[derive(Deserialize, JsonSchema, Debug)]
#[serde(rename_all = "lowercase")]
enum Size {
    /// For one.
    Small,
    /// For two.
    Large,
}

struct Shop {
    runs: Arc<AtomicU32>,
    charged: Arc<AtomicU32>,
}

#[server(name = "shop", version = "1.0.0")]
impl Shop {
    #[tool]
    async fn order(&self, item: String, cx: &Context) -> Result<String> {
        self.runs.fetch_add(1, Ordering::SeqCst);
        let receipt = cx.once("charge", async { self.charged.fetch_add(1, Ordering::SeqCst) + 100 }).await?;
        let delivery = match cx.elicit::<Delivery>("delivery", "Where to?").await? {
            Elicitation::Accept(delivery) => delivery,
            Elicitation::Decline => return Ok("declined".to_owned()),
            Elicitation::Cancel => return Ok("cancelled".to_owned()),
        };
        let slogan = cx.sample("slogan", &CreateMessage::new(20, "A slogan!")).await?;
        Ok(format!(
            "{item} to {} ({:?}, {:?}, {:?}), receipt {receipt}: {}",
            delivery.street,
            delivery.express,
            delivery.extras,
            delivery.size,
            slogan.text()
        ))
    }

    #[tool]
    async fn login(&self, cx: &Context) -> Result<String> {
        Ok(format!("{:?}", cx.elicit_url("login", "Please sign in.", "https://example.com/login").await?))
    }

    #[tool]
    async fn paths(&self, cx: &Context) -> Result<String> {
        let roots = cx.roots("roots").await?;
        Ok(roots.iter().map(|root| root.uri.as_str()).collect::<Vec<_>>().join(" "))
    }

    #[prompt]
    async fn greet(&self, cx: &Context) -> Result<String> {
        let Elicitation::Accept(name) = cx.elicit::<Name>("name", "Who are you?").await? else {
            return Ok("Greet nobody.".to_owned());
        };
        Ok(format!("Greet {}.", name.name))
    }
}

/// Secrets, of which the cheap one is told whoever pays for it.
struct Vault;

#[server(name = "vault", version = "1.0.0")]
impl Vault {
    #[resource("vault://{item}")]
    async fn item(&self, item: String, cx: &Context) -> Result<String> {
        let secret = cx.once("unlock", async { format!("the secret of {item}") }).await?;
        Ok(match cx.elicit::<Name>("name", "Who are you?").await? {
            Elicitation::Accept(name) => format!("{}: {secret}", name.name),
            _ => "nothing".to_owned(),
        })
    }
}

#[derive(Deserialize, JsonSchema)]
struct Name {
    name: String,
}

fn shop() -> (Shop, Arc<AtomicU32>, Arc<AtomicU32>) {
    let (runs, charged) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
    (Shop { runs: Arc::clone(&runs), charged: Arc::clone(&charged) }, runs, charged)
}

fn all() -> ClientCapabilities {
    ClientCapabilities {
        elicitation: Some(json!({"form": {}, "url": {}})),
        sampling: Some(json!({})),
        roots: Some(json!({})),
        ..Default::default()
    }
}

fn answer(key: &str, request: &Value) -> Value {
    match key {
        "delivery" => {
            assert_eq!(request["method"], "elicitation/create");
            json!({"action": "accept", "content":
                {"street": "Elm 1", "express": true, "extras": ["sauce"], "size": "large"}})
        }
        "slogan" => json!({"role": "assistant", "content": {"type": "text", "text": "Yum."}, "model": "m"}),
        "login" => json!({"action": "accept"}),
        "roots" => json!({"roots": [{"uri": "file:///a"}, {"uri": "file:///b", "name": "B"}]}),
        "name" => json!({"action": "accept", "content": {"name": "Ada"}}),
        other => panic!("{other}"),
    }
}

fn text(result: &pmcp_core::protocol::CallToolResult) -> &str {
    match result.content.first() {
        Some(ContentBlock::Text { text, .. }) => text,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_handler_asks_twice_and_charges_once() {
    let (shop, runs, charged) = shop();
    let client = Client::new(shop).unwrap().with_capabilities(all()).answering(answer);
    let result = pollster::block_on(client.call_tool("order", json!({"item": "soup"}))).unwrap();
    assert_eq!(text(&result), "soup to Elm 1 (Some(true), [Sauce], Large), receipt 100: Yum.");
    assert_eq!((runs.load(Ordering::SeqCst), charged.load(Ordering::SeqCst)), (3, 1));
}

#[test]
fn urls_roots_and_prompts_ask_too() {
    let client = Client::new(shop().0).unwrap().with_capabilities(all()).answering(answer);
    pollster::block_on(async {
        assert_eq!(text(&client.call_tool("login", json!({})).await.unwrap()), "Accept(())");
        assert_eq!(text(&client.call_tool("paths", json!({})).await.unwrap()), "file:///a file:///b");
        let prompt = client.get_prompt("greet", json!({})).await.unwrap();
        assert_eq!(prompt.messages[0].content, ContentBlock::text("Greet Ada."));
    });
}

#[test]
fn the_form_is_what_clients_know() {
    let client = Client::new(shop().0).unwrap().with_capabilities(all());
    let exchange =
        pollster::block_on(client.request("tools/call", json!({"name": "order", "arguments": {"item": "x"}})));
    let result = exchange.result.unwrap();
    assert_eq!(result["resultType"], "input_required");
    assert!(result["_meta"]["io.modelcontextprotocol/serverInfo"].is_object());
    let params = &result["inputRequests"]["delivery"]["params"];
    assert_eq!((&params["mode"], &params["message"]), (&json!("form"), &json!("Where to?")));
    assert_eq!(
        params["requestedSchema"],
        json!({
            "type": "object",
            "properties": {
                "street": {"type": "string", "description": "Street and number."},
                "express": {"type": "boolean"},
                "extras": {"type": "array", "items": {"type": "string", "enum": ["napkins", "sauce"]}},
                "size": {"type": "string", "oneOf": [
                    {"const": "small", "title": "For one."}, {"const": "large", "title": "For two."}]},
            },
            "required": ["street", "size"],
        })
    );
}

#[test]
fn declining_and_cancelling_are_answers() {
    for (action, expected) in [("decline", "declined"), ("cancel", "cancelled")] {
        let client =
            Client::new(shop().0).unwrap().with_capabilities(all()).answering(move |_, _| json!({ "action": action }));
        let result = pollster::block_on(client.call_tool("order", json!({"item": "x"}))).unwrap();
        assert_eq!(text(&result), expected);
    }
}

#[test]
fn what_does_not_fit_is_asked_again() {
    let client = Client::new(shop().0).unwrap().with_capabilities(all());
    for responses in [
        json!({}),
        json!({"other": {"action": "accept"}}),
        json!({"name": 12345}),
        json!({"name": {"action": "accept"}}),
        json!({"name": {"action": "accept", "content": {"name": 7}}}),
    ] {
        let params = json!({"name": "greet", "inputResponses": responses});
        let result = pollster::block_on(client.request("prompts/get", params)).result.unwrap();
        assert!(result["inputRequests"]["name"].is_object(), "{responses}: {result}");
    }
    let extra = json!({"name": {"action": "accept", "content": {"name": "Ada"}}, "more": {"action": "cancel"}});
    let params = json!({"name": "greet", "inputResponses": extra});
    let result = pollster::block_on(client.request("prompts/get", params)).result.unwrap();
    assert_eq!(result["resultType"], "complete");
}

#[test]
fn a_client_that_declared_nothing_is_not_asked() {
    let cases = [
        ("order", json!({"item": "x"}), json!({"elicitation": {"form": {}}})),
        ("login", json!({}), json!({"elicitation": {"url": {}}})),
        ("paths", json!({}), json!({"roots": {}})),
    ];
    let client = Client::new(shop().0).unwrap();
    for (tool, arguments, required) in cases {
        let params = json!({"name": tool, "arguments": arguments});
        let exchange = pollster::block_on(client.request("tools/call", params));
        let error = exchange.result.unwrap_err();
        assert_eq!((exchange.status, error.code.0), (400, -32021), "{tool}");
        assert_eq!(error.data.unwrap()["requiredCapabilities"], required);
    }
    let only_urls = ClientCapabilities { elicitation: Some(json!({"url": {}})), ..Default::default() };
    let client = Client::new(shop().0).unwrap().with_capabilities(only_urls);
    let error = pollster::block_on(client.get_prompt("greet", json!({}))).unwrap_err();
    assert_eq!(error.code.0, -32021);
    let empty = ClientCapabilities { elicitation: Some(json!({})), ..Default::default() };
    let client = Client::new(shop().0).unwrap().with_capabilities(empty).answering(answer);
    assert!(pollster::block_on(client.get_prompt("greet", json!({}))).is_ok());
}

#[test]
fn an_older_client_without_a_session_is_told_at_once() {
    for revision in [Revision::V2024_11_05, Revision::V2025_11_25] {
        let client = Client::new(shop().0).unwrap().with_revision(revision);
        let result = pollster::block_on(client.call_tool("login", json!({}))).unwrap();
        assert!(result.is_error && text(&result).contains("cannot be asked"), "{result:?}");
        let error = pollster::block_on(client.get_prompt("greet", json!({}))).unwrap_err();
        assert!(error.message.contains("cannot be asked"));
    }
}

/// Asks for the first round of `greet` at one endpoint, and sends the second to another.
fn second_round(
    first: &Client,
    second: &Client,
    change: impl FnOnce(&mut Value),
) -> Result<Value, pmcp_core::jsonrpc::ErrorObject> {
    let ask = json!({"name": "order", "arguments": {"item": "soup", "n": {"b": 1, "a": 2}}});
    let round = pollster::block_on(first.request("tools/call", ask.clone())).result.unwrap();
    let mut retry = ask;
    retry["inputResponses"] = json!({"delivery": {"action": "decline"}});
    retry["requestState"] = round["requestState"].clone();
    change(&mut retry);
    pollster::block_on(second.request("tools/call", retry)).result
}

fn lenient() -> ServerBuilder {
    let (shop, ..) = shop();
    let shop = Arc::new(shop);
    Server::builder("shop", "1").tool(Tool::new("order"), move |_: serde_json::Map<String, Value>, cx| {
        let _ = &shop;
        async move {
            Ok::<_, Error>(match cx.elicit::<Name>("delivery", "Where to?").await? {
                Elicitation::Decline => "declined",
                _ => "accepted",
            })
        }
    })
}

fn endpoint(keys: &[u8], platform: &Arc<dyn Platform>) -> Client {
    let keys = keys.iter().map(|byte| StateKey::new([*byte; 32]));
    let lifetime = std::time::Duration::from_secs(60);
    let endpoint = StreamableHttp::new(lenient()).unwrap().state_keys(keys, lifetime);
    Client::from_endpoint(endpoint).with_capabilities(all()).with_platform(Arc::clone(platform))
}

#[test]
fn a_state_opens_for_its_own_request_only() {
    let platform: Arc<dyn Platform> = Arc::new(TestPlatform::default());
    let client = endpoint(&[1], &platform);
    let code = |result: Result<Value, pmcp_core::jsonrpc::ErrorObject>| result.unwrap_err().code.0;

    assert!(second_round(&client, &client, |_| ()).is_ok());
    let reordered = |retry: &mut Value| retry["arguments"] = json!({"n": {"a": 2, "b": 1}, "item": "soup"});
    assert!(second_round(&client, &client, reordered).is_ok(), "the order of members is no difference");

    assert_eq!(code(second_round(&client, &client, |retry| retry["arguments"]["item"] = json!("cake"))), -32602);
    let tamper = |retry: &mut Value| {
        let mut state = retry["requestState"].as_str().unwrap().to_owned();
        state.pop();
        retry["requestState"] = json!(state + "-TAMPERED");
    };
    assert_eq!(code(second_round(&client, &client, tamper)), -32602);
    for garbage in [json!(""), json!("AAAA"), json!("not base64!"), json!(7)] {
        assert_eq!(code(second_round(&client, &client, |retry| retry["requestState"] = garbage)), -32602);
    }

    let ada = endpoint(&[1], &platform).with_principal("ada");
    let eve = endpoint(&[1], &platform).with_principal("eve");
    assert!(second_round(&ada, &ada, |_| ()).is_ok());
    assert_eq!(code(second_round(&ada, &eve, |_| ())), -32602);
    assert_eq!(code(second_round(&ada, &client, |_| ())), -32602);
}

#[test]
fn a_state_is_bound_to_what_its_method_reads_and_to_nothing_beside() {
    let client = Client::new(Vault).unwrap().with_capabilities(all());
    let read = |params: Value| pollster::block_on(client.request("resources/read", params)).result;
    let round = read(json!({"uri": "vault://cheap", "name": "decoy"})).unwrap();
    let retry = |uri: &str, name: &str| {
        let mut params = json!({"uri": uri, "name": name, "requestState": round["requestState"]});
        params["inputResponses"] = json!({"name": {"action": "accept", "content": {"name": "Ada"}}});
        read(params)
    };
    let same = retry("vault://cheap", "decoy").unwrap();
    assert_eq!(same["contents"][0]["text"], "Ada: the secret of cheap");
    assert!(retry("vault://cheap", "another").is_ok(), "what the method does not read decides nothing");
    for name in ["decoy", "vault://cheap"] {
        let error = retry("vault://gold", name).unwrap_err();
        assert!(error.code.0 == -32602 && error.message.contains("does not open"), "{error}");
    }
}

#[test]
fn keys_are_changed_one_after_the_other() {
    let platform: Arc<dyn Platform> = Arc::new(TestPlatform::default());
    let (old, both, new) = (endpoint(&[1], &platform), endpoint(&[2, 1], &platform), endpoint(&[2], &platform));
    assert!(second_round(&old, &both, |_| ()).is_ok());
    assert!(second_round(&both, &new, |_| ()).is_ok());
    assert_eq!(second_round(&old, &new, |_| ()).unwrap_err().code.0, -32602);
    let (one, other) = (endpoint(&[], &platform), endpoint(&[], &platform));
    assert!(second_round(&one, &one, |_| ()).is_ok());
    assert!(second_round(&one, &other, |_| ()).is_err(), "a key made up by one process is good for that one");
}

#[test]
fn a_state_expires() {
    let platform: Arc<dyn Platform> = Arc::new(TestPlatform::default());
    let client = endpoint(&[1], &platform);
    let later = |_: &mut Value| pollster::block_on(platform.sleep(std::time::Duration::from_secs(61)));
    let error = second_round(&client, &client, later).unwrap_err();
    assert!(error.message.contains("expired"), "{error}");
}

#[test]
fn a_key_is_read_from_text() {
    for text in ["AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n", &"0f".repeat(32)] {
        assert!(StateKey::parse(text).is_ok(), "{text}");
    }
    for text in ["", "AAAA", &"0g".repeat(32), &"00".repeat(31)] {
        assert!(StateKey::parse(text).is_err(), "{text}");
    }
}
