use pmcp_core::{Server, skills};

fn main() {
    let _ = Server::builder("crm", "1.0.0").skills(skills!("no/such/folder"));
}
