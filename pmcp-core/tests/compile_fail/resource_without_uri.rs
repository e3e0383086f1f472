use pmcp_core::prelude::*;

struct Crm;

#[server(name = "crm", version = "1.0.0")]
impl Crm {
    #[resource]
    fn customer(&self) -> String {
        String::new()
    }
}

fn main() {}
