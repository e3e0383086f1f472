//! The calculator on AWS Lambda.

#[tokio::main]
async fn main() -> pmcp_lambda::Result {
    pmcp_lambda::run(calculator::server()).await
}
