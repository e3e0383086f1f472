//! `cargo pmcp` from an empty folder to Cloudflare Workers and back: the real wrangler against a stub of Cloudflare's API.

mod dev;
mod journey;
mod place;
mod versions;
