use pmcp_core::prelude::*;

struct Docs;

#[server(name = "docs", version = "1.0.0")]
impl Docs {
    /// A page.
    #[resource("docs://{id")]
    fn page(&self, id: String) -> String {
        id
    }

    /// A chapter.
    #[resource("docs://{book/{chapter}")]
    fn chapter(&self, chapter: String) -> String {
        chapter
    }
}

fn main() {}
