use pmcp_core::prelude::*;

#[server(name = "crm", version = "1.0.0")]
struct Crm;

fn main() -> Result<(), BuildErrors> {
    Crm.into_builder().build()?;
    pmcp_core::testing::Client::new(Crm).map(drop)
}
