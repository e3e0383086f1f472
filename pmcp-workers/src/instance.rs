//! What ends with an instance of the WebAssembly that panics: timers, and what waits for others.

use std::{
    cell::{Cell, RefCell},
    future::Future,
    panic,
    pin::Pin,
    rc::Rc,
    task::{self, Poll, Waker},
    time::Duration,
};

#[cfg(feature = "objects")]
use worker::web_sys::WebSocket;
use worker::{
    Context,
    wasm_bindgen::{self, JsValue, prelude::*},
    web_sys::Request,
};

// Timers are JavaScript's own, a second at a time: those of an instance that has panicked end by themselves. Only then
// does the platform see that its requests will not be answered, and answers them; a timer at the end of the time limit
// would keep it waiting until then. An open socket would too. It is closed by a promise, which goes on in the request
// that has the socket.
#[wasm_bindgen(inline_js = "
let instance = 0;
const ends = new Set();
export const instances = {
  begin() {
    instance += 1;
    for (const end of ends) end();
    ends.clear();
  },
  set(ms, ring) {
    const timer = {}, mine = instance;
    const wait = (left) => {
      timer.id = setTimeout(() => {
        if (mine !== instance || timer.cleared) return;
        if (left > 1000) wait(left - 1000);
        else if (ring() && !timer.cleared) wait(ms);
      }, Math.min(left, 1000));
    };
    wait(ms);
    return timer;
  },
  clear(timer) {
    timer.cleared = true;
    clearTimeout(timer.id);
  },
  watch(request, gone) {
    const mine = instance, signal = request.signal;
    const hear = () => { if (mine === instance && !watched.over) gone(); };
    const watched = { stop() { this.over = true; signal?.removeEventListener('abort', hear); } };
    signal?.addEventListener('abort', hear, { once: true });
    if (signal?.aborted) hear();
    return watched;
  },
  unwatch(watched) { watched.stop(); },
  closing(socket) {
    let end;
    new Promise((resolve) => { end = resolve; }).then(() => { try { socket.close(); } catch { /* It has ended. */ } });
    ends.add(end);
    return end;
  },
  closed(end) { ends.delete(end); },
};
")]
extern "C" {
    type Instances;

    #[wasm_bindgen(thread_local_v2, js_name = instances)]
    static INSTANCES: Instances;

    #[wasm_bindgen(method)]
    fn begin(this: &Instances);

    /// Rings after so many milliseconds, and again as long as that says so.
    #[wasm_bindgen(method)]
    fn set(this: &Instances, ms: f64, ring: &JsValue) -> JsValue;

    #[wasm_bindgen(method)]
    fn clear(this: &Instances, timer: &JsValue);

    #[wasm_bindgen(method)]
    fn watch(this: &Instances, request: &Request, gone: &JsValue) -> JsValue;

    #[wasm_bindgen(method)]
    fn unwatch(this: &Instances, watched: &JsValue);
}

#[cfg(feature = "objects")]
#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(method)]
    fn closing(this: &Instances, socket: &WebSocket) -> JsValue;

    #[wasm_bindgen(method)]
    fn closed(this: &Instances, end: &JsValue);
}

/// To be called when an instance starts: from then on, and when it panics, what those before it wait for is void.
pub(crate) fn begin() {
    INSTANCES.with(Instances::begin);
    let before = panic::take_hook();
    panic::set_hook(Box::new(move |panic| {
        before(panic);
        INSTANCES.with(Instances::begin);
    }));
}

/// Rings once, for whoever polled it last: a handler begins in one task of JavaScript and goes on in another, that of its
/// stream.
#[derive(Default)]
struct Bell {
    rung: Cell<bool>,
    waker: RefCell<Option<Waker>>,
}

impl Bell {
    fn ring(&self) {
        self.rung.set(true);
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }

    fn poll(&self, task: &task::Context<'_>) -> Poll<()> {
        if self.rung.get() {
            return Poll::Ready(());
        }
        self.waker.replace(Some(task.waker().clone()));
        Poll::Pending
    }
}

/// Waits, and not less.
pub(crate) struct Timer {
    bell: Rc<Bell>,
    _ticker: Ticker,
}

impl Timer {
    pub(crate) fn of(duration: Duration) -> Self {
        let bell = Rc::<Bell>::default();
        let rings = Rc::clone(&bell);
        let ticker = Ticker::of(duration, move || {
            rings.ring();
            false
        });
        Self { bell, _ticker: ticker }
    }
}

impl Future for Timer {
    type Output = ();

    fn poll(self: Pin<&mut Self>, task: &mut task::Context<'_>) -> Poll<()> {
        self.bell.poll(task)
    }
}

/// Calls a function after a while, and after that while again as long as the function says so.
pub(crate) struct Ticker {
    timer: JsValue,
    _tick: Closure<dyn FnMut() -> bool>,
}

impl Ticker {
    pub(crate) fn of(duration: Duration, tick: impl FnMut() -> bool + 'static) -> Self {
        let tick = Closure::<dyn FnMut() -> bool>::new(tick);
        // A timer counts whole milliseconds, and must not end too early.
        let millis = duration.as_nanos().div_ceil(1_000_000) as f64;
        Self { timer: INSTANCES.with(|instances| instances.set(millis, tick.as_ref())), _tick: tick }
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        INSTANCES.with(|instances| instances.clear(&self.timer));
    }
}

/// Does `work`, unless the client of `request` goes before: then the work is dropped, and there is nothing.
///
/// The platform tells that by the request's signal where the Worker has the compatibility flag `enable_request_signal`.
/// Without it, it lets go of all that the request has begun, as it is, and with whatever that holds. So the work is
/// announced as one to wait for, which it does for 30 s. What is done at once costs none of this.
pub(crate) async fn unless_gone<T>(request: &Request, context: &Context, work: impl Future<Output = T>) -> Option<T> {
    // Dropped after the work, which may leave the platform more to wait for.
    let mut watch = None;
    let mut work = std::pin::pin!(work);
    std::future::poll_fn(|task| {
        if let Poll::Ready(done) = work.as_mut().poll(task) {
            return Poll::Ready(Some(done));
        }
        let watch = watch.get_or_insert_with(|| Watch::of(request, context));
        watch.gone.poll(task).map(|()| {
            tracing::debug!("a client went away before its answer began");
            None
        })
    })
    .await
}

struct Watch {
    watched: JsValue,
    gone: Rc<Bell>,
    over: Rc<Bell>,
    _hear: Closure<dyn FnMut()>,
}

impl Watch {
    fn of(request: &Request, context: &Context) -> Self {
        let (gone, over) = (Rc::<Bell>::default(), Rc::<Bell>::default());
        let (rings, ends) = (Rc::clone(&gone), Rc::clone(&over));
        let hear = Closure::<dyn FnMut()>::new(move || rings.ring());
        context.wait_until(std::future::poll_fn(move |task| ends.poll(task)));
        Self { watched: INSTANCES.with(|instances| instances.watch(request, hear.as_ref())), gone, over, _hear: hear }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        INSTANCES.with(|instances| instances.unwatch(&self.watched));
        self.over.ring();
    }
}

/// Closes a socket, at the latest when this instance panics.
#[cfg(feature = "objects")]
pub(crate) struct Closing(JsValue);

#[cfg(feature = "objects")]
impl Closing {
    pub(crate) fn of(socket: &WebSocket) -> Self {
        Self(INSTANCES.with(|instances| instances.closing(socket)))
    }
}

#[cfg(feature = "objects")]
impl Drop for Closing {
    fn drop(&mut self) {
        INSTANCES.with(|instances| instances.closed(&self.0));
    }
}
