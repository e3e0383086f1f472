//! What the isolates of a Worker share, in Durable Objects, so that any of them can answer any request.
//!
//! Each session, each task, the tasks of each principal and the changes that all may hear of have an object of their
//! own, found by its name. All are of one class, [`PmcpObject`], which `worker-build` exports by itself. A reader who
//! waits holds a socket, on which the object tells it: while nothing happens the object hibernates, and costs nothing.

#[cfg_attr(not(target_arch = "wasm32"), allow(dead_code, reason = "only Workers have objects"))]
mod ask;
#[cfg(target_arch = "wasm32")]
mod asking;
#[cfg(target_arch = "wasm32")]
mod bus;
#[cfg(target_arch = "wasm32")]
mod object;
#[cfg(target_arch = "wasm32")]
mod session_store;
#[cfg(target_arch = "wasm32")]
mod shelf;
#[cfg(target_arch = "wasm32")]
mod streams;
#[cfg(target_arch = "wasm32")]
mod task_store;

#[cfg(target_arch = "wasm32")]
pub use self::{
    asking::Objects, bus::ObjectBus, object::PmcpObject, session_store::ObjectSessionStore, task_store::ObjectTaskStore,
};
#[cfg(target_arch = "wasm32")]
pub(crate) use asking::remember;
