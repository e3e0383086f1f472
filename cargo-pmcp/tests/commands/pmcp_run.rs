//! The files and the plan of the target pmcp-run, and what is said of a login that is not this program's.

use std::fs;

use super::{Folder, assert_snapshot};

#[test]
fn what_is_written_and_planned_is_what_it_was() {
    let folder = Folder::new("pmcp-run");
    folder.write("Cargo.toml", "[workspace]\n");
    let package = r#"{"name":"crm-cloudrun","dependencies":[{"name":"pmcp-cloudrun"}]}"#;
    folder.program("cargo", &format!("echo '{{\"packages\":[{package}],\"target_directory\":\"target\"}}'"));
    folder.printed(&["deploy", "init", "--target", "pmcp-run", "--name", "crm"]);
    let mut shown = fs::read_to_string(folder.0.join(".pmcp/deploy.toml")).expect("was written");
    // Not this machine's, whose own compiler would do.
    let (other, rust) = if cfg!(target_arch = "x86_64") { ("arm64", "aarch64") } else { ("x86_64", "x86_64") };
    let config = "[target]\ntarget_type = \"pmcp-run\"\n[server]\nname = \"crm\"\n[pmcp_run]\narchitecture = \"OTHER\"\n\
                  memory_mb = 512\n[environment]\nGREETING = \"Hello\"\n[secrets]\nKEY = {}\n";
    folder.write(".pmcp/deploy.toml", &config.replace("OTHER", other));
    folder.program("cargo-zigbuild", "exit 1");
    let plan = folder.printed(&["deploy", "--dry-run"]);
    assert!(!plan.contains("Hello"), "values stay out of what is printed: {plan}");
    shown.push_str(&format!("\n=== the plan\n{}", plan.replace(rust, "OTHER").replace(other, "OTHER")));
    assert_snapshot("pmcp-run.txt", &shown);
    assert!(!folder.0.join("home").exists(), "nobody was asked for a login");
}

#[test]
fn a_login_of_another_program_is_ended_there() {
    let folder = Folder::new("logout");
    folder.config();
    assert_eq!(
        folder.refused(&["deploy", "logout"]),
        (
            Some(5),
            "error: the login to AWS Lambda belongs to a program that others use as well\nend it there: aws sso logout\n".into()
        )
    );
    assert_eq!(
        folder.printed(&["deploy", "logout", "--target", "pmcp-run"]),
        "no login to 127.0.0.1:9 was kept here\n"
    );
}
