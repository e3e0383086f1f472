use pmcp_core::prelude::*;

struct Crm;

#[server(name = "crm", version = "1.0.0")]
impl Crm {
    #[tool]
    fn show<T: ToString>(&self, value: T) -> String {
        value.to_string()
    }
}

fn main() {}
