use pmcp_core::prelude::*;

struct Crm;

#[server(name = "crm", version = "1.0.0")]
impl Crm {
    #[tool]
    fn find(&self, #[arg(description)] id: u64) -> u64 {
        id
    }
}

fn main() {}
