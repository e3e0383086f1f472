//! The browser of whoever sits at this machine.

use std::env;

use super::Program;
use crate::failure::Result;

#[cfg(windows)]
const OPENER: Program = Program { name: "rundll32", install: "it comes with Windows" };
#[cfg(target_os = "macos")]
const OPENER: Program = Program { name: "open", install: "it comes with macOS" };
#[cfg(not(any(windows, target_os = "macos")))]
const OPENER: Program = Program { name: "xdg-open", install: "apt-get install xdg-utils" };

/// Whether a browser can be opened where somebody sees it.
pub(crate) fn has_browser() -> bool {
    let is_set = |name: &str| env::var_os(name).is_some_and(|value| !value.is_empty());
    let is_seen = match cfg!(any(windows, target_os = "macos")) {
        true => !is_set("SSH_CONNECTION"),
        false => is_set("DISPLAY") || is_set("WAYLAND_DISPLAY"),
    };
    is_seen && OPENER.find().is_some()
}

/// Opens it, and does not wait for its end.
pub(crate) fn browser(url: &str) -> Result {
    let before: &[&str] = if cfg!(windows) { &["url.dll,FileProtocolHandler"] } else { &[] };
    OPENER.call(before.iter().copied().chain([url]))?.let_go()
}
