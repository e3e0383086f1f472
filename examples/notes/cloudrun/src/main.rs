//! The notes over HTTP. Where several instances run, `REDIS_URL` names the Redis through which they tell each other.

use pmcp_core::Notifier;
use pmcp_redis::{Redis, RedisBus};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let notifier = match std::env::var("REDIS_URL") {
        Ok(url) => Notifier::new(RedisBus::new(&Redis::open(&url)?.with_prefix("notes"))),
        Err(_) => Notifier::local(),
    };
    Ok(pmcp_cloudrun::run(notes::server(notifier)).await?)
}
