//! The tools and the prompt that ask the client before they answer.

use pmcp_core::{
    prelude::*,
    protocol::{CreateMessage, Elicitation},
};

/// Asks in each of the ways that the suite knows.
pub(crate) struct Asking;

#[derive(Deserialize, JsonSchema)]
struct Name {
    name: String,
}

#[derive(Deserialize, JsonSchema)]
struct Consent {
    ok: bool,
}

#[derive(Deserialize, JsonSchema)]
struct Color {
    color: String,
}

#[derive(Deserialize, JsonSchema)]
struct Background {
    context: String,
}

async fn name(cx: &Context, key: &str) -> Result<String> {
    Ok(match cx.elicit::<Name>(key, "What is your name?").await? {
        Elicitation::Accept(answer) => answer.name,
        Elicitation::Decline | Elicitation::Cancel => "whoever you are".to_owned(),
    })
}

#[server(name = "asking", version = env!("CARGO_PKG_VERSION"))]
impl Asking {
    /// Asks for a name.
    #[tool]
    async fn test_input_required_result_elicitation(&self, cx: &Context) -> Result<String> {
        Ok(format!("Hello, {}!", name(cx, "user_name").await?))
    }

    /// Asks the client's model.
    #[tool]
    async fn test_input_required_result_sampling(&self, cx: &Context) -> Result<String> {
        let question = CreateMessage::new(100, "What is the capital of France?");
        Ok(cx.sample("capital_question", &question).await?.text())
    }

    /// Asks for the client's roots.
    #[tool]
    async fn test_input_required_result_list_roots(&self, cx: &Context) -> Result<String> {
        let roots = cx.roots("client_roots").await?;
        Ok(roots.iter().map(|root| root.uri.as_str()).collect::<Vec<_>>().join(", "))
    }

    /// Asks for consent, and remembers that it did.
    #[tool]
    async fn test_input_required_result_request_state(&self, cx: &Context) -> Result<String> {
        let token = cx.once("token", async { 42 }).await?;
        Ok(match cx.elicit::<Consent>("confirm", "Please confirm.").await? {
            Elicitation::Accept(Consent { ok: true }) => format!("state-ok {token}"),
            _ => "not confirmed".to_owned(),
        })
    }

    /// Asks for three things at once.
    #[tool]
    async fn test_input_required_result_multiple_inputs(&self, cx: &Context) -> Result<String> {
        let greeting = CreateMessage::new(50, "Generate a greeting.");
        let asked = futures_lite::future::zip(
            futures_lite::future::zip(name(cx, "user_name"), cx.sample("greeting", &greeting)),
            cx.roots("client_roots"),
        );
        let ((name, greeting), roots) = asked.await;
        Ok(format!("{} {}, {} roots", greeting?.text(), name?, roots?.len()))
    }

    /// Asks twice, the second time about the first answer.
    #[tool]
    async fn test_input_required_result_multi_round(&self, cx: &Context) -> Result<String> {
        let name = name(cx, "step1").await?;
        let question = format!("{name}, what is your favorite color?");
        Ok(match cx.elicit::<Color>("step2", &question).await? {
            Elicitation::Accept(answer) => format!("{name} likes {}.", answer.color),
            _ => format!("{name} did not say."),
        })
    }

    /// Asks for consent; the suite then changes the state.
    #[tool]
    async fn test_input_required_result_tampered_state(&self, cx: &Context) -> Result<String> {
        let answer = cx.elicit::<Consent>("confirm", "Please confirm.").await?;
        Ok(if matches!(answer, Elicitation::Accept(Consent { ok: true })) { "confirmed" } else { "not confirmed" }
            .to_owned())
    }

    /// Asks for as much as the client declared.
    #[tool]
    async fn test_input_required_result_capabilities(&self, cx: &Context) -> Result<String> {
        let declared = cx.client_capabilities();
        if declared.sampling.is_some() {
            let question = CreateMessage::new(100, "Say something.");
            return Ok(cx.sample("model", &question).await?.text());
        }
        if declared.elicitation.is_some() {
            return name(cx, "user_name").await;
        }
        Ok("There is nobody to ask.".to_owned())
    }

    /// Asks for the background of a conversation.
    #[prompt]
    async fn test_input_required_result_prompt(&self, cx: &Context) -> Result<String> {
        Ok(match cx.elicit::<Background>("user_context", "What context should the prompt use?").await? {
            Elicitation::Accept(answer) => format!("With this in mind: {}", answer.context),
            _ => "With nothing in mind.".to_owned(),
        })
    }

    /// Samples for a client of an older revision.
    #[tool]
    async fn test_sampling(&self, prompt: String, cx: &Context) -> Result<String> {
        let answer = cx.sample("sampling", &CreateMessage::new(100, prompt)).await?;
        Ok(format!("LLM response: {}", answer.text()))
    }
}
