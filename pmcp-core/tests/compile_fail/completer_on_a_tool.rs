use pmcp_core::prelude::*;

struct Crm;

#[server(name = "crm", version = "1.0.0")]
impl Crm {
    #[tool]
    fn customer(&self, #[arg(complete = customer_ids)] id: u64) -> String {
        id.to_string()
    }

    fn customer_ids(&self, typed: &str) -> Vec<String> {
        vec![typed.to_owned()]
    }
}

fn main() {}
