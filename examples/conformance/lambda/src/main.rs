//! The conformance fixture on AWS Lambda.

#[tokio::main]
async fn main() -> pmcp_lambda::Result {
    pmcp_lambda::run(conformance::server()).await
}
