//! JSON-RPC 2.0 messages as MCP uses them (specification page `basic/index`).

mod cut;
mod error;
mod id;
mod message;
mod raw;

pub use cut::cut;
pub(crate) use cut::short;
pub use error::{ErrorCode, ErrorObject};
pub use id::RequestId;
pub(crate) use message::{Body, encode_error, encode_notification, encode_reply, encode_request};
pub use message::{Message, Notification, Request, Response};
pub(crate) use raw::Members;
pub use raw::RawJson;
