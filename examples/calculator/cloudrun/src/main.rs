//! The calculator over HTTP: on Cloud Run, in any container, or on your own machine.

#[tokio::main]
async fn main() -> pmcp_cloudrun::Result {
    pmcp_cloudrun::run(calculator::server()).await
}
