//! What is asked in every benchmark, how it is measured, and what comes of it.

pub mod builds;
pub mod cores;
pub mod cost;
pub mod endpoint;
pub mod from_clone;
pub mod http;
pub mod in_core;
pub mod load;
pub mod machine;
pub mod micro;
pub mod on_lambda;
pub mod on_workers;
pub mod over_http;
pub mod plot;
pub mod process;
pub mod report;
pub mod request;
pub mod runtime_api;
pub mod servers;
pub mod statistics;
pub mod table;
pub mod targets;

/// Why a benchmark was not done, in words for its reader.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

/// What a benchmark came to.
pub type Result<T> = std::result::Result<T, Failure>;
