//! What the server logged, from Cloud Logging.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::gcloud::CloudProject;
use super::service;
use crate::cli::Logs;
use crate::config::Config;
use crate::date;
use crate::failure::Result;
use crate::output::Output;
use crate::target::log_lines::{self, Event};
use crate::target::{LogLine, not_deployed};

/// As far as it is of interest: <https://cloud.google.com/logging/docs/reference/v2/rest/v2/LogEntry>.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    #[serde(default)]
    insert_id: String,
    timestamp: String,
    severity: Option<String>,
    text_payload: Option<String>,
    json_payload: Option<Map<String, Value>>,
}

/// Prints once what is there, or goes on as it comes.
pub(super) fn run(project: &CloudProject, config: &Config, options: &Logs, output: Output) -> Result {
    if service::describe(project, &config.server.name)?.is_none() {
        return Err(not_deployed(config));
    }
    log_lines::run(options, output, |begin| {
        let filter = filter(project, &config.server.name, begin, options.filter.as_deref());
        // Without the limit of a day that it has by itself.
        let arguments = ["logging", "read", &filter, "--order", "asc", "--freshness", "9999d"];
        let entries: Option<Vec<Entry>> = project.ask(&arguments)?;
        Ok(entries.unwrap_or_default().into_iter().map(Entry::into_event).collect())
    })
}

/// What the server wrote, and what Cloud Run says of its instances; no list of requests.
fn filter(project: &CloudProject, service: &str, begin: u64, more: Option<&str>) -> String {
    let mut filter = format!(
        "resource.type=\"cloud_run_revision\" AND resource.labels.service_name=\"{service}\" AND \
         resource.labels.location=\"{}\" AND (log_id(\"run.googleapis.com/stdout\") OR \
         log_id(\"run.googleapis.com/stderr\") OR log_id(\"run.googleapis.com/varlog/system\")) AND timestamp>=\"{}\"",
        project.region,
        date::encode_milliseconds(begin)
    );
    if let Some(more) = more {
        // On lines of its own, as a comment ends with its line.
        filter.push_str(&format!(" AND (\n{more}\n)"));
    }
    filter
}

impl Entry {
    fn into_event(self) -> Event {
        let timestamp = date::parse(&self.timestamp).unwrap_or_default();
        let id = format!("{} {}", self.timestamp, self.insert_id);
        Event { id, line: LogLine { timestamp, message: self.message() } }
    }

    /// In one line, with what the server said besides.
    fn message(self) -> String {
        let Self { severity, text_payload, json_payload, .. } = self;
        let mut payload = json_payload.unwrap_or_default();
        let mut words: Vec<String> = severity.into_iter().filter(|severity| severity != "DEFAULT").collect();
        words.extend(text_payload);
        if let Some(message) = payload.remove("message") {
            words.push(message.as_str().map_or_else(|| message.to_string(), str::to_owned));
        }
        if !payload.is_empty() {
            words.push(Value::Object(payload).to_string());
        }
        words.join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_line_has_all_that_was_said() {
        for (entry, words) in [
            (json!({ "timestamp": "t", "textPayload": "it began" }), "it began"),
            (json!({ "timestamp": "t", "severity": "DEFAULT", "textPayload": "it began" }), "it began"),
            (
                json!({ "timestamp": "t", "severity": "ERROR", "jsonPayload": { "tool": "greet", "message": "it fell" } }),
                "ERROR it fell {\"tool\":\"greet\"}",
            ),
        ] {
            let entry: Entry = serde_json::from_value(entry).expect("an entry");
            assert_eq!(entry.message(), words);
        }
    }

    #[test]
    fn what_is_asked_for_is_this_servers() {
        let project = CloudProject { id: "ada-project".into(), region: "europe-west1".into(), apis: Vec::new() };
        let filter = filter(&project, "crm", 1_000, Some("severity>=ERROR OR a -- b"));
        assert!(filter.contains("service_name=\"crm\"") && filter.contains("location=\"europe-west1\""), "{filter}");
        assert!(
            filter.ends_with("timestamp>=\"1970-01-01T00:00:01.000Z\" AND (\nseverity>=ERROR OR a -- b\n)"),
            "{filter}"
        );
    }
}
