//! The era is decided line by line, and an opened connection remembers what its client said.

use std::sync::Arc;

use pmcp_core::{
    protocol::Revision,
    serde_json::{Value, json},
    stdio::Stdio,
    testing::TestPlatform,
};

use crate::{answers, call, cancel, initialize, legacy, modern, pipe::Pipe, server::Desk};

fn code(line: &Value) -> Option<i64> {
    line["error"]["code"].as_i64()
}

#[test]
fn a_modern_line_needs_no_handshake() {
    let answers = answers((modern(1, "server/discover", json!({})) + &modern(2, "tools/list", json!({}))).as_bytes());
    assert_eq!(answers[0]["result"]["supportedVersions"], json!(["2026-07-28"]));
    assert_eq!(answers[1]["result"]["resultType"], "complete");
}

#[test]
fn a_handshake_agrees_on_a_revision_for_the_lines_after_it() {
    for (asked, agreed) in [
        ("2024-11-05", "2024-11-05"),
        ("2025-03-26", "2025-03-26"),
        ("2025-06-18", "2025-06-18"),
        ("2025-11-25", "2025-11-25"),
        ("2026-07-28", "2025-11-25"),
        ("soon", "2025-11-25"),
    ] {
        let notified = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;
        let lines = initialize(asked) + notified + "\n" + &legacy(2, "tools/call", call("knows"));
        let answers = answers(lines.as_bytes());
        assert_eq!(answers.len(), 2);
        assert_eq!(answers[0]["result"]["protocolVersion"], agreed);
        let known: Value =
            pmcp_core::serde_json::from_str(answers[1]["result"]["content"][0]["text"].as_str().expect("a text"))
                .expect("JSON");
        assert_eq!(known["revision"], agreed);
        assert_eq!((&known["sampling"], &known["client"]), (&json!(true), &json!("test")));
        assert_eq!(answers[1]["result"].get("resultType"), None);
    }
}

#[test]
fn both_eras_go_on_side_by_side() {
    let knows = |id: i64, line: fn(i64, &str, Value) -> String| line(id, "tools/call", call("knows"));
    let lines = knows(1, modern)
        + &initialize("2025-06-18")
        + &knows(2, legacy)
        + &knows(3, modern)
        + &knows(4, legacy)
        // Another handshake begins anew.
        + &initialize("2024-11-05")
        + &knows(5, legacy)
        + &knows(6, modern);
    let mut revisions: Vec<_> = answers(lines.as_bytes())
        .iter()
        .filter_map(|line| {
            let text = line["result"]["content"][0]["text"].as_str()?;
            let known: Value = pmcp_core::serde_json::from_str(text).ok()?;
            Some((line["id"].as_i64()?, known["revision"].as_str()?.to_owned(), known["sampling"] == true))
        })
        .collect();
    revisions.sort();
    let expected = [
        (1, "2026-07-28", false),
        (2, "2025-06-18", true),
        (3, "2026-07-28", false),
        (4, "2025-06-18", true),
        (5, "2024-11-05", true),
        (6, "2026-07-28", false),
    ];
    assert_eq!(revisions, expected.map(|(id, revision, sampling)| (id, revision.to_owned(), sampling)));
}

#[test]
fn a_line_of_no_era_is_refused() {
    let opened = initialize("2025-11-25");
    for (before, line, expected) in [
        ("", legacy(1, "tools/list", json!({})), Some(-32602)),
        ("", legacy(1, "no/such", json!({})), Some(-32602)),
        ("", legacy(1, "ping", json!({})), None),
        ("", legacy(1, "server/discover", json!({})), Some(-32602)),
        (&*opened, legacy(1, "server/discover", json!({})), Some(-32602)),
        (&*opened, legacy(1, "subscriptions/listen", json!({})), Some(-32602)),
        (&*opened, legacy(1, "no/such", json!({})), Some(-32601)),
        (&*opened, legacy(1, "ping", json!({})), None),
        // What the newest revision no longer has, to a request that is of it.
        (&*opened, modern(1, "ping", json!({})), Some(-32601)),
        ("", modern(1, "initialize", json!({ "protocolVersion": "2025-11-25" })), Some(-32601)),
        (&*opened, modern(1, "logging/setLevel", json!({ "level": "info" })), Some(-32601)),
    ] {
        let answers = answers((before.to_owned() + &line).as_bytes());
        assert_eq!(code(answers.last().expect("an answer")), expected, "{line}");
    }
}

#[test]
fn a_modern_call_of_initialize_opens_nothing() {
    let lines = modern(1, "initialize", json!({ "protocolVersion": "2025-11-25", "capabilities": {} }))
        + &legacy(2, "initialize", json!({ "capabilities": {} }))
        + &legacy(3, "tools/list", json!({}));
    let codes: Vec<_> = answers(lines.as_bytes()).iter().map(code).collect();
    assert_eq!(codes, [Some(-32601), Some(-32602), Some(-32602)]);
}

#[test]
fn a_version_that_is_not_served_is_named() {
    for version in ["2025-11-25", "2099-01-01", ""] {
        let meta = json!({
            "io.modelcontextprotocol/protocolVersion": version,
            "io.modelcontextprotocol/clientCapabilities": {},
        });
        let answers = answers(legacy(1, "tools/list", json!({ "_meta": meta })).as_bytes());
        assert_eq!(code(&answers[0]), Some(-32022));
        assert_eq!(answers[0]["error"]["data"], json!({ "supported": ["2026-07-28"], "requested": version }));
    }
}

#[test]
fn the_level_for_log_messages_is_remembered() {
    let pipe = Pipe::new();
    let server = Stdio::new(Desk::default()).expect("a server");
    pipe.play(&server, Arc::new(TestPlatform::default()), |turn| {
        let mut logged = |lines: String| {
            pipe.write(lines);
            turn.waits();
            let lines = pipe.lines();
            let levels = lines.iter().filter_map(|line| line["params"]["level"].as_str().map(str::to_owned));
            levels.collect::<Vec<_>>()
        };
        let call = |id: i64| legacy(id, "tools/call", call("logging"));
        let set = |level: &str| legacy("set", "logging/setLevel", json!({ "level": level }));
        assert_eq!(logged(initialize("2025-11-25") + &call(1)), ["info", "error"]);
        assert_eq!(logged(set("error") + &call(2)), ["error"]);
        assert_eq!(logged(set("debug") + &call(3)), ["debug", "info", "error"]);
        assert_eq!(logged(set("loud") + &call(4)), ["debug", "info", "error"]);
        // Of no concern to a request that stands alone, which says itself what it wants.
        assert_eq!(logged(modern(5, "tools/call", crate::call("logging"))), [""; 0]);
        // A connection that is opened again knows nothing of the one before.
        assert_eq!(logged(initialize("2025-11-25") + &call(6)), ["info", "error"]);
    });
}

#[test]
fn batches_belong_to_one_revision() {
    for revision in Revision::ALL.into_iter().filter(|revision| revision.is_legacy()) {
        let batch = format!("[{},{}]\n", legacy(1, "ping", json!({})).trim(), legacy(2, "ping", json!({})).trim());
        let answers = answers((initialize(revision.as_str()) + &batch).as_bytes());
        if revision == Revision::V2025_03_26 {
            assert_eq!(answers[1].as_array().map(Vec::len), Some(2));
        } else {
            assert_eq!(code(&answers[1]), Some(-32600), "{revision}");
        }
    }
}

#[test]
fn a_batch_is_answered_as_one() {
    let (desk, pipe) = (Desk::default(), Pipe::new());
    let server = Stdio::new(desk.clone()).expect("a server");
    pipe.play(&server, Arc::new(TestPlatform::default()), |turn| {
        pipe.write(initialize("2025-03-26"));
        let elements = [
            legacy(1, "tools/call", call("waiting")),
            legacy(2, "tools/call", call("at_once")),
            legacy(3, "tools/call", call("talking")),
            r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#.to_owned(),
            r#"{"jsonrpc":"2.0","id":9,"result":{}}"#.to_owned(),
            r#"{"jsonrpc":"2.0","id":4}"#.to_owned(),
        ];
        pipe.write(format!("[{}]\n", elements.map(|line| line.trim().to_owned()).join(",")));
        turn.waits();
        assert_eq!(pipe.lines().len(), 1, "more than the handshake");
        // One that is cancelled is left out, and keeps the others not waiting.
        pipe.write(cancel(1));
        turn.waits();
        assert_eq!(pipe.lines(), [Value::Null; 0]);
        desk.gate.open();
        turn.waits();
        let lines = pipe.lines();
        let ids: Vec<_> = lines[0].as_array().expect("an array").iter().map(|answer| &answer["id"]).collect();
        assert_eq!(ids, [2, 4, 3]);
        assert_eq!(lines.len(), 1);

        // Nothing to answer, nothing to write.
        pipe.write("[{\"jsonrpc\":\"2.0\",\"method\":\"notifications/initialized\"}]\n");
        turn.waits();
        assert_eq!(pipe.lines(), [Value::Null; 0]);
        for wrong in
            ["[]".to_owned(), format!("[{}]", initialize("2025-03-26").trim()), format!("[{}1]", "1,".repeat(100))]
        {
            pipe.write(wrong + "\n");
            turn.waits();
            let lines = pipe.lines();
            assert_eq!((lines.len(), code(&lines[0])), (1, Some(-32600)));
        }
    });
    assert_eq!(desk.live(), 0);
}
