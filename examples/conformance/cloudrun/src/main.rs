//! The conformance fixture over HTTP.

#[tokio::main]
async fn main() -> pmcp_cloudrun::Result {
    pmcp_cloudrun::run(conformance::server()).await
}
