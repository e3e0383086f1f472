//! The tools: notes in D1, shared copies in KV, attachments in R2.

use base64::{Engine, prelude::BASE64_STANDARD};
use pmcp_core::prelude::*;

use crate::bindings::{Bindings, failed};

/// The longest note, in bytes: a row of D1 holds 2 MB.
const LONGEST_NOTE: usize = 100_000;

/// The largest attachment, in bytes: in base64 it must fit into a request.
const LARGEST_ATTACHMENT: usize = 1 << 20;

/// How long a shared copy can be read, in seconds.
const SHARED_FOR: u64 = 3_600;

/// Keeps nothing itself: each request brings the Worker's bindings.
pub(crate) struct Notes;

/// What a search came to.
#[derive(Serialize, JsonSchema)]
struct Found {
    /// The newest first, at most 50.
    notes: Vec<Note>,
}

#[derive(Serialize, Deserialize, JsonSchema)]
struct Note {
    name: String,
    text: String,
    /// When it was written last, in UTC.
    changed: String,
}

#[server(
    name = "notes",
    title = "Notes",
    version = env!("CARGO_PKG_VERSION"),
    instructions = "Find notes with find_notes, read one at notes://{name}."
)]
impl Notes {
    /// Write a note, in place of the one with the same name.
    #[tool(idempotent, open_world = false)]
    async fn write_note(
        &self,
        #[arg(description = "Letters, digits and hyphens.")] name: &str,
        text: &str,
        cx: &Context,
    ) -> Result<String> {
        if !is_name(name, b"-") {
            return Err(Error::failed("The name of a note must have 1 to 64 letters, digits and hyphens only."));
        }
        if text.len() > LONGEST_NOTE {
            return Err(Error::failed(format!("A note has at most {LONGEST_NOTE} bytes; attach what is longer.")));
        }
        let sql = "INSERT INTO notes (name, text) VALUES (?1, ?2)
                   ON CONFLICT (name) DO UPDATE SET text = excluded.text, changed = CURRENT_TIMESTAMP";
        let write = cx.notes()?.prepare(sql).bind(&[name.into(), text.into()]).map_err(failed)?;
        write.run().await.map_err(failed)?;
        Ok(format!("Wrote {name}."))
    }

    /// Find the notes that have a text in them, upper case or not.
    #[tool(read_only, open_world = false)]
    async fn find_notes(
        &self,
        #[arg(description = "Leave it out for all notes.")] text: Option<String>,
        cx: &Context,
    ) -> Result<Json<Found>> {
        let sql = "SELECT name, text, changed FROM notes WHERE instr(lower(name || ' ' || text), lower(?1))
                   ORDER BY changed DESC, name LIMIT 50";
        let find = cx.notes()?.prepare(sql).bind(&[text.unwrap_or_default().into()]).map_err(failed)?;
        let rows = find.all().await.map_err(failed)?;
        Ok(Json(Found { notes: rows.results().map_err(failed)? }))
    }

    /// Remove a note and what is attached to it.
    #[tool(destructive, idempotent, open_world = false)]
    async fn remove_note(&self, name: &str, cx: &Context) -> Result<String> {
        // The note goes last, so that what failed on the way can be tried again.
        let attachments = cx.attachments()?;
        loop {
            let page = attachments.list().prefix(format!("{name}/")).execute().await.map_err(failed)?;
            let keys: Vec<String> = page.objects().iter().map(worker::Object::key).collect();
            if keys.is_empty() {
                break;
            }
            attachments.delete_multiple(keys).await.map_err(failed)?;
        }
        let remove = cx.notes()?.prepare("DELETE FROM notes WHERE name = ?1 RETURNING name");
        let remove = remove.bind(&[name.into()]).map_err(failed)?;
        let removed: Option<String> = remove.first(Some("name")).await.map_err(failed)?;
        removed.map(|name| format!("Removed {name}.")).ok_or_else(|| missing(name))
    }

    /// Share a copy of a note for an hour, with everybody who has its address.
    #[tool(open_world = false)]
    async fn share_note(&self, name: &str, cx: &Context) -> Result<String> {
        let text = read(name, cx).await?.ok_or_else(|| missing(name))?;
        let mut code = [0; 16];
        cx.platform().random(&mut code);
        let code = format!("{:032x}", u128::from_be_bytes(code));
        let copy = cx.shared()?.put(&code, text).map_err(failed)?.expiration_ttl(SHARED_FOR);
        copy.execute().await.map_err(failed)?;
        Ok(format!("Shared for an hour at shared://{code}."))
    }

    /// Attach a file to a note, in place of the one with the same name.
    #[tool(idempotent, open_world = false)]
    async fn attach_file(
        &self,
        note: &str,
        #[arg(description = "The file's name: letters, digits, hyphens and dots.")] file: &str,
        #[arg(description = "What is in it, in base64: at most a megabyte.")] base64: &str,
        cx: &Context,
    ) -> Result<String> {
        if !is_name(file, b"-.") {
            return Err(Error::failed("The name of a file must have 1 to 64 letters, digits, hyphens and dots only."));
        }
        let content = BASE64_STANDARD.decode(base64).map_err(|error| {
            Error::failed(format!("This is not base64 ({error}); encode the file's bytes, padding included."))
        })?;
        if content.len() > LARGEST_ATTACHMENT {
            let bytes = content.len();
            let text = format!("The file has {bytes} bytes, and an attachment at most {LARGEST_ATTACHMENT}: split it.");
            return Err(Error::failed(text));
        }
        read(note, cx).await?.ok_or_else(|| missing(note))?;
        cx.attachments()?.put(format!("{note}/{file}"), content).execute().await.map_err(failed)?;
        Ok(format!("Attached attachments://{note}/{file}."))
    }

    /// What a note says.
    #[resource("notes://{name}", mime_type = "text/plain")]
    async fn note(&self, name: &str, cx: &Context) -> Result<Option<String>> {
        read(name, cx).await
    }

    /// A copy that somebody shared.
    #[resource("shared://{code}", mime_type = "text/plain")]
    async fn shared(&self, code: &str, cx: &Context) -> Result<Option<String>> {
        if !is_name(code, b"") {
            return Ok(None);
        }
        cx.shared()?.get(code).text().await.map_err(failed)
    }

    /// A file that is attached to a note.
    #[resource("attachments://{note}/{file}", mime_type = "application/octet-stream")]
    async fn attachment(&self, note: &str, file: &str, cx: &Context) -> Result<Option<Vec<u8>>> {
        if !is_name(note, b"-") || !is_name(file, b"-.") {
            return Ok(None);
        }
        let object = cx.attachments()?.get(format!("{note}/{file}")).execute().await.map_err(failed)?;
        match object.as_ref().and_then(worker::Object::body) {
            Some(body) => Ok(Some(body.bytes().await.map_err(failed)?)),
            None => Ok(None),
        }
    }
}

async fn read(name: &str, cx: &Context) -> Result<Option<String>> {
    let text = cx.notes()?.prepare("SELECT text FROM notes WHERE name = ?1").bind(&[name.into()]).map_err(failed)?;
    text.first(Some("text")).await.map_err(failed)
}

fn missing(name: &str) -> Error {
    Error::failed(format!("There is no note {name}; find_notes has the names."))
}

/// Names become keys and addresses: letters, digits and a few others.
fn is_name(name: &str, others: &[u8]) -> bool {
    (1..=64).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || others.contains(&byte))
}
