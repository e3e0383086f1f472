use pmcp_core::prelude::*;

struct Crm;

#[server(name = "crm", version = "1.0.0")]
impl Crm {
    #[tool(ui)]
    async fn find(&self) -> &'static str {
        "found"
    }
}

fn main() {}
