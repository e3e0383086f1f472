//! Real clients that nobody here wrote start the calculator and do real work with it.

use std::fs;
use std::path::{Path, PathBuf};

use pmcp_tests::{Client, binary, one_at_a_time};
use serde_json::Value;

/// The keys that make a request one of revision 2026-07-28.
const MODERN: [&str; 2] = ["io.modelcontextprotocol/protocolVersion", "io.modelcontextprotocol/clientCapabilities"];

#[test]
fn inspector_command_line() {
    const TEST: &str = "inspector_command_line";
    if let Some(client) = Client::find(TEST, "inspector.mjs") {
        let _turn = one_at_a_time();
        client.run(&[text(&binary("calculator-stdio"))], 26);
    }
}

#[test]
fn typescript_sdk_v1() {
    const TEST: &str = "stdio_typescript_sdk_v1";
    if let Some(wire) = Wire::record(TEST, "stdio-typescript-v1.mjs") {
        wire.assert_eras(&["initialize"]);
        wire.assert_cancelled(1);
    }
}

#[test]
fn typescript_sdk_v2() {
    const TEST: &str = "stdio_typescript_sdk_v2";
    if let Some(wire) = Wire::record(TEST, "stdio-typescript-v2.mjs") {
        // It asks one process what it speaks, and then works with another.
        wire.assert_eras(&["server/discover", "tools/list", "initialize"]);
        wire.assert_cancelled(3);
    }
}

#[test]
fn python_sdk_v2() {
    const TEST: &str = "stdio_python_sdk_v2";
    if let Some(wire) = Wire::record(TEST, "stdio_python.py") {
        wire.assert_eras(&["server/discover", "initialize"]);
        wire.assert_cancelled(2);
    }
}

#[test]
fn python_sdk_v1() {
    const TEST: &str = "stdio_python_sdk_v1";
    if let Some(wire) = Wire::record(TEST, "stdio_python_v1.py") {
        // This SDK does not tell the server of a request that it gives up.
        wire.assert_eras(&["initialize"]);
    }
}

#[test]
fn typescript_sdk_v1_answers_questions() {
    answer_questions("stdio_typescript_sdk_v1_answers_questions", "stdio-asking-v1.mjs", 5);
}

#[test]
fn typescript_sdk_v2_answers_questions() {
    answer_questions("stdio_typescript_sdk_v2_answers_questions", "stdio-asking-v2.mjs", 8);
}

fn answer_questions(test: &str, script: &str, steps: usize) {
    if let Some(client) = Client::find(test, script) {
        let _turn = one_at_a_time();
        client.run(&[text(&binary("conformance-stdio"))], steps);
    }
}

/// What went over the streams: of each process that the client started, what it was told and what it said.
struct Wire(Vec<(Vec<Value>, Vec<Value>)>);

impl Wire {
    /// Runs a client whose server has a `tee` at each of its streams; `None` where the machine cannot.
    fn record(test: &str, script: &str) -> Option<Self> {
        let client = Client::find(test, script)?;
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(test);
        if folder.exists() {
            fs::remove_dir_all(&folder).expect("the folder of the run before can be removed");
        }
        fs::create_dir_all(&folder).expect("a folder for what is recorded");
        let server = binary("calculator-stdio");
        {
            let _turn = one_at_a_time();
            let record = r#"tee "$1/$$-in" | "$0" | tee "$1/$$-out""#;
            let arguments = ["sh", "-c", record, text(&server), text(&folder)];
            client.run(&arguments, 15);
        }
        let mut inputs: Vec<_> = fs::read_dir(&folder)
            .expect("the folder is there")
            .map(|entry| entry.expect("an entry").path())
            .filter(|path| path.to_string_lossy().ends_with("-in"))
            .collect();
        inputs.sort_by_key(|path| fs::metadata(path).and_then(|data| data.modified()).expect("a time"));
        let output = |input: &PathBuf| PathBuf::from(input.to_string_lossy().replace("-in", "-out"));
        let wire: Vec<_> = inputs.iter().map(|input| (messages(input), messages(&output(input)))).collect();
        assert!(!wire.is_empty(), "nothing was recorded in {}", folder.display());
        let wire = Self(wire);
        wire.assert_progress();
        Some(wire)
    }

    /// A countdown that was let to its end was reported step by step, and then answered.
    fn assert_progress(&self) {
        let mut countdowns = 0;
        for (input, output) in &self.0 {
            for request in input.iter().filter(|message| message["params"]["arguments"]["from"] == 3) {
                let token = request["params"]["_meta"].get("progressToken").expect("a progress token");
                let said = output.iter().filter_map(|message| {
                    let is_report = message["params"].get("progressToken") == Some(token);
                    let is_answer = message.get("id") == request.get("id");
                    (is_report || is_answer).then(|| message["params"]["progress"].as_f64())
                });
                let said: Vec<_> = said.collect();
                assert_eq!(said, [Some(1.0), Some(2.0), Some(3.0), None]);
                countdowns += 1;
            }
        }
        assert!(countdowns >= self.0.len() / 2, "{countdowns} countdowns in {} processes", self.0.len());
    }

    /// Each process is opened in one of these ways, and all of them are; what is said then is of its era.
    fn assert_eras(&self, openings: &[&str]) {
        let mut opened: Vec<_> = self.0.iter().map(|(input, _)| input[0]["method"].as_str().unwrap_or("?")).collect();
        for (input, _) in &self.0 {
            let is_modern = input[0]["method"] != "initialize";
            for request in input.iter().filter(|message| message.get("id").is_some()) {
                let meta = &request["params"]["_meta"];
                assert!(MODERN.iter().all(|key| meta.get(key).is_some() == is_modern), "of another era: {request}");
            }
        }
        opened.sort_unstable();
        opened.dedup();
        let mut expected = openings.to_vec();
        expected.sort_unstable();
        assert_eq!(opened, expected);
    }

    /// The client has cancelled at least this often, and got no answer to what it cancelled.
    fn assert_cancelled(&self, times: usize) {
        let mut cancelled = 0;
        for (input, output) in &self.0 {
            for notification in input.iter().filter(|message| message["method"] == "notifications/cancelled") {
                cancelled += 1;
                let id = &notification["params"]["requestId"];
                let answer = output.iter().find(|message| message.get("id") == Some(id));
                assert_eq!(answer, None, "{notification} was answered");
                let request = input.iter().find(|message| message.get("id") == Some(id)).expect("a request");
                let token = &request["params"]["_meta"]["progressToken"];
                let reports = output.iter().filter(|message| message["params"].get("progressToken") == Some(token));
                let reports = reports.count();
                assert!(reports < 20, "{reports} reports of 1000, although it was cancelled");
            }
        }
        assert!(cancelled >= times, "{cancelled} were cancelled");
    }
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a path in UTF-8")
}

fn messages(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("cannot read {}: {error}", path.display()));
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("no message ({error}): {line}")))
        .collect()
}
