use pmcp_core::prelude::*;

struct Crm;

#[server(name = "crm", version = "1.0.0")]
impl Crm {
    #[prompt]
    fn greet(&self, #[arg(complete = names)] name: String) -> String {
        name
    }

    fn names(&self, typed: String) -> Vec<String> {
        vec![typed]
    }
}

fn main() {}
