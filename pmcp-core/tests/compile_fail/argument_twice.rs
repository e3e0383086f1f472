use pmcp_core::prelude::*;

struct Crm;

#[server(name = "crm", version = "1.0.0")]
impl Crm {
    #[tool]
    fn add(&self, #[arg(name = "a")] first: i64, #[arg(name = "a")] second: i64) -> i64 {
        first + second
    }
}

fn main() {}
