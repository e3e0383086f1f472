//! What a million calls cost, from the processor time and the latency measured and the prices in `prices.json`.

use serde_json::Value;

use crate::{Result, on_workers, report::Report};

/// The table of the costs.
const TABLE: &str = "Cost of a million calls of `tools/call`, $";

/// Adds what each server costs on its platform; what was not measured costs nothing and is left out.
///
/// # Errors
/// Where the price list cannot be read.
pub fn estimate(report: &mut Report, http: &str, lambda: &str) -> Result<()> {
    let prices: Value = serde_json::from_str(include_str!("../prices.json"))?;
    let price = |platform: &str, name: &str| -> Result<f64> {
        prices[platform][name].as_f64().ok_or_else(|| format!("prices.json has no {platform}.{name}").into())
    };
    let million = 1e6;
    for figure in report.figures.clone() {
        let (column, compute, requests) = match (figure.table, figure.what.as_str()) {
            // Billed by whole milliseconds.
            (table, "tools/call: p50, ms") if table == lambda => {
                let seconds = figure.value.max(1.0).ceil() / 1e3 * million;
                let compute = seconds * price("lambda", "memory_gb")? * price("lambda", "usd_per_gb_second")?;
                ("AWS Lambda", compute, price("lambda", "usd_per_million_requests")?)
            }
            (table, "tools/call, 16 open: CPU an answer, µs") if table == http => {
                let memory = price("cloud_run", "memory_gib")? * price("cloud_run", "usd_per_gib_second")?;
                let second = price("cloud_run", "usd_per_vcpu_second")? + memory;
                ("Google Cloud Run", figure.value * second, price("cloud_run", "usd_per_million_requests")?)
            }
            (on_workers::TABLE, "tools/call, 16 open: CPU an answer, µs") => {
                let compute = figure.value / 1e3 * price("workers", "usd_per_million_cpu_ms")?;
                ("Cloudflare Workers", compute, price("workers", "usd_per_million_requests")?)
            }
            _ => continue,
        };
        report.figure(TABLE, &figure.server, format!("{column}: computing"), compute);
        report.figure(TABLE, &figure.server, format!("{column}: with the price of requests"), compute + requests);
    }
    let read_on = prices["read_on"].as_str().unwrap_or("an unknown day");
    report.note(format!(
        "Costs are list prices as of {read_on}, from where prices.json says; this \
         machine's processor time is taken for the platform's, and Cloud Run's instance for one that is always busy."
    ));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lambda_bills_a_whole_millisecond() {
        let mut report = Report::default();
        report.figure("AWS Lambda", "pmcp", "tools/call: p50, ms", 0.05);
        estimate(&mut report, "HTTP", "AWS Lambda").expect("prices");
        let computing = report.figures.iter().find(|figure| figure.what == "AWS Lambda: computing").expect("a cost");
        assert!((computing.value - 0.00208).abs() < 0.0001, "{computing:?}");
    }
}
