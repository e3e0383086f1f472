//! A method that `#[cfg]` leaves out is not registered.

use pmcp_core::{prelude::*, testing::Client};

struct Crm;

#[server(name = "crm", version = "1.0.0")]
impl Crm {
    #[cfg(any())]
    #[tool]
    fn never(&self, missing: NoSuchType) -> NoSuchType {
        missing
    }

    #[tool]
    #[cfg(not(any()))]
    fn always(&self) -> bool {
        true
    }

    #[cfg(any())]
    #[prompt]
    fn never_asked(&self, #[arg(complete = never_proposed)] name: &str) -> String {
        name.to_owned()
    }

    #[cfg(any())]
    fn never_proposed(&self, typed: &str) -> Vec<String> {
        vec![typed.to_owned()]
    }

    #[resource("crm://never")]
    #[cfg(any())]
    fn never_read(&self) -> String {
        String::new()
    }
}

fn main() {
    pollster::block_on(async {
        let client = Client::new(Crm).expect("a server");
        let tools = client.list_tools().await.expect("tools");
        assert_eq!(tools.iter().map(|tool| tool.name.as_str()).collect::<Vec<_>>(), ["always"]);
        assert!(client.list_prompts().await.is_err() && client.list_resources().await.is_err());
    });
}
