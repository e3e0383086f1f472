//! One invocation: the work that it leaves behind is finished before the next event is asked for.

use std::{future::Future, pin::Pin, task, time::Duration};

use lambda_runtime::{
    Error, LambdaEvent, LambdaInvocation, Runtime, service_fn,
    tower::{Layer, Service as TowerService},
};
use serde_json::value::RawValue;
use tracing::Instrument;

use crate::{log, platform::Leftovers, service::Service};

tokio::task_local! {
    /// What the invocation that is being answered leaves behind.
    static LEFTOVERS: Leftovers;
}

/// Answers invocations until the connection to Lambda breaks: one after the other, or as many side by side as
/// `AWS_LAMBDA_MAX_CONCURRENCY` says.
pub(crate) async fn poll(service: Service) -> Result<(), Error> {
    let margin = service.margin();
    let answer = service_fn(move |event: LambdaEvent<Box<RawValue>>| {
        let service = service.clone();
        async move {
            let leftovers = LEFTOVERS.with(Leftovers::clone);
            service.answer(&event.payload, &event.context, leftovers).await
        }
    });
    Runtime::new(answer).layer(Finishing { margin }).run_concurrent().await
}

/// Waits, after the answer, for what goes on without its request.
struct Finishing {
    margin: Duration,
}

impl<S> Layer<S> for Finishing {
    type Service = Finished<S>;

    fn layer(&self, inner: S) -> Finished<S> {
        Finished { inner, margin: self.margin }
    }
}

#[derive(Clone)]
struct Finished<S> {
    inner: S,
    margin: Duration,
}

impl<S> TowerService<LambdaInvocation> for Finished<S>
where
    S: TowerService<LambdaInvocation, Response = (), Error = Error>,
    S::Future: Send + 'static,
{
    type Response = ();
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<(), Error>> + Send>>;

    fn poll_ready(&mut self, task: &mut task::Context<'_>) -> task::Poll<Result<(), Error>> {
        self.inner.poll_ready(task)
    }

    fn call(&mut self, invocation: LambdaInvocation) -> Self::Future {
        let span = log::span(&invocation.context);
        let leftovers = Leftovers::new(invocation.context.deadline, self.margin);
        let answered = LEFTOVERS.scope(leftovers.clone(), span.in_scope(|| self.inner.call(invocation)));
        let finished = async move {
            let answered = answered.await;
            leftovers.finish().await;
            // One answer that could not be delivered, as the log says by now, must not keep others from being given.
            // If Lambda is gone for good, asking it for the next event fails.
            drop(answered);
            Ok(())
        };
        Box::pin(finished.instrument(span))
    }
}
