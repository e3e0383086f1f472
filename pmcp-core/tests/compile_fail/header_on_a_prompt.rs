use pmcp_core::prelude::*;

struct Crm;

#[server(name = "crm", version = "1.0.0")]
impl Crm {
    #[prompt]
    fn greet(&self, #[arg(header = "Name")] name: String) -> String {
        name
    }
}

fn main() {}
