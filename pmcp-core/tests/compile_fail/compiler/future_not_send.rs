use pmcp_core::prelude::*;

struct Crm;

#[server(name = "crm", version = "1.0.0")]
impl Crm {
    #[tool]
    async fn count(&self) -> u64 {
        let counter = std::rc::Rc::new(1);
        std::future::ready(()).await;
        *counter
    }
}

fn main() {}
