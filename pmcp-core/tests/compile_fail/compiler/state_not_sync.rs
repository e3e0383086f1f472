use pmcp_core::prelude::*;

struct Crm {
    count: std::cell::Cell<u64>,
}

#[server(name = "crm", version = "1.0.0")]
impl Crm {
    #[tool]
    fn count(&self) -> u64 {
        self.count.get()
    }
}

fn main() {}
