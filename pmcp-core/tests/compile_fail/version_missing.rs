use pmcp_core::prelude::*;

struct Crm;

#[server(name = "crm")]
impl Crm {}

fn main() {}
