use pmcp_core::prelude::*;

struct Crm;

#[derive(Debug)]
struct Unavailable;

#[server(name = "crm", version = "1.0.0")]
impl Crm {
    #[tool]
    fn count(&self) -> Result<u64, Unavailable> {
        Err(Unavailable)
    }
}

fn main() {}
