//! What an answer repeats of whoever asks, as debug pages and firewalls do, is shown to nobody.

use super::{Folder, answers};

fn shown(folder: &Folder, arguments: &[&str], environment: &[(&str, &str)]) -> String {
    let mut command = folder.command(arguments);
    let output = command.envs(environment.iter().copied()).output().expect("starts");
    assert_eq!(output.status.code(), Some(1));
    String::from_utf8(output.stderr).expect("UTF-8")
}

#[test]
fn by_pmcp_run() {
    let folder = Folder::new("repeated-pmcp-run");
    folder.write(".pmcp/deploy.toml", "[target]\ntarget_type = \"pmcp-run\"\n[server]\nname = \"crm\"\n");
    let problem = r#"{"type":"about:blank","title":"bad Bearer T0K-en","detail":"bad header Bearer T0K-en"}"#;
    let head = "400 Bad Request\ncontent-type: application/problem+json";
    let base = answers::start(move |_, _| (head, problem.to_owned()));
    let words = shown(&folder, &["deploy", "status"], &[("PMCP_RUN_URL", &base), ("PMCP_RUN_TOKEN", "T0K-en")]);
    assert!(words.contains("error: pmcp.run refused: bad header Bearer (hidden) (status 400)\n"), "{words}");
}

#[test]
fn by_cloudflare() {
    let folder = Folder::new("repeated-cloudflare");
    folder.write(".pmcp/deploy.toml", "[target]\ntarget_type = \"cloudflare-workers\"\n[server]\nname = \"crm\"\n");
    folder.program("wrangler", "exit 0");
    let problem = r#"{"success":false,"errors":[{"code":1,"message":"bad header Bearer T0K-en"}]}"#;
    let base = answers::start(move |_, _| ("400 Bad Request", problem.to_owned()));
    let environment = [
        ("CLOUDFLARE_API_BASE_URL", &base as &str),
        ("CLOUDFLARE_API_TOKEN", "T0K-en"),
        ("CLOUDFLARE_ACCOUNT_ID", "0123456789abcdef0123456789abcdef"),
    ];
    let words = shown(&folder, &["deploy", "status"], &environment);
    assert!(words.contains(": bad header Bearer (hidden) [code: 1]\n") && !words.contains("T0K"), "{words}");
}

#[test]
fn by_a_registry() {
    let address = answers::start(|asked, own| match asked.split([' ', '?']).nth(1) {
        Some("/token") => ("503 Down", "down Basic b2F1dGgyYWNjZXNzdG9rZW46YWRhLXRva2Vu, that is ada-token".to_owned()),
        _ => (challenge(own), String::new()),
    });
    let address = address.trim_start_matches("http://");
    let folder = super::google::images::project(
        "repeated-registry",
        address,
        super::google::SERVICE,
        "*print-access-token*) echo ada-token ;;\n",
    );
    super::google::images::docker(&folder, "");
    let words = shown(&folder, &["deploy", "--yes", "--builder", "docker"], &[]);
    let told = format!(
        "the registry {address} did not take this login of p/crm/server: HTTP 503 down Basic (hidden), that is (hidden)\n"
    );
    assert!(words.contains(&told), "{words}");
}

/// Where the registry at `own` gives tokens.
fn challenge(own: &str) -> &'static str {
    format!("401 Unauthorized\nwww-authenticate: Bearer realm=\"{own}/token\",service=\"r\"").leak()
}
