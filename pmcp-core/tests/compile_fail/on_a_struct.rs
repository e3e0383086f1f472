use pmcp_core::prelude::*;

#[server(name = "crm", version = "1.0.0")]
struct Other;

fn main() {}
