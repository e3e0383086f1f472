//! What a loan costs: the model gets the figures, and the person a view in which to try others (MCP Apps).

use pmcp_core::prelude::*;

/// The server, ready for any adapter.
pub fn server() -> impl IntoServer {
    Loans
}

struct Loans;

/// What a loan costs. Amounts are in the currency of what was borrowed.
#[derive(Serialize, Deserialize, JsonSchema)]
struct Loan {
    /// What is borrowed.
    amount: f64,
    /// Percent a year.
    rate: f64,
    /// How long it is paid back.
    years: u32,
    /// What is paid each month.
    monthly: f64,
    /// What is paid in all.
    total: f64,
    /// How much of it is interest.
    interest: f64,
}

/// What is still owed.
#[derive(Serialize, Deserialize, JsonSchema)]
struct Balances {
    /// At the start, and at the end of each year.
    owed: Vec<f64>,
}

#[server(
    name = "loan",
    title = "Loan",
    version = env!("CARGO_PKG_VERSION"),
    instructions = "Works out loans that are paid back in equal monthly instalments. In the view of a loan the person \
                    may try other figures."
)]
impl Loans {
    /// Work out what a loan costs that is paid back in equal monthly instalments.
    #[tool(read_only, idempotent, open_world = false, ui = "ui://loan/view")]
    fn loan(
        &self,
        #[arg(description = "What is borrowed, in any currency.")] amount: f64,
        #[arg(description = "Percent a year, 0 to 100.")] rate: f64,
        #[arg(description = "How long it is paid back, 1 to 50.")] years: u32,
    ) -> Result<Json<Loan>, &'static str> {
        let monthly = instalment(amount, rate, years)?;
        let total = monthly * f64::from(years * 12);
        Ok(Json(Loan {
            amount,
            rate,
            years,
            monthly: cents(monthly),
            total: cents(total),
            interest: cents(total - amount),
        }))
    }

    /// What is owed at the end of each year: what the view draws, and too much for a conversation.
    #[tool(read_only, idempotent, open_world = false, visibility = app)]
    fn balances(&self, amount: f64, rate: f64, years: u32) -> Result<Json<Balances>, &'static str> {
        let monthly = instalment(amount, rate, years)?;
        let year = |owed: f64| (0..12).fold(owed, |owed, _month| owed * (1.0 + rate / 1200.0) - monthly);
        let owed = std::iter::successors(Some(amount), |owed| Some(year(*owed)));
        Ok(Json(Balances { owed: owed.take(years as usize + 1).map(cents).collect() }))
    }

    /// The figures of a loan, to be changed.
    #[resource("ui://loan/view", title = "Loan", ttl_ms = 3_600_000, public)]
    fn view(&self) -> View {
        View::html(include_str!("view.html")).with_border(true)
    }
}

/// What is paid each month.
fn instalment(amount: f64, rate: f64, years: u32) -> Result<f64, &'static str> {
    if !(amount > 0.0 && amount <= 1e12) {
        return Err("The amount must be more than 0, and at most a trillion.");
    }
    if !(0.0..=100.0).contains(&rate) {
        return Err("The rate must be 0 to 100 percent a year.");
    }
    if !(1..=50).contains(&years) {
        return Err("A loan is paid back in 1 to 50 years.");
    }
    let months = f64::from(years * 12);
    let monthly_rate = rate / 1200.0;
    if monthly_rate == 0.0 {
        return Ok(amount / months);
    }
    Ok(amount * monthly_rate / (1.0 - (1.0 + monthly_rate).powf(-months)))
}

fn cents(amount: f64) -> f64 {
    // Not -0.0, which the last instalment may leave.
    (amount * 100.0).round() / 100.0 + 0.0
}

#[cfg(test)]
mod tests {
    use pmcp_core::{serde_json::json, testing::Client};

    use super::*;

    #[test]
    fn a_loan_is_paid_back() {
        let client = Client::new(server()).unwrap_or_else(|errors| panic!("{errors}"));
        pollster::block_on(async {
            let house = json!({ "amount": 300_000, "rate": 4.5, "years": 30 });
            let loan = client.call_tool("loan", house.clone()).await.expect("a result");
            let loan: Loan = loan.structured_as().expect("a loan");
            // As any table of annuities has it.
            assert_eq!((loan.monthly, loan.interest), (1520.06, 247_220.13));
            let balances = client.call_tool("balances", house).await.expect("a result");
            let Balances { owed } = balances.structured_as().expect("balances");
            assert_eq!((owed.len(), owed.first(), owed.last()), (31, Some(&300_000.0), Some(&0.0)));

            let free = client.call_tool("loan", json!({ "amount": 1200, "rate": 0, "years": 1 })).await;
            let free: Loan = free.expect("a result").structured_as().expect("a loan");
            assert_eq!((free.monthly, free.interest), (100.0, 0.0));
        });
    }

    #[test]
    fn what_is_no_loan_is_refused_in_words() {
        let client = Client::new(server()).unwrap_or_else(|errors| panic!("{errors}"));
        for (amount, rate, years, word) in
            [(0.0, 4.0, 10, "amount"), (1e13, 4.0, 10, "amount"), (1.0, 101.0, 10, "rate"), (1.0, 4.0, 51, "years")]
        {
            let arguments = json!({ "amount": amount, "rate": rate, "years": years });
            for tool in ["loan", "balances"] {
                let result = pollster::block_on(client.call_tool(tool, arguments.clone())).expect("a result");
                assert!(result.is_error && result.to_text().contains(word), "{result:?}");
            }
        }
    }
}
