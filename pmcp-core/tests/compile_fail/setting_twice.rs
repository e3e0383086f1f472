use pmcp_core::prelude::*;

struct Crm;

#[server(name = "crm", version = "1.0.0", name = "other")]
impl Crm {}

fn main() {}
