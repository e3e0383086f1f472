//! The loop of the process: an event, its answer, the work that it leaves behind, and the next event.

use std::{convert::Infallible, panic::AssertUnwindSafe, time::Duration};

use futures_util::FutureExt;
use tokio::task::JoinSet;
use tracing::Instrument;

use crate::{
    Error, log,
    platform::Leftovers,
    runtime::{ApiError, Failure, Invocation, RuntimeApi},
    service::Service,
};

/// How often in a row no event may be had, each try after twice the pause of the one before.
const TRIES: u32 = 5;
const FIRST_PAUSE: Duration = Duration::from_millis(50);

/// Answers events until none can be had any more: one after the other, or `concurrency` side by side.
pub(crate) async fn run(service: Service, api: RuntimeApi, concurrency: usize) -> Result<(), Error> {
    let mut workers = JoinSet::new();
    for _ in 1..concurrency {
        let (service, api) = (service.clone(), api.clone());
        workers.spawn(async move { work(&service, &api).await });
    }
    // Where one cannot reach Lambda, the others cannot either.
    let Err(error) = work(&service, &api).await;
    Err(Error::Runtime(error))
}

async fn work(service: &Service, api: &RuntimeApi) -> Result<Infallible, ApiError> {
    let mut broken = 0;
    loop {
        match api.next().await {
            Ok(invocation) => {
                broken = 0;
                let span = log::span(&invocation);
                handle(service, api, invocation).instrument(span).await;
            }
            Err(error) if broken == TRIES => return Err(error),
            Err(error) => {
                tracing::warn!(%error, "no event can be had from Lambda; trying again");
                tokio::time::sleep(FIRST_PAUSE * 2_u32.pow(broken)).await;
                broken += 1;
            }
        }
    }
}

/// Answers one event. What goes on after the answer is finished before the next is asked for: then Lambda may freeze
/// the process.
async fn handle(service: &Service, api: &RuntimeApi, invocation: Invocation) {
    let leftovers = Leftovers::new(invocation.deadline, service.margin());
    // Handlers are caught in the core already; what is left must not end the process and with it other invocations.
    let answered = AssertUnwindSafe(service.answer(&invocation, leftovers.clone())).catch_unwind().await;
    let given = match answered {
        Ok(Ok(answer)) => api.answer(&invocation, answer).await,
        Ok(Err(error)) => {
            tracing::error!("{error}");
            let failure = Failure { error_type: "Pmcp.NotHttp", error_message: &error.to_string() };
            api.fail(&invocation, &failure).await
        }
        Err(_) => {
            let error_message = "The adapter panicked; the log says where.";
            api.fail(&invocation, &Failure { error_type: "Pmcp.Panic", error_message }).await
        }
    };
    if let Err(error) = given {
        tracing::error!(%error, "the answer could not be delivered");
    }
    leftovers.finish().await;
}
