//! Logins to services and authorization servers that are not what they seem.

use super::{CONFIG, Place};

#[test]
fn a_file_does_not_choose_whom_to_log_in_to() {
    let place = Place::new("pmcp-run-strangers", "http://127.0.0.1:9".into());
    place.folder.write(".pmcp/deploy.toml", &format!("{CONFIG}[pmcp_run]\nurl = \"{}\"\n", place.base));
    let login = |is_chosen: bool| {
        let mut command = place.command(&["deploy", "login"]);
        command.env_remove("PMCP_RUN_TOKEN");
        if !is_chosen {
            command.env_remove("PMCP_RUN_URL");
        }
        super::told(&command.output().expect("starts"))
    };
    let words = "error: .pmcp/deploy.toml names a service of its own to log in to: http://127.0.0.1:9\nset PMCP_RUN_URL to that \
                 address too, if you trust it\n";
    assert_eq!(login(false), (Some(5), words.into()));
    let (code, words) = login(true);
    assert!(code == Some(1) && words.starts_with("error: pmcp.run cannot be reached at http://127.0.0.1:9"), "{words}");
}
