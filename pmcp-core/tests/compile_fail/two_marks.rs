use pmcp_core::prelude::*;

struct Crm;

#[server(name = "crm", version = "1.0.0")]
impl Crm {
    #[tool]
    #[prompt]
    fn greet(&self, name: String) -> String {
        name
    }
}

fn main() {}
