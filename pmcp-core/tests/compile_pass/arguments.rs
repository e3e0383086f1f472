//! What an argument may be, and how it is described.

use std::collections::BTreeMap;

use pmcp_core::{prelude::*, serde_json::json, testing::Client};

struct Crm;

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Order {
    Up,
    Down,
}

/// A place.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Place {
    city: String,
    street: Option<String>,
}

#[server(name = "crm", version = "1.0.0")]
impl Crm {
    /// Finds customers.
    ///
    /// By place.
    #[tool(name = "find.all", title = "Find", read_only, destructive = false)]
    async fn find(
        &self,
        /// Part of the name.
        name: &str,
        #[arg(name = "order-by", description = "Which way.")] order: Order,
        place: Place,
        mut ids: Vec<u64>,
        nested: Option<Vec<Option<Place>>>,
        limits: BTreeMap<String, f64>,
        pair: (i8, bool),
        any: pmcp_core::serde_json::Value,
        limit: std::option::Option<u16>,
        flag: bool,
        letter: char,
        share: f32,
    ) -> String {
        ids.push(9);
        let way = match order {
            Order::Up => "up",
            Order::Down => "down",
        };
        format!(
            "{name} {way} {} {:?} {ids:?} {} {limits:?} {pair:?} {any} {limit:?} {flag} {letter} {share}",
            place.city,
            place.street,
            nested.map_or(0, |nested| nested.iter().flatten().count()),
        )
    }

    #[tool]
    fn nothing(&self) {}
}

fn main() {
    pollster::block_on(async {
        let client = Client::new(Crm).expect("a server");
        let tools = client.list_tools().await.expect("tools");
        let [find, nothing] = tools.as_slice() else { panic!("{tools:?}") };
        assert_eq!((find.name.as_str(), find.title.as_deref()), ("find.all", Some("Find")));
        assert_eq!(find.description.as_deref(), Some("Finds customers.\n\nBy place."));
        let hints = find.annotations.clone().expect("annotations");
        assert_eq!((hints.read_only, hints.destructive, hints.idempotent), (Some(true), Some(false), None));
        let schema = &find.input_schema;
        assert_eq!(schema["properties"]["name"], json!({ "type": "string", "description": "Part of the name." }));
        assert_eq!(schema["properties"]["order-by"]["description"], "Which way.");
        let required =
            json!(["name", "order-by", "place", "ids", "limits", "pair", "any", "flag", "letter", "share"]);
        assert_eq!(schema["required"], required);
        assert_eq!(schema["additionalProperties"], json!(false));
        assert_eq!(nothing.input_schema["type"], "object");
        assert_eq!(nothing.input_schema["additionalProperties"], json!(false));

        let arguments = json!({
            "name": "Ada", "order-by": "down", "place": { "city": "Paris" }, "ids": [1, 2], "limits": { "a": 0.5 },
            "pair": [-1, true], "any": [null], "limit": null, "flag": false, "letter": "ß", "share": 1,
            "nested": [null, { "city": "Rome" }],
        });
        let result = client.call_tool("find.all", arguments).await.expect("a result");
        let text = r#"Ada down Paris None [1, 2, 9] 1 {"a": 0.5} (-1, true) [null] None false ß 1"#;
        assert_eq!(result.content, [ContentBlock::text(text)]);
        let result = client.call_tool("nothing", json!({})).await.expect("a result");
        assert!(result.content.is_empty() && !result.is_error);
    });
}
