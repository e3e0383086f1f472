//! A handler runs on while its server waits for something else. One that was begun and is not polled may hold what others
//! need, such as the connection of a pool that the server's own store takes its connections from.

use std::{
    future::{Future, poll_fn},
    pin::pin,
    task::{Context, Poll},
};

use super::{Outcome, Whose, catch};
use crate::platform::BoxFuture;

/// Waits for `work`, and takes `step`s of a handler meanwhile; what that came to besides, if it did.
pub(crate) async fn beside<T>(
    work: impl Future<Output = T>,
    mut step: impl FnMut(&mut Context<'_>) -> Poll<Outcome>,
) -> (T, Option<Outcome>) {
    let (mut work, mut outcome) = (pin!(work), None);
    let done = poll_fn(|task| {
        let done = work.as_mut().poll(task);
        if done.is_pending()
            && outcome.is_none()
            && let Poll::Ready(ended) = step(task)
        {
            outcome = Some(ended);
        }
        done
    });
    (done.await, outcome)
}

/// Runs a handler one step; its panic is an error.
pub(crate) fn step(whose: Whose, handler: &mut BoxFuture<Outcome>, task: &mut Context<'_>) -> Poll<Outcome> {
    catch(whose, || handler.as_mut().poll(task), |error| Poll::Ready(Err(error)))
}
