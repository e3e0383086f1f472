use pmcp_core::prelude::*;

struct Crm;

#[server(name = "crm", version = "1.0.0")]
impl Crm {
    #[resource = "crm://handbook"]
    fn handbook(&self) -> String {
        String::new()
    }
}

fn main() {}
