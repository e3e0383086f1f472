use pmcp_core::prelude::*;

struct Crm;

#[server(name = "crm", version = "1.0.0")]
impl Default for Crm {
    fn default() -> Self {
        Self
    }
}

fn main() {}
