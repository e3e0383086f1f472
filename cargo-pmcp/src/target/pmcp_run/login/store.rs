//! Where logins are kept on this machine: in the system's keyring, or in a file that only its owner reads.

use std::collections::BTreeMap;
use std::env;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
#[cfg(unix)]
use std::path::Path;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::keyring::Keyring;
use super::token::Tokens;
use crate::exec::Said;
use crate::failure::{Failure, Result};
use crate::output::encode_json;

const FILE: &str = "logins.json";

const UNREACHED: &str = "the desktop's keyring cannot be reached from here";

/// Logins by the address of their service.
pub(super) struct Store {
    folder: PathBuf,
    keyring: Option<Keyring>,
}

/// Where one login is.
#[derive(Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Kept {
    Here(Tokens),
    InKeyring,
}

/// Held by the one run that may change logins, until it is dropped.
pub(super) struct Held {
    _lock: File,
}

/// What a login was that is kept no longer.
pub(super) struct Forgotten {
    /// Of the last login, and of one before it that went another way.
    pub(super) tokens: Vec<Tokens>,
    /// Why the keyring may have some still.
    pub(super) left: Option<String>,
}

impl Store {
    /// The user's own.
    pub(super) fn new() -> Result<Self> {
        let configured = if cfg!(windows) { "APPDATA" } else { "XDG_CONFIG_HOME" };
        let folder = env::var_os(configured).map(PathBuf::from).filter(|folder| folder.is_absolute());
        let folder = folder.or_else(|| env::home_dir().map(|home| home.join(".config")));
        let folder = folder.ok_or_else(|| {
            Failure::refused(
                "there is no home folder to keep a login in",
                "set HOME, or put a token into PMCP_RUN_TOKEN",
            )
        })?;
        Ok(Self { folder: folder.join("pmcp"), keyring: Keyring::find() })
    }

    /// Waits for other runs to be done with the logins.
    pub(super) fn hold(&self) -> Result<Held> {
        self.make_folder()?;
        let path = self.folder.join("lock");
        let lock = File::create(&path).map_err(Failure::file("creating", &path))?;
        lock.lock().map_err(Failure::file("locking", path))?;
        Ok(Held { _lock: lock })
    }

    pub(super) fn load(&self, service: &str) -> Result<Option<Tokens>> {
        match self.read()?.remove(service) {
            None => Ok(None),
            Some(Kept::Here(tokens)) => Ok(Some(tokens)),
            // One that was removed there is no login any more.
            Some(Kept::InKeyring) => match &self.keyring {
                Some(keyring) => match keyring.load(service)? {
                    Ok(text) => Ok(text.as_deref().and_then(parse)),
                    // Whoever is not let in there may log in once more, and be kept in the file.
                    Err(said) => Err(Failure::logged_out(
                        format!("the login is in the keyring, which does not tell it: {}", words(&said)),
                        "unlock the keyring and run the command again, or log in again: `cargo pmcp deploy login`",
                    )),
                },
                None => Err(Failure::logged_out(
                    format!("the login is in the keyring, and {UNREACHED}"),
                    "log in again: `cargo pmcp deploy login`",
                )),
            },
        }
    }

    /// Where a login is, in words.
    pub(super) fn place(&self, service: &str) -> Result<String> {
        Ok(match self.read()?.get(service) {
            Some(Kept::InKeyring) => "the keyring".into(),
            _ => self.folder.join(FILE).display().to_string(),
        })
    }

    /// The keyring is asked first; where it does not take them, the file does.
    pub(super) fn save(&self, _held: &Held, service: &str, tokens: &Tokens) -> Result {
        let text = encode_json(tokens)?;
        let in_keyring = self.keyring.as_ref().is_some_and(|keyring| keyring.store(service, &text).is_ok());
        let mut all = self.read()?;
        all.insert(service.to_owned(), if in_keyring { Kept::InKeyring } else { Kept::Here(tokens.clone()) });
        self.write(&all)
    }

    /// From the file, and from the keyring whatever the file says: a login that went there may be older than the last.
    pub(super) fn forget(&self, _held: &Held, service: &str) -> Result<Forgotten> {
        let mut all = self.read()?;
        let kept = all.remove(service);
        let (mut tokens, mut left) = (Vec::new(), None);
        match &self.keyring {
            Some(keyring) => match keyring.load(service)? {
                Ok(text) => {
                    tokens.extend(text.as_deref().and_then(parse));
                    left = keyring.remove(service)?.err().as_ref().map(words);
                }
                Err(said) => left = Some(words(&said)),
            },
            None if matches!(kept, Some(Kept::InKeyring)) => left = Some(UNREACHED.into()),
            None => {}
        }
        if kept.is_some() {
            self.write(&all)?;
        }
        if let Some(Kept::Here(last)) = kept {
            tokens.push(last);
        }
        Ok(Forgotten { tokens, left })
    }

    fn read(&self) -> Result<BTreeMap<String, Kept>> {
        let path = self.folder.join(FILE);
        #[cfg(unix)]
        close(&self.folder, &path)?;
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
            Err(error) => return Err(Failure::file("reading", path)(error)),
        };
        serde_json::from_str(&text).map_err(|error| {
            let what = format!("{} is not what cargo pmcp wrote: {error}", path.display());
            Failure::refused(what, "remove it, and log in again")
        })
    }

    /// In one step: whoever reads meanwhile has the file of before.
    fn write(&self, all: &BTreeMap<String, Kept>) -> Result {
        let (path, new) = (self.folder.join(FILE), self.folder.join("logins.json.new"));
        // One that an interrupted run left may have other rights.
        match fs::remove_file(&new) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(Failure::file("removing", new)(error)),
            _ => {}
        }
        let text = encode_json(all)? + "\n";
        let written = private().write(true).create_new(true).open(&new).and_then(|mut file| {
            file.write_all(text.as_bytes())?;
            file.sync_all()
        });
        written.map_err(Failure::file("writing", &new))?;
        fs::rename(&new, &path).map_err(Failure::file("writing", path))
    }

    fn make_folder(&self) -> Result {
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(&self.folder).map_err(Failure::file("creating", &self.folder))
    }
}

fn parse(text: &str) -> Option<Tokens> {
    serde_json::from_str(text).ok()
}

fn words(Said { call, words }: &Said) -> String {
    format!("`{call}` failed: {words}")
}

/// Others neither read a login nor put theirs in its place, whatever was done to the rights meanwhile.
#[cfg(unix)]
fn close(folder: &Path, file: &Path) -> Result {
    use std::os::unix::fs::PermissionsExt;
    for (path, others) in [(folder, 0o022), (file, 0o077)] {
        // What is not there is found out by whoever reads it.
        let Ok(found) = fs::metadata(path) else { continue };
        let mode = found.permissions().mode();
        if mode & others != 0 {
            fs::set_permissions(path, fs::Permissions::from_mode(mode & 0o7777 & !others))
                .map_err(Failure::file("keeping others out of", path))?;
        }
    }
    Ok(())
}

/// For files that only their owner reads. On Windows the user's folder is nobody else's.
fn private() -> OpenOptions {
    #[cfg_attr(not(unix), allow(unused_mut, reason = "rights are of Unix"))]
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}
