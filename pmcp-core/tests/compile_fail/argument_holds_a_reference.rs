use pmcp_core::prelude::*;

struct Crm;

#[server(name = "crm", version = "1.0.0")]
impl Crm {
    #[tool]
    fn count(&self, names: Vec<&str>) -> usize {
        names.len()
    }
}

fn main() {}
