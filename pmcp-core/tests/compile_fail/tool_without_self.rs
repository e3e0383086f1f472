use pmcp_core::prelude::*;

struct Crm;

#[server(name = "crm", version = "1.0.0")]
impl Crm {
    #[tool]
    fn add(a: i64, b: i64) -> i64 {
        a + b
    }
}

fn main() {}
