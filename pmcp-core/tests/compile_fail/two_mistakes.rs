use pmcp_core::prelude::*;

struct Crm;

#[server(name = "crm", version = "1.0.0")]
impl Crm {
    #[tool(readonly)]
    fn count(&self) -> u64 {
        0
    }

    #[tool]
    fn length(&self, bytes: &[u8]) -> usize {
        bytes.len()
    }
}

fn main() {}
