//! Redis, which the instances of a server share: the one on PATH, or the system's package.

use std::path::PathBuf;

use super::system::{self, Package, Permission};
use crate::failure::Failure;
use crate::program;

/// The names its server may have; Valkey speaks the same.
const NAMES: [&str; 2] = ["redis-server", "valkey-server"];

const REDIS: Package = Package { what: "a Redis server", apt: "redis-server", brew: "redis" };

/// The absolute path of a Redis server, which the tests start by themselves.
pub(crate) fn redis(permission: Permission) -> Result<PathBuf, Failure> {
    let find = || NAMES.iter().find_map(|name| program::find(name));
    if let Some(path) = find() {
        return Ok(path);
    }
    system::install(&REDIS, permission)?;
    find().ok_or_else(|| Failure::Missing {
        what: format!("{} was not found after installing {}", REDIS.what, REDIS.apt),
        advice: "put redis-server on PATH".into(),
    })
}
