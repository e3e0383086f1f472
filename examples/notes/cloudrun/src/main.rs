//! The notes over HTTP. Where several instances run, `REDIS_URL` names the Redis through which they tell each other and
//! where they keep their tasks; with `PMCP_SESSIONS=shared` they share the sessions of older clients there too.

use pmcp_cloudrun::Config;
use pmcp_core::Notifier;
use pmcp_redis::{Redis, RedisBus, RedisSessionStore, RedisTaskStore};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let config = Config::from_env()?;
    let Ok(url) = std::env::var("REDIS_URL") else {
        return Ok(pmcp_cloudrun::run_with(notes::server(Notifier::local()), config).await?);
    };
    let redis = Redis::open(&url)?.with_prefix("notes");
    let server = notes::server(Notifier::new(RedisBus::new(&redis))).task_store(RedisTaskStore::new(&redis));
    Ok(pmcp_cloudrun::run_with(server, config.share_sessions(RedisSessionStore::new(&redis))).await?)
}
