//! Time, timers, random bytes and background work, from JavaScript.

use std::{
    cell::{Cell, RefCell},
    future::Future,
    panic,
    pin::Pin,
    rc::Rc,
    sync::Arc,
    task::{self, Poll, Waker},
    time::Duration,
};

use pmcp_core::platform::{BoxFuture, Platform};
use worker::{
    Context,
    js_sys::{Date, Function, Reflect, Uint8Array, global},
    wasm_bindgen::{self, JsCast, JsValue, prelude::*},
};

use crate::home::at_home;

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

// Timers are JavaScript's own, a second at a time: those of an instance that has panicked end by themselves. Only then
// does the platform see that its requests will not be answered, and answers them; a timer at the end of the time limit
// would keep it waiting until then.
#[wasm_bindgen(inline_js = "
let instance = 0;
export const timers = {
  begin() { instance += 1; },
  set(ms, ring) {
    const timer = {}, mine = instance;
    const wait = (left) => {
      timer.id = setTimeout(() => {
        if (mine !== instance) return;
        if (left > 1000) wait(left - 1000); else ring();
      }, Math.min(left, 1000));
    };
    wait(ms);
    return timer;
  },
  clear(timer) { clearTimeout(timer.id); },
};
")]
extern "C" {
    type Timers;

    #[wasm_bindgen(thread_local_v2, js_name = timers)]
    static TIMERS: Timers;

    #[wasm_bindgen(method)]
    fn begin(this: &Timers);

    #[wasm_bindgen(method)]
    fn set(this: &Timers, ms: f64, ring: &JsValue) -> JsValue;

    #[wasm_bindgen(method)]
    fn clear(this: &Timers, timer: &JsValue);
}

/// To be called when an instance starts: from then on, and when it panics, the timers of those before it are void.
pub(crate) fn begin() {
    TIMERS.with(Timers::begin);
    let before = panic::take_hook();
    panic::set_hook(Box::new(move |panic| {
        before(panic);
        TIMERS.with(Timers::begin);
    }));
}

/// Waits, and not less.
#[cfg(feature = "objects")]
pub(crate) fn sleep(duration: Duration) -> impl Future<Output = ()> {
    Timer::of(duration)
}

/// A timer that wakes whoever polled it last: a handler begins in one task of JavaScript and goes on in another, that of
/// its stream.
struct Timer {
    timer: JsValue,
    bell: Rc<Bell>,
    _ring: Closure<dyn FnMut()>,
}

#[derive(Default)]
struct Bell {
    rung: Cell<bool>,
    waker: RefCell<Option<Waker>>,
}

impl Timer {
    fn of(duration: Duration) -> Self {
        let bell = Rc::<Bell>::default();
        let rings = Rc::clone(&bell);
        let ring = Closure::<dyn FnMut()>::new(move || {
            rings.rung.set(true);
            if let Some(waker) = rings.waker.take() {
                waker.wake();
            }
        });
        // A timer counts whole milliseconds, and must not end too early.
        let millis = duration.as_nanos().div_ceil(1_000_000) as f64;
        Self { timer: TIMERS.with(|timers| timers.set(millis, ring.as_ref())), bell, _ring: ring }
    }
}

impl Future for Timer {
    type Output = ();

    fn poll(self: Pin<&mut Self>, task: &mut task::Context<'_>) -> Poll<()> {
        if self.bell.rung.get() {
            return Poll::Ready(());
        }
        self.bell.waker.replace(Some(task.waker().clone()));
        Poll::Pending
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        TIMERS.with(|timers| timers.clear(&self.timer));
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
