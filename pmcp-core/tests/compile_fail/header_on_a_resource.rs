use pmcp_core::prelude::*;

struct Crm;

#[server(name = "crm", version = "1.0.0")]
impl Crm {
    #[resource("crm://customers/{id}")]
    fn customer(&self, #[arg(header = "Id")] id: String) -> String {
        id
    }
}

fn main() {}
