use pmcp_core::prelude::*;

struct Crm;

#[server(name = "crm", version = "1.0.0")]
impl Crm {
    #[tool]
    fn count(&self, cx: &mut Context) -> String {
        cx.request_id().to_string()
    }
}

fn main() {}
