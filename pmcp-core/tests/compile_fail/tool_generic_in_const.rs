use pmcp_core::prelude::*;

struct Crm;

#[server(name = "crm", version = "1.0.0")]
impl Crm {
    #[tool]
    fn show<const N: usize>(&self) -> usize {
        N
    }
}

fn main() {}
