use pmcp_core::prelude::*;

struct Crm;

#[server(name = "crm", version = "1.0.0")]
impl Crm {
    fn find(&self, #[arg(name = "a")] id: u64) -> u64 {
        id
    }
}

fn main() {}
