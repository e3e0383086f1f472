//! The system's keyring, through the program that each system has for it: macOS `security`, elsewhere `secret-tool` of
//! libsecret. What is secret goes to their standard input.

use std::env;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::exec::{Call, Hidden, Program, Said};
use crate::failure::Result;

const SECRET_TOOL: Program = Program { name: "secret-tool", install: "apt-get install libsecret-tools" };
const SECURITY: Program = Program { name: "security", install: "it comes with macOS" };

/// The longest line that `security -i` reads, in bytes.
const LONGEST: usize = 4000;

/// Under which name entries are, beside the address of their service.
const NAME: &str = "cargo-pmcp";

/// Somebody's keyring that can be reached.
#[derive(Clone, Copy)]
pub(super) enum Keyring {
    SecretTool,
    Security,
}

impl Keyring {
    pub(super) fn find() -> Option<Self> {
        if cfg!(target_os = "macos") {
            return SECURITY.find().map(|_| Self::Security);
        }
        // Without a desktop's bus there is nobody who keeps secrets.
        let has_bus = env::var_os("DBUS_SESSION_BUS_ADDRESS").is_some();
        SECRET_TOOL.find().filter(|_| has_bus).map(|_| Self::SecretTool)
    }

    /// Stores a text, in the place of one that is there.
    pub(super) fn store(self, service: &str, text: &str) -> Result<(), Refused> {
        let encoded = STANDARD.encode(text);
        let call = match self {
            Self::SecretTool => {
                let label = format!("cargo pmcp: {service}");
                SECRET_TOOL
                    .call(["store", "--label", &label, "application", NAME, "service", service])
                    .map(|call| call.input(Hidden(encoded)))
            }
            Self::Security => {
                let line = format!("add-generic-password -U -s {NAME} -a \"{service}\" -w {encoded}\n");
                if line.len() > LONGEST {
                    return Err(Refused);
                }
                SECURITY.call(["-i"]).map(|call| call.input(Hidden(line)))
            }
        };
        match call.and_then(Call::capture) {
            // `security -i` ends well whatever happened, and what was there before may be there still.
            Ok(Ok(_)) if matches!(self.load(service), Ok(Ok(Some(found))) if found == text) => Ok(()),
            _ => Err(Refused),
        }
    }

    /// What is stored there, or what was said of why nobody knows.
    pub(super) fn load(self, service: &str) -> Result<Result<Option<String>, Said>> {
        let call = match self {
            Self::SecretTool => SECRET_TOOL.call(["lookup", "application", NAME, "service", service])?,
            Self::Security => SECURITY.call(["find-generic-password", "-s", NAME, "-a", service, "-w"])?,
        };
        Ok(match call.capture()? {
            Ok(text) => Ok(STANDARD.decode(text.trim()).ok().and_then(|bytes| String::from_utf8(bytes).ok())),
            Err(said) if is_not_there(&said) => Ok(None),
            Err(said) => Err(said),
        })
    }

    pub(super) fn remove(self, service: &str) -> Result<Result<(), Said>> {
        let call = match self {
            Self::SecretTool => SECRET_TOOL.call(["clear", "application", NAME, "service", service])?,
            Self::Security => SECURITY.call(["delete-generic-password", "-s", NAME, "-a", service])?,
        };
        Ok(match call.capture()? {
            Err(said) if !is_not_there(&said) => Err(said),
            _ => Ok(()),
        })
    }
}

/// The keyring did not take it.
pub(super) struct Refused;

/// `secret-tool` says nothing of what it does not find.
fn is_not_there(said: &Said) -> bool {
    said.words.trim().is_empty() || said.words.contains("could not be found in the keychain")
}
