//! A platform whose time is made up: it jumps to whatever is waited for next.

use std::{
    collections::BTreeMap,
    fmt,
    future::{Future, poll_fn},
    pin::{Pin, pin},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
    time::Duration,
};

use crate::platform::{BoxFuture, Platform};

/// A platform for tests: sleeping takes no time, yet what sleeps shorter wakes first; random bytes are a count.
///
/// The clock starts at zero, and jumps to the earliest of those that sleep. Work in the background is done inside
/// [`run`](Self::run), and dropped elsewhere.
#[derive(Clone, Default)]
pub struct TestPlatform(Arc<Shared>);

#[derive(Default)]
struct Shared {
    clock: Mutex<Clock>,
    /// `None` where nobody runs it.
    background: Mutex<Option<Vec<BoxFuture<()>>>>,
}

#[derive(Default)]
struct Clock {
    now: Duration,
    count: u64,
    /// Those that sleep, by when they wake and in which order they began.
    sleepers: BTreeMap<(Duration, u64), Sleeper>,
    /// Whether it is the background that runs.
    in_background: bool,
}

#[derive(Default)]
struct Sleeper {
    waker: Option<Waker>,
    in_background: bool,
}

impl TestPlatform {
    /// Runs `test`, and beside it what it starts in the background.
    ///
    /// Time passes only while `test` itself sleeps, as in `platform.sleep(…).await`; what sleeps in the background wakes
    /// when its time comes. What is still in the background when `test` is done is dropped, as when a process ends.
    ///
    /// ```
    /// # use std::{sync::{Arc, atomic::{AtomicBool, Ordering}}, time::Duration};
    /// # use pmcp_core::{platform::Platform, testing::TestPlatform};
    /// let (platform, done) = (TestPlatform::default(), Arc::new(AtomicBool::new(false)));
    /// pollster::block_on(platform.run(async {
    ///     let (timer, set) = (platform.sleep(Duration::from_secs(60)), Arc::clone(&done));
    ///     platform.background(Box::pin(async move {
    ///         timer.await;
    ///         set.store(true, Ordering::SeqCst);
    ///     }));
    ///     platform.sleep(Duration::from_secs(59)).await;
    ///     assert!(!done.load(Ordering::SeqCst));
    ///     platform.sleep(Duration::from_secs(2)).await;
    ///     assert!(done.load(Ordering::SeqCst));
    /// }));
    /// ```
    pub async fn run<T>(&self, test: impl Future<Output = T>) -> T {
        /// Drops the background whatever the test came to.
        struct Running<'p>(&'p TestPlatform);
        impl Drop for Running<'_> {
            fn drop(&mut self) {
                let left = self.0.background().take();
                drop(left);
            }
        }

        self.background().get_or_insert_default();
        let running = Running(self);
        let mut test = pin!(test);
        poll_fn(|task| {
            running.0.poll_background(task.waker());
            let polled = test.as_mut().poll(task);
            if polled.is_pending() {
                running.0.poll_background(task.waker());
            }
            polled
        })
        .await
    }

    /// How much work there is in the background.
    pub fn background_len(&self) -> usize {
        self.background().as_ref().map_or(0, Vec::len)
    }

    /// Runs the background until nothing goes on without time passing.
    fn poll_background(&self, test: &Waker) {
        /// More often than any sensible work wakes itself.
        const MOST_ROUNDS: usize = 100;
        let woken = Arc::new(Woken { test: test.clone(), again: AtomicBool::new(true) });
        let waker = Waker::from(Arc::clone(&woken));
        for _ in 0..MOST_ROUNDS {
            if !woken.again.swap(false, Ordering::SeqCst) {
                break;
            }
            let mut works = self.background().as_mut().map(std::mem::take).unwrap_or_default();
            self.clock().in_background = true;
            works.retain_mut(|work| work.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
            self.clock().in_background = false;
            if let Some(background) = &mut *self.background() {
                // What was started meanwhile stands there now.
                if !background.is_empty() {
                    woken.again.store(true, Ordering::SeqCst);
                }
                works.append(background);
                *background = works;
            }
        }
    }

    fn clock(&self) -> MutexGuard<'_, Clock> {
        self.0.clock.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn background(&self) -> MutexGuard<'_, Option<Vec<BoxFuture<()>>>> {
        self.0.background.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for TestPlatform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestPlatform").field("now", &self.now()).finish_non_exhaustive()
    }
}

/// Tells that the background can go on.
struct Woken {
    test: Waker,
    again: AtomicBool,
}

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.again.store(true, Ordering::SeqCst);
        self.test.wake_by_ref();
    }
}

impl Platform for TestPlatform {
    fn now(&self) -> Duration {
        self.clock().now
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<()> {
        let mut clock = self.clock();
        clock.count += 1;
        let key = (clock.now.saturating_add(duration), clock.count);
        clock.sleepers.insert(key, Sleeper::default());
        Box::pin(Sleep { platform: self.clone(), key, polled: false })
    }

    fn random(&self, bytes: &mut [u8]) {
        let mut clock = self.clock();
        for chunk in bytes.chunks_mut(8) {
            clock.count += 1;
            chunk.iter_mut().zip(clock.count.to_be_bytes()).for_each(|(byte, count)| *byte = count);
        }
    }

    fn background(&self, work: BoxFuture<()>) {
        if let Some(background) = &mut *Self::background(self) {
            background.push(work);
        }
    }
}

struct Sleep {
    platform: TestPlatform,
    key: (Duration, u64),
    polled: bool,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<()> {
        let key = self.key;
        let polled = std::mem::replace(&mut self.polled, true);
        let mut clock = self.platform.clock();
        let in_background = clock.in_background;
        let before = clock.sleepers.insert(key, Sleeper { waker: Some(task.waker().clone()), in_background });
        if in_background {
            if before.is_none_or(|before| !before.in_background) {
                // It stood in the way of those that time passes for, and does no more.
                let others = clock.sleepers.values().filter(|sleeper| !sleeper.in_background);
                others.filter_map(|sleeper| sleeper.waker.as_ref()).for_each(Waker::wake_by_ref);
            }
            return if clock.now >= key.0 { Poll::Ready(()) } else { Poll::Pending };
        }
        let Clock { now, sleepers, .. } = &mut *clock;
        // Who is due in the background has been woken, whether or not it looks.
        let due = |(when, _): &(Duration, u64), sleeper: &Sleeper| sleeper.in_background && when <= now;
        let Some((first, sleeper)) = sleepers.iter().find(|(key, sleeper)| !due(key, sleeper)) else {
            return Poll::Pending;
        };
        if *first != key && !sleeper.in_background {
            return Poll::Pending;
        }
        if polled {
            *now = first.0.max(*now);
            if *first == key {
                return Poll::Ready(());
            }
            sleeper.waker.iter().for_each(Waker::wake_by_ref);
        }
        // Once around, so that whatever else can go on does so before time passes.
        task.waker().wake_by_ref();
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        let mut clock = self.platform.clock();
        clock.sleepers.remove(&self.key);
        if let Some(next) = clock.sleepers.first_key_value().and_then(|(_, sleeper)| sleeper.waker.as_ref()) {
            next.wake_by_ref();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wakes_in_the_order_of_time() {
        let platform = TestPlatform::default();
        let limit = platform.sleep(Duration::from_secs(30));
        let mut limit = Box::pin(limit);
        let steps = async {
            for _ in 0..5 {
                platform.sleep(Duration::from_secs(5)).await;
            }
        };
        let mut steps = Box::pin(steps);
        let first = pollster::block_on(std::future::poll_fn(|task| {
            if steps.as_mut().poll(task).is_ready() {
                return Poll::Ready("steps");
            }
            limit.as_mut().poll(task).map(|()| "limit")
        }));
        assert_eq!((first, platform.now()), ("steps", Duration::from_secs(25)));
    }
}
