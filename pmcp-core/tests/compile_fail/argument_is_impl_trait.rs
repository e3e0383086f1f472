use pmcp_core::prelude::*;

struct Crm;

#[server(name = "crm", version = "1.0.0")]
impl Crm {
    #[tool]
    fn show(&self, value: impl ToString) -> String {
        value.to_string()
    }
}

fn main() {}
