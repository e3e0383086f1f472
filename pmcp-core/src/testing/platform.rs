//! A platform whose time is made up: it jumps to whatever is waited for next.

use std::{
    collections::BTreeMap,
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
    time::Duration,
};

use crate::platform::{BoxFuture, Platform};

/// A platform for tests: sleeping takes no time, yet what sleeps shorter wakes first; random bytes are a count.
///
/// The clock starts at zero, and jumps to the earliest of those that sleep.
#[derive(Clone, Debug, Default)]
pub struct TestPlatform(Arc<Mutex<Clock>>);

#[derive(Debug, Default)]
struct Clock {
    now: Duration,
    count: u64,
    /// Those that sleep, by when they wake and in which order they began.
    sleepers: BTreeMap<(Duration, u64), Option<Waker>>,
}

impl TestPlatform {
    fn clock(&self) -> MutexGuard<'_, Clock> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
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
        clock.sleepers.insert(key, None);
        Box::pin(Sleep { platform: self.clone(), key, polled: false })
    }

    fn random(&self, bytes: &mut [u8]) {
        let mut clock = self.clock();
        for chunk in bytes.chunks_mut(8) {
            clock.count += 1;
            chunk.iter_mut().zip(clock.count.to_be_bytes()).for_each(|(byte, count)| *byte = count);
        }
    }

    /// Drops the work: nothing outlives a test.
    fn background(&self, work: BoxFuture<()>) {
        drop(work);
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
        let is_next = clock.sleepers.first_key_value().is_some_and(|(first, _)| *first == key);
        if polled && is_next {
            clock.now = clock.now.max(key.0);
            return Poll::Ready(());
        }
        clock.sleepers.insert(key, Some(task.waker().clone()));
        if is_next {
            // Once around, so that whatever else can go on does so before time passes.
            task.waker().wake_by_ref();
        }
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        let mut clock = self.platform.clock();
        clock.sleepers.remove(&self.key);
        if let Some(Some(next)) = clock.sleepers.first_key_value().map(|(_, waker)| waker) {
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
