use pmcp_core::prelude::*;

struct Crm;

#[server(version = "1.0.0")]
impl Crm {}

fn main() {}
