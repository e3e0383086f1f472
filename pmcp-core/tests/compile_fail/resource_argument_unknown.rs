use pmcp_core::prelude::*;

struct Crm;

#[server(name = "crm", version = "1.0.0")]
impl Crm {
    #[resource("crm://customers/{id}")]
    fn customer(&self, customer: u64) -> String {
        customer.to_string()
    }
}

fn main() {}
