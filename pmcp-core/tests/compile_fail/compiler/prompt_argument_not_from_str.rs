use pmcp_core::prelude::*;

struct Crm;

#[server(name = "crm", version = "1.0.0")]
impl Crm {
    #[prompt]
    fn greet(&self, names: Vec<String>) -> String {
        names.join(", ")
    }
}

fn main() {}
