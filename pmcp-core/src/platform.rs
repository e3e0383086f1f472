//! What the core asks of the platform it runs on: time, sleep, random bytes and background work.
//!
//! The core has no clock, no timer and no executor of its own. Each adapter implements [`Platform`] once. This is
//! also the one place that decides whether futures and handlers must be [`Send`]: they must on native targets, where
//! executors have threads, and need not on `wasm32`, where there are none.

use std::{future::Future, pin::Pin, time::Duration};

/// `Send` where the target has threads, nothing on `wasm32`.
#[cfg(not(target_arch = "wasm32"))]
pub trait MaybeSend: Send {}
#[cfg(not(target_arch = "wasm32"))]
impl<T: Send + ?Sized> MaybeSend for T {}

/// `Sync` where the target has threads, nothing on `wasm32`.
#[cfg(not(target_arch = "wasm32"))]
pub trait MaybeSync: Sync {}
#[cfg(not(target_arch = "wasm32"))]
impl<T: Sync + ?Sized> MaybeSync for T {}

/// `Send` where the target has threads, nothing on `wasm32`.
#[cfg(target_arch = "wasm32")]
pub trait MaybeSend {}
#[cfg(target_arch = "wasm32")]
impl<T: ?Sized> MaybeSend for T {}

/// `Sync` where the target has threads, nothing on `wasm32`.
#[cfg(target_arch = "wasm32")]
pub trait MaybeSync {}
#[cfg(target_arch = "wasm32")]
impl<T: ?Sized> MaybeSync for T {}

/// A boxed future that is `Send` where the target has threads.
#[cfg(not(target_arch = "wasm32"))]
pub type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send + 'static>>;

/// A boxed future that is `Send` where the target has threads.
#[cfg(target_arch = "wasm32")]
pub type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + 'static>>;

/// The same, of a future that borrows.
#[cfg(not(target_arch = "wasm32"))]
pub(crate) type BorrowingFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The same, of a future that borrows.
#[cfg(target_arch = "wasm32")]
pub(crate) type BorrowingFuture<'a, T> = Pin<Box<dyn Future<Output = T> + 'a>>;

/// The platform under the server, as each adapter provides it.
pub trait Platform: MaybeSend + MaybeSync + 'static {
    /// The time since 1970-01-01T00:00:00Z.
    fn now(&self) -> Duration;

    /// Completes after `duration`, and not before.
    fn sleep(&self, duration: Duration) -> BoxFuture<()>;

    /// Fills `bytes` with random bytes fit for cryptographic use.
    fn random(&self, bytes: &mut [u8]);

    /// Completes when the platform is about to take the request's time away: its process stops, or its deadline is
    /// near. What still runs then is ended with an error that the client receives. By default never.
    fn stopping(&self) -> BoxFuture<()> {
        Box::pin(std::future::pending())
    }

    /// Completes when the platform takes no new requests and waits for those it has: streams without an end of their
    /// own end then, so that nobody waits for them. By default when it is [`stopping`](Self::stopping).
    fn draining(&self) -> BoxFuture<()> {
        self.stopping()
    }

    /// When the platform takes the request's time away, since 1970-01-01T00:00:00Z, where it says so beforehand.
    fn deadline(&self) -> Option<Duration> {
        None
    }

    /// Runs `work` to its end although the request that started it is over.
    ///
    /// Platforms that freeze between requests finish it before they let go of the request.
    fn background(&self, work: BoxFuture<()>);

    /// Runs a task (the extension `io.modelcontextprotocol/tasks`) to its end. The core bounds how many there are, so
    /// they need not count as requests. By default as [`background`](Self::background) work.
    fn run_task(&self, work: BoxFuture<()>) {
        self.background(work);
    }
}
