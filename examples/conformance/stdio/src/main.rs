//! The conformance fixture over the standard streams of its process.

#[tokio::main]
async fn main() -> pmcp_stdio::Result {
    pmcp_stdio::run(conformance::server()).await
}
