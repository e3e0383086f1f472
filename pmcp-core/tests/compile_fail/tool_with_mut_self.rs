use pmcp_core::prelude::*;

struct Crm;

#[server(name = "crm", version = "1.0.0")]
impl Crm {
    #[tool]
    async fn count(&mut self) -> u64 {
        0
    }
}

fn main() {}
