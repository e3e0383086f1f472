use pmcp_core::prelude::*;

struct Crm;

#[server(name = "crm", version = "1.0.0")]
impl Crm {
    #[tool]
    fn count(&self, _: u64) -> u64 {
        0
    }
}

fn main() {}
