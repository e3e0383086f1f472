use pmcp_core::prelude::*;

struct Crm;

#[derive(JsonSchema)]
struct Customer {
    name: String,
}

#[server(name = "crm", version = "1.0.0")]
impl Crm {
    #[tool]
    fn customer(&self) -> Json<Customer> {
        Json(Customer { name: String::new() })
    }
}

fn main() {}
