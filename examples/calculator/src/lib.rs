//! A calculator that has one of everything: tools with plain and with structured results, progress, a resource
//! template with completion, and a prompt.

use std::time::Duration;

use pmcp_core::prelude::*;

/// The server, ready for any adapter.
pub fn server() -> impl IntoServer {
    Calculator
}

/// Knows arithmetic and a few constants; keeps no state.
pub struct Calculator;

/// What a division comes to.
#[derive(Serialize, JsonSchema)]
pub struct Division {
    /// How often the divisor fits into the dividend, rounded towards zero.
    quotient: i64,
    /// What is left, with the sign of the dividend.
    remainder: i64,
}

const CONSTANTS: [(&str, &str); 4] = [
    ("e", "2.718281828459045"),
    ("phi", "1.618033988749895"),
    ("pi", "3.141592653589793"),
    ("tau", "6.283185307179586"),
];

#[server(
    name = "calculator",
    title = "Calculator",
    version = env!("CARGO_PKG_VERSION"),
    instructions = "Exact integer arithmetic. Read calculator://constants/{name} for mathematical constants."
)]
impl Calculator {
    /// Add two integers.
    #[tool(read_only, idempotent, open_world = false)]
    fn add(&self, a: i64, b: i64) -> Result<i64, &'static str> {
        a.checked_add(b).ok_or(OVERFLOW)
    }

    /// Subtract `b` from `a`.
    #[tool(read_only, idempotent, open_world = false)]
    fn subtract(&self, a: i64, b: i64) -> Result<i64, &'static str> {
        a.checked_sub(b).ok_or(OVERFLOW)
    }

    /// Multiply two integers.
    #[tool(read_only, idempotent, open_world = false)]
    fn multiply(&self, a: i64, b: i64) -> Result<i64, &'static str> {
        a.checked_mul(b).ok_or(OVERFLOW)
    }

    /// Divide `a` by `b`, with a remainder.
    #[tool(read_only, idempotent, open_world = false)]
    fn divide(
        &self,
        #[arg(description = "The dividend.")] a: i64,
        #[arg(description = "The divisor, not zero.")] b: i64,
    ) -> Result<Json<Division>, &'static str> {
        if b == 0 {
            return Err("Division by zero: give a divisor other than 0.");
        }
        let quotient = a.checked_div(b).ok_or(OVERFLOW)?;
        let remainder = a.checked_rem(b).ok_or(OVERFLOW)?;
        Ok(Json(Division { quotient, remainder }))
    }

    /// Count down to zero, and report progress at each step.
    #[tool(read_only, idempotent, open_world = false)]
    async fn countdown(
        &self,
        /// Where to start.
        from: u32,
        /// How long to wait before each step, in milliseconds.
        delay_ms: u32,
        cx: &Context,
    ) -> String {
        for step in 1..=from {
            cx.sleep(Duration::from_millis(delay_ms.into())).await;
            cx.progress(step, from, format!("{} to go", from - step)).await;
        }
        format!("Counted down from {from}.")
    }

    /// A mathematical constant, as far as a double goes.
    #[resource("calculator://constants/{name}", mime_type = "text/plain")]
    fn constant(&self, #[arg(complete = constant_names)] name: &str) -> Option<&'static str> {
        CONSTANTS.iter().find(|(known, _)| *known == name).map(|(_, digits)| *digits)
    }

    fn constant_names(&self, typed: &str) -> Completion {
        Completion::starting_with(typed, CONSTANTS.map(|(name, _)| name))
    }

    /// Ask for a calculation to be explained step by step.
    #[prompt(title = "Explain a calculation")]
    fn explain_calculation(&self, #[arg(description = "For example 17 / 5.")] expression: &str) -> String {
        format!(
            "Explain step by step how to calculate {expression}. Use the calculator's tools for every operation, \
             and say what each result means."
        )
    }
}

const OVERFLOW: &str = "The result does not fit into 64 bits.";
