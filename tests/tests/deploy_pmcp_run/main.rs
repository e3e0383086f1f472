//! `cargo pmcp` from an empty folder to pmcp.run and back: the service is on loopback and held to its OpenAPI file, the
//! authorization server is a real one.

mod failures;
#[cfg(unix)]
mod journey;
#[cfg(unix)]
mod login;
mod place;
