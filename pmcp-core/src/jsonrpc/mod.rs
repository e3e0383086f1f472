//! JSON-RPC 2.0 messages as MCP uses them (specification page `basic/index`).

mod error;
mod id;
mod message;

pub(crate) use error::cut;
pub use error::{ErrorCode, ErrorObject};
pub use id::RequestId;
pub use message::{Message, Notification, Request, Response};
pub(crate) use message::{
    depth_exceeds, encode_error, encode_notification, encode_reply, encode_request, is_batch, split_batch,
};
