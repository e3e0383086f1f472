//! Notes that change while clients look at them: whoever listens to a note is told, and reads it again.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use pmcp_core::prelude::*;

/// The server, ready for any adapter; `notifier` says whom it tells of changes.
pub fn server(notifier: Notifier) -> ServerBuilder {
    let notes = Notes { texts: Mutex::default(), notifier: notifier.clone() };
    notes.into_builder().notifier(&notifier)
}

/// Keeps its notes in memory, which does for one instance: several would share a database.
struct Notes {
    texts: Mutex<BTreeMap<String, String>>,
    notifier: Notifier,
}

#[server(
    name = "notes",
    title = "Notes",
    version = env!("CARGO_PKG_VERSION"),
    instructions = "Read a note at notes://{name}, and listen to it to hear when somebody changes it."
)]
impl Notes {
    /// Write a note, in place of the one with the same name.
    #[tool(idempotent, open_world = false)]
    async fn write_note(
        &self,
        #[arg(description = "Letters, digits and hyphens.")] name: String,
        text: String,
    ) -> Result<String, &'static str> {
        if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
            return Err("The name of a note must have letters, digits and hyphens only.");
        }
        self.texts().insert(name.clone(), text);
        Ok(format!("Wrote {name}.{}", self.tell(&name).await))
    }

    /// Remove a note.
    #[tool(destructive, idempotent, open_world = false)]
    async fn remove_note(&self, name: String) -> Result<String, String> {
        if self.texts().remove(&name).is_none() {
            return Err(format!("There is no note {name}; list_notes has the names."));
        }
        Ok(format!("Removed {name}.{}", self.tell(&name).await))
    }

    /// Show a note again after a while. Clients that know tasks need not wait for it.
    #[tool(task, read_only, open_world = false)]
    async fn remind(&self, name: String, after_seconds: u32, cx: &Context) -> Result<String, String> {
        cx.status(format!("waits {after_seconds} s"));
        cx.sleep(Duration::from_secs(after_seconds.into())).await;
        let text = self.texts().get(&name).cloned();
        text.ok_or_else(|| format!("There is no note {name} any more; list_notes has the names."))
    }

    /// The names of all notes.
    #[tool(read_only, open_world = false)]
    fn list_notes(&self) -> Vec<ContentBlock> {
        self.texts().keys().map(ContentBlock::text).collect()
    }

    /// What a note says.
    #[resource("notes://{name}", mime_type = "text/plain")]
    fn note(&self, #[arg(complete = names)] name: &str) -> Option<String> {
        self.texts().get(name).cloned()
    }

    fn names(&self, typed: &str) -> Completion {
        Completion::starting_with(typed, self.texts().keys())
    }
}

impl Notes {
    /// Tells those who listen to the note. It has changed whether or not they can be reached at the moment.
    async fn tell(&self, name: &str) -> &'static str {
        match self.notifier.resource_updated(format!("notes://{name}")).await {
            Ok(()) => "",
            Err(_) => " Those who listen to it will hear of it later.",
        }
    }

    fn texts(&self) -> MutexGuard<'_, BTreeMap<String, String>> {
        self.texts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use pmcp_core::{protocol::SubscriptionFilter, serde_json::json, testing::Client};

    use super::*;

    #[test]
    fn who_listens_hears_of_changes() {
        let client = Client::new(server(Notifier::local())).unwrap_or_else(|errors| panic!("{errors}"));
        pollster::block_on(async {
            let filter = SubscriptionFilter::default().with_resource("notes://today");
            let mut listening = client.listen(filter).await.expect("a stream");
            for (tool, arguments) in [
                ("write_note", json!({ "name": "today", "text": "rain" })),
                ("remove_note", json!({ "name": "today" })),
            ] {
                let result = client.call_tool(tool, arguments).await.expect("a result");
                assert!(!result.is_error, "{result:?}");
                let heard = listening.next().await.expect("a change");
                assert_eq!(heard["params"]["uri"], "notes://today");
            }
            // Nothing changed here.
            for (tool, arguments) in [
                ("write_note", json!({ "name": "to/day", "text": "sun" })),
                ("remove_note", json!({ "name": "today" })),
            ] {
                let result = client.call_tool(tool, arguments).await.expect("a result");
                assert!(result.is_error, "{result:?}");
            }
            client.call_tool("write_note", json!({ "name": "tomorrow", "text": "sun" })).await.expect("a result");
            assert_eq!(listening.next().await, None);
        });
    }
}
