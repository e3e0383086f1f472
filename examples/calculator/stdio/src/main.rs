//! The calculator inside an editor, which starts it and talks to it over its standard streams.

#[tokio::main]
async fn main() -> pmcp_stdio::Result {
    pmcp_stdio::run(calculator::server()).await
}
