//! The calculator, which speaks HTTP/2 too: tests and examples are compiled with that feature.

#[tokio::main]
async fn main() -> pmcp_cloudrun::Result {
    pmcp_cloudrun::run(calculator::server()).await
}
