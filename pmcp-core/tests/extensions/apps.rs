//! MCP Apps: tools and the views that hosts show them with.

use pmcp_core::{
    BuildError, BuildErrors,
    prelude::*,
    protocol::{Revision, UiCsp, UiPermissions, Visibility},
    serde_json::{Value, json},
    testing::Client,
};

use super::declared;

struct Board;

#[server(name = "board", version = "1.0.0")]
impl Board {
    #[tool(ui = "ui://board/view")]
    fn board(&self) -> &'static str {
        "All is well."
    }

    #[tool(ui = "ui://board/cards/7", visibility = model)]
    fn card(&self) -> &'static str {
        "Card 7."
    }

    #[tool(visibility = app)]
    fn refresh(&self) {}

    #[tool]
    fn plain(&self) {}

    #[resource("ui://board/view")]
    fn view(&self) -> View {
        View::html("<!doctype html>")
            .with_csp(UiCsp { connect_domains: vec!["https://api.example.com".into()], ..UiCsp::default() })
            .with_permissions(UiPermissions { clipboard_write: true, ..UiPermissions::default() })
            .with_domain("board.example.com")
            .with_border(false)
    }

    #[resource("ui://board/cards/{id}")]
    fn card_view(&self, id: u32) -> String {
        format!("<!doctype html><title>{id}</title>")
    }

    #[resource("board://motto")]
    fn motto(&self) -> &'static str {
        "Well done."
    }
}

#[test]
fn tools_name_their_views_to_all_clients_of_revisions_that_have_meta() {
    for revision in Revision::ALL {
        let client = Client::new(Board).expect("a server").with_revision(revision);
        let tools = pollster::block_on(client.list_tools()).expect("tools");
        let meta: Vec<_> = tools.into_iter().map(|tool| tool.meta.map_or(Value::Null, Value::Object)).collect();
        let (ui, declares) = match revision < Revision::V2025_06_18 {
            true => (vec![Value::Null; 4], Value::Null),
            false => (
                vec![
                    json!({ "ui": { "resourceUri": "ui://board/view" } }),
                    json!({ "ui": { "resourceUri": "ui://board/cards/7", "visibility": ["model"] } }),
                    json!({ "ui": { "visibility": ["app"] } }),
                    Value::Null,
                ],
                json!({ "io.modelcontextprotocol/ui": {} }),
            ),
        };
        assert_eq!(meta, ui, "{revision}");
        assert_eq!(pollster::block_on(declared(&client, revision)), declares, "{revision}");
    }
}

#[test]
fn views_have_their_mime_type_and_say_what_they_ask_for() {
    for revision in Revision::ALL {
        let client = Client::new(Board).expect("a server").with_revision(revision);
        let read =
            |uri: &'static str| pollster::block_on(client.read_resource(uri)).expect("contents").contents.remove(0);
        let view = read("ui://board/view");
        assert_eq!(view.mime_type.as_deref(), Some("text/html;profile=mcp-app"));
        assert_eq!(view.text.as_deref(), Some("<!doctype html>"));
        let asked = json!({ "ui": {
            "csp": { "connectDomains": ["https://api.example.com"] },
            "permissions": { "clipboardWrite": {} },
            "domain": "board.example.com",
            "prefersBorder": false,
        } });
        assert_eq!(view.meta.map(Value::Object), Some(asked), "{revision}");

        // Plain text under `ui://` is a view that asks for nothing.
        let card = read("ui://board/cards/7");
        assert_eq!(card.mime_type.as_deref(), Some("text/html;profile=mcp-app"));
        assert_eq!(card.meta, None);
        assert_eq!(read("board://motto").mime_type.as_deref(), Some("text/plain"));

        let listed = pollster::block_on(client.list_resources()).expect("resources");
        let types: Vec<_> = listed.iter().map(|resource| resource.mime_type.as_deref()).collect();
        assert_eq!(types, [Some("text/html;profile=mcp-app"), None]);
        let templates = pollster::block_on(client.list_resource_templates()).expect("templates");
        assert_eq!(templates[0].mime_type.as_deref(), Some("text/html;profile=mcp-app"));
    }
}

#[test]
fn a_view_asks_for_nothing_unless_told() {
    let server = Server::builder("board", "1.0.0")
        .resource(Resource::new("ui://board/view", "view"), |_, _| async { View::html("<!doctype html>") });
    let client = Client::new(server).expect("a server");
    let view = pollster::block_on(client.read_resource("ui://board/view")).expect("contents");
    assert_eq!(view.contents[0].meta, None);
    assert_eq!(
        pollster::block_on(declared(&client, Revision::LATEST)),
        json!({ "io.modelcontextprotocol/ui": {} }),
        "a view without a tool"
    );
}

fn tool(name: &str) -> Tool {
    let input_schema = json!({ "type": "object" }).as_object().expect("an object").clone();
    Tool { input_schema, ..Tool::new(name) }
}

fn errors(builder: ServerBuilder) -> Vec<BuildError> {
    match builder.build() {
        Ok(_) => Vec::new(),
        Err(BuildErrors(errors)) => errors,
    }
}

#[test]
fn a_tool_whose_view_is_not_there_is_refused() {
    let with = |uri: &str| {
        Server::builder("board", "1.0.0")
            .tool(tool("board").with_ui(uri), |_: Value, _| async {})
            .resource(Resource::new("board://view", "view"), |_, _| async { "" })
    };
    for uri in ["ui://board/veiw", "board://view"] {
        let found = errors(with(uri));
        assert_eq!(found, [BuildError::ViewMissing { tool: "board".to_owned(), uri: uri.to_owned() }]);
        let words = found[0].to_string();
        assert!(words.contains("tool `board`") && words.contains(uri), "{words}");
    }

    // Written by hand, it is checked as well; and a part may name what another part has.
    let mut other = tool("other").with_visibility(Visibility::App);
    other.meta.get_or_insert_default().insert("ui".to_owned(), json!({ "resourceUri": 7 }));
    let part = Server::builder("part", "1.0.0").tool(other, |_: Value, _| async {});
    assert_eq!(errors(part), [BuildError::ViewMissing { tool: "other".to_owned(), uri: "7".to_owned() }]);
    let view = Server::builder("part", "1.0.0")
        .resource(Resource::new("ui://board/veiw", "view"), |_, _| async { View::html("") });
    assert_eq!(errors(with("ui://board/veiw").merge(view)), []);
}

#[test]
fn a_view_of_another_type_is_refused() {
    let view = Resource::new("ui://board/view", "view").with_mime_type("text/html");
    let found = errors(Server::builder("board", "1.0.0").resource(view, |_, _| async { "" }));
    assert_eq!(found, [BuildError::ViewType("ui://board/view".to_owned())]);
}
