use pmcp_core::prelude::*;

struct Crm;

#[derive(Serialize)]
struct Customer {
    name: String,
}

#[server(name = "crm", version = "1.0.0")]
impl Crm {
    #[tool]
    fn customer(&self) -> Result<Json<Customer>> {
        Ok(Json(Customer { name: String::new() }))
    }
}

fn main() {}
