//! Records that several instances change: a string with its version in front, replaced only by the next version.

use redis::{Cmd, cmd};
use serde::{Serialize, de::DeserializeOwned};

/// Replaces a record by its next version. A second time with the same record it says again what it did, since a command
/// may be sent again when a connection broke.
const REPLACE: &str = "
local kept = redis.call('GET', KEYS[1])
if not kept then return 0 end
if kept == ARGV[2] then return 1 end
if string.match(kept, '^%d+') ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'KEEPTTL')
return 1";

/// The version in front, so that it is compared without reading the rest.
pub(crate) fn encode(version: u64, record: &impl Serialize) -> serde_json::Result<String> {
    Ok(format!("{version}\n{}", serde_json::to_string(record)?))
}

pub(crate) fn decode<T: DeserializeOwned>(kept: &str) -> serde_json::Result<T> {
    serde_json::from_str(kept.split_once('\n').map_or(kept, |(_, json)| json))
}

/// The command that replaces what `key` has by `encoded`, of the version `version`, and says whether it did.
pub(crate) fn replace(key: &str, version: u64, encoded: &str) -> Cmd {
    let mut replace = cmd("EVAL");
    replace.arg(REPLACE).arg(1).arg(key).arg(version.saturating_sub(1)).arg(encoded);
    replace
}
