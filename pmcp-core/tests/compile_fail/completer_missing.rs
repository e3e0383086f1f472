use pmcp_core::prelude::*;

struct Crm;

#[server(name = "crm", version = "1.0.0")]
impl Crm {
    #[resource("crm://customers/{id}")]
    fn customer(&self, #[arg(complete = customer_ids)] id: u64) -> String {
        id.to_string()
    }
}

fn main() {}
