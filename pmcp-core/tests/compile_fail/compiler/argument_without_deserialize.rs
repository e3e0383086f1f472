use pmcp_core::prelude::*;

struct Crm;

#[derive(JsonSchema)]
struct Filter {
    city: String,
}

#[server(name = "crm", version = "1.0.0")]
impl Crm {
    #[tool]
    fn find(&self, filter: Filter) -> String {
        filter.city
    }
}

fn main() {}
