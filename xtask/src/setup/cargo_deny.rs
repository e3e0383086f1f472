//! cargo-deny, in the one version that checks this workspace.

use std::path::{Path, PathBuf};

use super::crates_io::from_crates_io;
use super::system::Permission;
use crate::cache::Cache;
use crate::failure::Failure;

const RELEASE: &str = "0.20.2";

/// The path of cargo-deny.
pub(crate) fn cargo_deny(root: &Path, cache: &Cache, permission: Permission) -> Result<PathBuf, Failure> {
    let _only_one = cache.lock()?;
    from_crates_io(root, cache, ("cargo-deny", RELEASE, "tools/cargo-deny"), permission)
}
