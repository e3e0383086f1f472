use pmcp_core::prelude::*;

struct Crm;

struct Customer;

#[server(name = "crm", version = "1.0.0")]
impl Crm {
    #[tool]
    fn customer(&self) -> Customer {
        Customer
    }
}

fn main() {}
