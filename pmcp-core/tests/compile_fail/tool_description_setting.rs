use pmcp_core::prelude::*;

struct Crm;

#[server(name = "crm", version = "1.0.0")]
impl Crm {
    #[tool(description = "Counts the customers.")]
    fn count(&self) -> u64 {
        0
    }
}

fn main() {}
