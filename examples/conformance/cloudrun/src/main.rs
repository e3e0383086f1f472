//! The fixture over HTTP; with `REDIS_URL` and `PMCP_SESSIONS=shared`, several instances of it share sessions.

use pmcp_redis::{Redis, RedisSessionStore};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut config = pmcp_cloudrun::Config::from_env()?;
    if let Ok(url) = std::env::var("REDIS_URL") {
        config = config.share_sessions(RedisSessionStore::new(&Redis::open(&url)?.with_prefix("conformance")));
    }
    Ok(pmcp_cloudrun::run_with(conformance::server(), config).await?)
}
