use pmcp_core::prelude::*;

struct Crm;

#[server(name = "crm", version = "1.0.0")]
impl Crm {
    /// Count.
    #[tool(readonly)]
    fn count(&self) -> u64 {
        0
    }
}

fn main() -> Result<(), BuildErrors> {
    Crm.into_builder().build()?;
    pmcp_core::testing::Client::new(Crm).map(drop)
}
