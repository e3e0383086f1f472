use pmcp_core::prelude::*;

struct Crm;

#[server(name = "crm", version = "1.0.0")]
impl Crm {
    #[prompt]
    fn greet(&self, name: String, #[arg(name = "name")] other: String) -> String {
        name + &other
    }
}

fn main() {}
