//! The notes over HTTP. Where several instances run, `REDIS_URL` names the Redis through which they tell each other.

use pmcp_core::Notifier;
use pmcp_redis::{Redis, RedisBus, RedisTaskStore};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let server = match std::env::var("REDIS_URL") {
        Ok(url) => {
            let redis = Redis::open(&url)?.with_prefix("notes");
            notes::server(Notifier::new(RedisBus::new(&redis))).task_store(RedisTaskStore::new(&redis))
        }
        Err(_) => notes::server(Notifier::local()),
    };
    Ok(pmcp_cloudrun::run(server).await?)
}
