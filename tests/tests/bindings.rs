//! Workers as `wrangler dev` runs them: the notes with real local D1, KV and R2, and the calculator.

use pmcp_tests::{Client, Request, Workerd, Wrangler, exchange};
use serde_json::{Value, json};

fn result(wrangler: &Wrangler, request: &Request) -> Value {
    let reply = exchange(wrangler.addr(), &request.to_bytes(wrangler.addr())).expect("an answer");
    assert_eq!(reply.status(), 200, "{}", reply.text());
    reply.messages()[0]["result"].clone()
}

fn call(wrangler: &Wrangler, tool: &str, arguments: Value) -> Value {
    result(wrangler, &Request::call(tool, arguments))
}

fn read(wrangler: &Wrangler, uri: &str) -> Value {
    result(wrangler, &Request::modern("resources/read", json!({ "uri": uri })))["contents"][0].clone()
}

/// What the model reads of a call that failed.
fn complaint(wrangler: &Wrangler, tool: &str, arguments: Value) -> String {
    let result = call(wrangler, tool, arguments);
    assert_eq!(result["isError"], true, "{result}");
    result["content"][0]["text"].as_str().expect("a text").to_owned()
}

#[test]
fn the_notes_keep_what_they_are_told_in_each_binding() {
    let test = "the_notes_keep_what_they_are_told_in_each_binding";
    let Some(client) = Client::find(test, "notes-v2.mjs") else { return };
    let Some(mut notes) = Wrangler::start(test, "notes", &["d1 migrations apply NOTES --local"]) else { return };
    client.run(&[&notes.url()], 4);

    for (name, text) in [("kept", "rain"), ("other", "sun")] {
        assert_eq!(call(&notes, "write_note", json!({"name": name, "text": text}))["isError"], Value::Null);
    }
    let shared = call(&notes, "share_note", json!({"name": "kept"}))["content"][0]["text"].to_string();
    let code: String =
        shared.split("shared://").nth(1).expect("an address").chars().take_while(char::is_ascii_hexdigit).collect();
    let shared = format!("shared://{code}");
    call(&notes, "attach_file", json!({"note": "kept", "file": "a.bin", "base64": "AAEC/w=="}));

    // What is no SQL to the server is none to the database: it is found or kept as it stands.
    for hostile in ["'; DROP TABLE notes; --", "' OR '1'='1", "%", "_", "\") UNION SELECT name, text, 1 FROM notes --"]
    {
        let found = call(&notes, "find_notes", json!({ "text": hostile }));
        assert_eq!(found["structuredContent"]["notes"], json!([]), "{hostile}");
        call(&notes, "write_note", json!({"name": "hostile", "text": hostile}));
        assert_eq!(read(&notes, "notes://hostile")["text"], hostile);
        let told = complaint(&notes, "write_note", json!({"name": hostile, "text": ""}));
        assert!(told.contains("letters, digits and hyphens"), "{told}");
        assert!(complaint(&notes, "remove_note", json!({ "name": hostile })).contains("There is no note"));
    }
    call(&notes, "remove_note", json!({"name": "hostile"}));
    for (tool, arguments, says) in [
        ("share_note", json!({"name": "none"}), "There is no note none; find_notes has the names."),
        ("remove_note", json!({"name": "none"}), "There is no note none; find_notes has the names."),
        ("attach_file", json!({"note": "none", "file": "a", "base64": "AA=="}), "There is no note none"),
        ("attach_file", json!({"note": "kept", "file": "../other/a", "base64": "AA=="}), "The name of a file"),
        ("attach_file", json!({"note": "kept", "file": "a", "base64": "A"}), "This is not base64"),
        (
            "attach_file",
            json!({"note": "kept", "file": "large.bin", "base64": format!("{}AAA=", "AAAA".repeat((1 << 20) / 3))}),
            "The file has 1048577 bytes, and an attachment at most 1048576",
        ),
        ("write_note", json!({"name": "kept", "text": "x".repeat(100_001)}), "at most 100000 bytes"),
    ] {
        let told = complaint(&notes, tool, arguments);
        assert!(told.contains(says), "{tool}: {told}");
    }
    for uri in ["notes://none", "shared://none", "shared://../other", "attachments://kept/large.bin"] {
        let request = Request::modern("resources/read", json!({ "uri": uri })).to_bytes(notes.addr());
        let answer = exchange(notes.addr(), &request).expect("an answer").messages()[0].clone();
        assert_eq!(answer["error"]["code"], -32602, "{uri}: {answer}");
    }
    assert!(!notes.log().contains("a binding failed"), "{}", notes.log());

    notes.restart();
    let all = call(&notes, "find_notes", json!({}))["structuredContent"]["notes"].clone();
    let mut names: Vec<&Value> = all.as_array().expect("a list").iter().map(|note| &note["name"]).collect();
    names.sort_by_key(|name| name.to_string());
    assert_eq!(names, ["kept", "other"]);
    assert_eq!(read(&notes, "notes://kept")["text"], "rain");
    assert_eq!(read(&notes, &shared)["text"], "rain");
    assert_eq!(read(&notes, "attachments://kept/a.bin")["blob"], "AAEC/w==");
}

#[test]
fn a_binding_that_fails_is_told_to_the_model_and_explained_in_the_log() {
    // Without its wrangler.toml the Worker has no bindings at all.
    let Some(workerd) = Workerd::start("a_binding_that_fails", "notes", &[]) else { return };
    let request = Request::call("find_notes", json!({})).to_bytes(workerd.addr());
    let answer = exchange(workerd.addr(), &request).expect("an answer").messages()[0]["result"].clone();
    assert_eq!(answer["isError"], true, "{answer}");
    assert!(answer["content"][0]["text"].as_str().expect("a text").contains("try again in a minute"), "{answer}");
    assert!(!answer.to_string().contains("NOTES"), "{answer}");
    workerd.expect_in_log("`NOTES` is undefined");
}

#[test]
fn wrangler_dev_serves_the_calculator_from_its_folder() {
    let test = "wrangler_dev_serves_the_calculator_from_its_folder";
    let Some(client) = Client::find(test, "typescript-v2.mjs") else { return };
    let Some(calculator) = Wrangler::start(test, "calculator", &[]) else { return };
    client.run(&[&calculator.url()], 13);
}
