//! One invocation: the work that it leaves behind is finished before the next event is asked for.

use std::{future::Future, pin::Pin, task};

use lambda_runtime::{
    Error, LambdaEvent, LambdaInvocation, Runtime, service_fn,
    tower::{Layer, Service as TowerService},
};
use serde_json::value::RawValue;

use crate::{platform::Leftovers, service::Service};

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
    margin: std::time::Duration,
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
    margin: std::time::Duration,
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
        let leftovers = Leftovers::new(invocation.context.deadline, self.margin);
        let answered = LEFTOVERS.scope(leftovers.clone(), self.inner.call(invocation));
        Box::pin(async move {
            let answered = answered.await;
            leftovers.finish().await;
            answered
        })
    }
}
