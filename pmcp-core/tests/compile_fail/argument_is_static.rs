use pmcp_core::prelude::*;

struct Crm;

#[server(name = "crm", version = "1.0.0")]
impl Crm {
    #[tool]
    fn length(&self, text: &'static str) -> usize {
        text.len()
    }
}

fn main() {}
