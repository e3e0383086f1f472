//! Time, timers, random bytes and background work, from JavaScript.

use std::{sync::Arc, time::Duration};

use pmcp_core::platform::{BoxFuture, Platform};
use worker::{
    Context,
    js_sys::{Date, Function, Reflect, Uint8Array, global},
    wasm_bindgen::{JsCast, JsValue},
};

use crate::{home::at_home, instance::Timer};

/// The platform under one request, whose [`Context`] keeps the isolate at work.
pub(crate) struct WorkersPlatform(pub(crate) Arc<Context>);

/// The most that `getRandomValues` gives at once, in bytes.
const MOST_RANDOM: usize = 65_536;

impl Platform for WorkersPlatform {
    fn now(&self) -> Duration {
        // Before 1970 and not a number are both 0.
        Duration::from_millis(Date::now() as u64)
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<()> {
        Box::pin(Timer::of(duration))
    }

    fn random(&self, bytes: &mut [u8]) {
        for part in bytes.chunks_mut(MOST_RANDOM) {
            // A platform without random bytes cannot keep a secret, and must not go on as if it could.
            #[expect(clippy::expect_used, reason = "there is no safe answer")]
            fill(part).expect("the platform has no crypto.getRandomValues");
        }
    }

    fn background(&self, work: BoxFuture<()>) {
        self.0.wait_until(at_home(work));
    }
}

/// Random digits that nobody else has.
#[cfg(feature = "objects")]
pub(crate) fn random_token() -> String {
    let mut bytes = [0; 8];
    #[expect(clippy::expect_used, reason = "there is no safe answer")]
    fill(&mut bytes).expect("the platform has no crypto.getRandomValues");
    format!("{:016x}", u64::from_le_bytes(bytes))
}

fn fill(bytes: &mut [u8]) -> Result<(), JsValue> {
    let array = Uint8Array::new_with_length(bytes.len() as u32);
    let crypto = Reflect::get(&global(), &"crypto".into())?;
    let function: Function = Reflect::get(&crypto, &"getRandomValues".into())?.dyn_into()?;
    function.call1(&crypto, &array)?;
    array.copy_to(bytes);
    Ok(())
}
