use pmcp_core::prelude::*;

struct Crm;

#[server(name = "crm", version = "1.0.0", capabilities = "tools")]
impl Crm {}

fn main() {}
