//! What a loan costs, over HTTP.

#[tokio::main]
async fn main() -> pmcp_cloudrun::Result {
    pmcp_cloudrun::run(loan::server()).await
}
