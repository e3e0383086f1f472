//! Time, timers, random bytes and background work, from JavaScript.

use std::{
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{self, Poll, Wake, Waker},
    time::Duration,
};

use pmcp_core::platform::{BoxFuture, Platform};
use worker::{
    Context, Delay,
    js_sys::{Date, Function, Reflect, Uint8Array, global},
    wasm_bindgen::{JsCast, JsValue},
};

/// The platform under one request, whose [`Context`] keeps the isolate at work.
pub(crate) struct WorkersPlatform(pub(crate) Arc<Context>);

/// The longest that `setTimeout` waits: it counts milliseconds in 32 bits.
const LONGEST: Duration = Duration::from_millis(i32::MAX as u64);

/// The most that `getRandomValues` gives at once, in bytes.
const MOST_RANDOM: usize = 65_536;

impl Platform for WorkersPlatform {
    fn now(&self) -> Duration {
        // Before 1970 and not a number are both 0.
        Duration::from_millis(Date::now() as u64)
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<()> {
        Box::pin(async move {
            let mut left = duration;
            while left > LONGEST {
                Timer::of(LONGEST).await;
                left -= LONGEST;
            }
            // A timer that counts whole milliseconds would end too early.
            let millis = left.as_nanos().div_ceil(1_000_000);
            Timer::of(Duration::from_millis(u64::try_from(millis).unwrap_or(u64::MAX))).await;
        })
    }

    fn random(&self, bytes: &mut [u8]) {
        for part in bytes.chunks_mut(MOST_RANDOM) {
            // A platform without random bytes cannot keep a secret, and must not go on as if it could.
            #[expect(clippy::expect_used, reason = "there is no safe answer")]
            fill(part).expect("the platform has no crypto.getRandomValues");
        }
    }

    fn background(&self, work: BoxFuture<()>) {
        self.0.wait_until(work);
    }
}

/// A timer that wakes whoever polled it last: a handler begins in one task of JavaScript and goes on in another, that of
/// its stream. [`Delay`] alone wakes whoever polled it first.
struct Timer {
    delay: Pin<Box<Delay>>,
    relay: Arc<Relay>,
}

#[derive(Default)]
struct Relay(Mutex<Option<Waker>>);

impl Wake for Relay {
    fn wake(self: Arc<Self>) {
        let waker = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl Timer {
    fn of(duration: Duration) -> Self {
        Self { delay: Box::pin(Delay::from(duration)), relay: Arc::default() }
    }
}

impl Future for Timer {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, task: &mut task::Context<'_>) -> Poll<()> {
        *self.relay.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(task.waker().clone());
        let relay = Waker::from(Arc::clone(&self.relay));
        self.delay.as_mut().poll(&mut task::Context::from_waker(&relay))
    }
}

fn fill(bytes: &mut [u8]) -> Result<(), JsValue> {
    let array = Uint8Array::new_with_length(bytes.len() as u32);
    let crypto = Reflect::get(&global(), &"crypto".into())?;
    let function: Function = Reflect::get(&crypto, &"getRandomValues".into())?.dyn_into()?;
    function.call1(&crypto, &array)?;
    array.copy_to(bytes);
    Ok(())
}
