//! Tools that run as tasks, as the scenarios of the extension `io.modelcontextprotocol/tasks` call them.

use std::{
    future::{Future, poll_fn},
    pin::pin,
    task::Poll,
    time::Duration,
};

use pmcp_core::{
    prelude::*,
    protocol::{Elicitation, TaskSupport},
};

/// What the tools that take nothing take.
#[derive(Deserialize, JsonSchema)]
struct Nothing {}

#[derive(Deserialize, JsonSchema)]
struct Greet {
    name: String,
}

#[derive(Deserialize, JsonSchema)]
struct Compute {
    seconds: u32,
    label: Option<String>,
}

#[derive(Deserialize, JsonSchema)]
struct Delete {
    filename: String,
}

/// Whether to go on.
#[derive(Deserialize, JsonSchema)]
struct Confirmation {
    confirm: bool,
}

/// A name.
#[derive(Deserialize, JsonSchema)]
struct Name {
    name: String,
}

const OPTIONAL: TaskSupport = TaskSupport { required: false, asks_first: false };
const REQUIRED: TaskSupport = TaskSupport { required: true, asks_first: false };

/// Adds the tools to `builder`.
pub(crate) fn register(builder: ServerBuilder) -> ServerBuilder {
    let tool = |name: &str, description: &str| Tool::new(name).with_description(description);
    builder
        .tasks()
        .tool(
            tool("greet", "Greets, and is never a task."),
            |Greet { name }, _cx| async move { format!("Hello, {name}!") },
        )
        .tool(
            tool("slow_compute", "Takes its time.").with_task(OPTIONAL),
            |Compute { seconds, label }, cx| async move {
                cx.sleep(Duration::from_secs(seconds.into())).await;
                format!("{} took {seconds} s", label.as_deref().unwrap_or("The computation"))
            },
        )
        .tool(tool("failing_job", "Fails after a while.").with_task(REQUIRED), |Nothing {}, cx| async move {
            cx.sleep(Duration::from_secs(1)).await;
            Err::<String, _>("The job failed, as it always does.")
        })
        .tool(tool("protocol_error_job", "Breaks after a while.").with_task(OPTIONAL), |Nothing {}, cx| async move {
            cx.sleep(Duration::from_millis(100)).await;
            Err::<String, _>(Error::Internal("The job broke, as it always does.".to_owned()))
        })
        .tool(
            tool("confirm_delete", "Asks before it acts.").with_task(OPTIONAL),
            |Delete { filename }, cx| async move {
                let answer = cx.elicit::<Confirmation>("confirm", &format!("Delete {filename}?")).await?;
                let deleted = matches!(answer, Elicitation::Accept(Confirmation { confirm: true }));
                Ok::<_, Error>(if deleted { format!("{filename} is deleted") } else { format!("{filename} stays") })
            },
        )
        .tool(tool("multi_input", "Asks two things at once.").with_task(OPTIONAL), |Nothing {}, cx| async move {
            let first = cx.elicit::<Name>("first", "What is the first name?");
            let second = cx.elicit::<Name>("second", "What is the second name?");
            let (first, second) = both(first, second).await;
            match (first?, second?) {
                (Elicitation::Accept(first), Elicitation::Accept(second)) => {
                    Ok(format!("{} and {}", first.name, second.name))
                }
                _ => Err(Error::failed("One of the names was not given.")),
            }
        })
        .tool(
            tool("test_tool_with_task", "Asks in the request, and then is a task.")
                .with_task(TaskSupport { asks_first: true, ..REQUIRED }),
            |Nothing {}, cx| async move {
                let Elicitation::Accept(Name { name }) = cx.elicit("user_name", "What is your name?").await? else {
                    return Err(Error::failed("No name was given."));
                };
                cx.become_task().await;
                cx.sleep(Duration::from_millis(100)).await;
                Ok(format!("Hello, {name}!"))
            },
        )
}

/// What both come to, one beside the other.
async fn both<A, B>(one: impl Future<Output = A>, other: impl Future<Output = B>) -> (A, B) {
    let (mut one, mut other) = (pin!(one), pin!(other));
    let (mut first, mut second) = (None, None);
    poll_fn(|task| {
        if first.is_none()
            && let Poll::Ready(value) = one.as_mut().poll(task)
        {
            first = Some(value);
        }
        if second.is_none()
            && let Poll::Ready(value) = other.as_mut().poll(task)
        {
            second = Some(value);
        }
        match (first.take(), second.take()) {
            (Some(one), Some(other)) => Poll::Ready((one, other)),
            unfinished => {
                (first, second) = unfinished;
                Poll::Pending
            }
        }
    })
    .await
}
