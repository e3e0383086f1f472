//! A project that goes from one platform to another: what becomes of its files, and what would be deployed.

use std::fs;
use std::path::Path;

use super::Folder;

const ACCOUNT: &str = "0123456789abcdef0123456789abcdef";

/// A server that was made for AWS Lambda, with the real cargo, and programs that nobody may ask anything.
fn project(name: &str) -> Folder {
    let mut folder = Folder::new(name);
    folder.program("cargo", &format!("exec {} \"$@\"", env!("CARGO")));
    for program in ["aws", "gcloud", "wrangler"] {
        folder.program(program, &format!("echo \"{program} $@\" >> {}/asked; exit 1", folder.0.display()));
    }
    // Whatever machine this is, it builds for the platform.
    for program in ["cargo-lambda", "cargo-zigbuild", "zig", "worker-build"] {
        folder.program(program, "exit 0");
    }
    let checkout =
        Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace is above").display().to_string();
    folder.printed(&["new", "crm", "--target", "aws-lambda", "--path", &checkout]);
    let root = folder.0.join("crm");
    fs::rename(folder.0.join("bin"), root.join("bin")).expect("is moved");
    folder.0 = root;
    folder.printed(&["deploy", "init", "--target", "aws-lambda", "--region", "eu-central-1"]);
    folder
}

fn read(folder: &Folder, path: &str) -> String {
    fs::read_to_string(folder.0.join(path)).expect("is there")
}

/// What was asked of a platform; which project gcloud is set to, it knows by itself.
fn asked(folder: &Folder) -> String {
    let all = fs::read_to_string(folder.0.parent().expect("a folder").join("asked")).unwrap_or_default();
    all.replace("gcloud config get-value project\n", "")
}

#[test]
fn from_lambda_to_google_and_back() {
    let folder = project("move-to-google");
    let before = read(&folder, ".pmcp/deploy.toml");
    // Half-way: nothing is there for it yet, and the way is said.
    let (code, words) = folder.refused(&["deploy", "--target", "google-cloud-run", "--dry-run"]);
    let advice = "error: no package here uses pmcp-cloudrun: crm, crm-lambda\n`cargo pmcp deploy init --target \
                  google-cloud-run`, or `--target pmcp-run` writes one, and makes that the project's target; or";
    assert!(code == Some(5) && words.starts_with(advice), "{words}");

    let place = ["--project", "ada-project", "--region", "europe-west1"];
    let init = [&["deploy", "init", "--target", "google-cloud-run"][..], &place].concat();
    let what = "target_type is google-cloud-run, [gcp] is at its end; nothing else was touched\n";
    let plan = folder.printed(&[&init[..], &["--dry-run"]].concat());
    assert!(plan.contains(&format!("change  .pmcp/deploy.toml\n        {what}")), "{plan}");
    assert_eq!(read(&folder, ".pmcp/deploy.toml"), before);
    let printed = folder.printed(&init);
    assert!(printed.contains(&format!("changed .pmcp/deploy.toml: {what}")), "{printed}");
    assert!(printed.contains("wrote google-cloud-run/src/main.rs\n"), "{printed}");
    let moved = before.replace("\"aws-lambda\"", "\"google-cloud-run\"");
    let section = "\n[gcp]\nproject = \"ada-project\"\nregion = \"europe-west1\"\n# cpu = 1\n";
    let found = read(&folder, ".pmcp/deploy.toml");
    assert!(found.starts_with(&format!("{moved}{section}")) && found.matches("[secrets]").count() == 1, "{found}");
    let plan = folder.printed(&["deploy", "--dry-run"]);
    assert!(plan.contains("change  the service crm of Cloud Run in europe-west1 of ada-project\n"), "{plan}");

    // Nothing is written twice, and what the section says is not written over.
    assert_eq!(folder.printed(&init), "left alone, as you changed it: .pmcp/deploy.toml\n");
    let words = "error: .pmcp/deploy.toml is there already, and says crm in europe-west1 of ada-project\nchange that under [gcp] in \
                 the file, or leave out what says otherwise here\n";
    let elsewhere = ["deploy", "init", "--region", "us-east1"];
    assert_eq!(folder.refused(&elsewhere), (Some(5), words.into()));
    // What it was before can still be looked after, and be again.
    let plan = folder.printed(&["deploy", "--target", "aws-lambda", "--dry-run"]);
    assert!(plan.contains("change  the CloudFormation stack crm in eu-central-1\n"), "{plan}");
    let back = folder.printed(&["deploy", "init", "--target", "aws-lambda"]);
    assert_eq!(back, "changed .pmcp/deploy.toml: target_type is aws-lambda; nothing else was touched\n");
    assert_eq!(read(&folder, ".pmcp/deploy.toml"), found.replace("\"google-cloud-run\"", "\"aws-lambda\""));
    assert_eq!(asked(&folder), "");
}

#[test]
fn from_lambda_to_workers_and_to_pmcp_run() {
    let folder = project("move-to-workers");
    let more = "\n[environment]\nMOOD = \"b\"\nPMCP_TIME_LIMIT_MS = \"1000\"\n\n[secrets]\nKEY = {}\n";
    folder.write(".pmcp/deploy.toml", &(read(&folder, ".pmcp/deploy.toml") + more));
    let init = ["deploy", "init", "--target", "cloudflare-workers", "--account", ACCOUNT];
    let note = "note: a Worker has no environment, so `std::env::var` finds nothing there: the code reads MOOD with \
                `env.var(…)` and KEY with `env.secret(…)`, where `env` is `cx.extension::<worker::Env>()`\n";
    assert!(folder.printed(&[&init[..], &["--dry-run"]].concat()).contains(note));
    let output = folder.run(&init);
    let (printed, words) = (String::from_utf8(output.stdout), String::from_utf8(output.stderr));
    let (printed, words) = (printed.expect("UTF-8"), words.expect("UTF-8"));
    assert!(words.contains(note), "{words}");
    for line in ["wrote cloudflare-workers/wrangler.toml\n", "wrote cloudflare-workers/src/lib.rs\n"] {
        assert!(printed.contains(line), "{printed}");
    }
    assert!(
        read(&folder, ".pmcp/deploy.toml")
            .contains(&format!("\n\n[cloudflare]\naccount_id = \"{ACCOUNT}\"\n# custom_"))
    );
    assert!(read(&folder, "Cargo.toml").contains("[profile.workers]"));
    let plan = folder.printed(&["deploy", "--dry-run"]);
    assert!(plan.contains(&format!("change  the Worker crm in the account {ACCOUNT}\n")), "{plan}");
    assert_eq!(folder.printed(&init), "left alone, as you changed it: .pmcp/deploy.toml\n");

    folder.printed(&["deploy", "init", "--target", "pmcp-run"]);
    assert!(read(&folder, ".pmcp/deploy.toml").contains("\n\n[pmcp_run]\n# url = "));
    let plan = folder.printed(&["deploy", "--dry-run"]);
    assert!(plan.contains("change  the server crm in 127.0.0.1:9\n"), "{plan}");
    assert_eq!(asked(&folder), "");
}

/// A file of its author's own, with nothing but what must be there.
#[test]
fn a_place_is_added_where_none_was_named() {
    let folder = Folder::new("move-nowhere");
    folder.write("Cargo.toml", "[workspace]\n");
    super::halfway::cargo(&folder, "exit 0");
    folder.config();
    let before = read(&folder, ".pmcp/deploy.toml");
    folder.printed(&["deploy", "init"]);
    assert_eq!(read(&folder, ".pmcp/deploy.toml"), before, "the usual region needs no line");
    let printed = folder.printed(&["deploy", "init", "--region", "eu-central-1"]);
    assert_eq!(printed, "changed .pmcp/deploy.toml: [aws] is at its end; nothing else was touched\n");
    assert!(read(&folder, ".pmcp/deploy.toml").starts_with(&format!("{before}\n[aws]\nregion = \"eu-central-1\"\n")));
    let (code, words) = folder.refused(&["deploy", "init", "--region", "eu-west-1"]);
    let advice =
        "and says crm in eu-central-1\nchange that under [aws] in the file, or leave out what says otherwise here\n";
    assert!(code == Some(5) && words.ends_with(advice), "{words}");
}

/// What `init` wrote by itself, and nobody has changed since, is nobody's word.
#[test]
fn a_place_is_told_later() {
    let folder = Folder::new("move-later");
    folder.write("Cargo.toml", "[workspace]\n");
    super::halfway::cargo(&folder, "exit 0");
    folder.printed(&["deploy", "init", "--target", "aws-lambda", "--name", "crm"]);
    let before = read(&folder, ".pmcp/deploy.toml");
    let printed = folder.printed(&["deploy", "init", "--region", "eu-central-1"]);
    let what = "changed .pmcp/deploy.toml: region is eu-central-1; nothing else was touched\n";
    assert!(printed.starts_with(what), "{printed}");
    assert_eq!(read(&folder, ".pmcp/deploy.toml"), before.replace("\"us-east-1\"", "\"eu-central-1\""));
    // Once something is deployed there, it is meant.
    let record = r#"{"target_type":"aws-lambda","name":"crm","region":"eu-central-1"}"#;
    folder.write(".pmcp/deployed.json", record);
    let words = "error: .pmcp/deploy.toml is there already, and says crm in eu-central-1\nchange that under [aws] in the file, or \
                 leave out what says otherwise here\n";
    assert_eq!(folder.refused(&["deploy", "init", "--region", "eu-west-1"]), (Some(5), words.into()));

    // A file that was changed is added to.
    let folder = Folder::new("move-later-changed");
    folder.write("Cargo.toml", "[workspace]\n");
    super::halfway::cargo(&folder, "exit 0");
    folder.printed(&["deploy", "init", "--target", "cloudflare-workers", "--name", "crm"]);
    let before = format!("{}# mine\n", read(&folder, ".pmcp/deploy.toml"));
    folder.write(".pmcp/deploy.toml", &before);
    let init = ["deploy", "init", "--account", ACCOUNT];
    let plan = folder.printed(&[&init[..], &["--dry-run"]].concat());
    assert!(plan.contains(&format!("account_id is {ACCOUNT}; nothing else was touched\n")), "{plan}");
    assert_eq!(read(&folder, ".pmcp/deploy.toml"), before);
    folder.printed(&init);
    let hint = before.lines().find(|line| line.starts_with("# account_id = ")).expect("a hint");
    let after = before.replace(hint, &format!("account_id = \"{ACCOUNT}\""));
    assert_eq!(read(&folder, ".pmcp/deploy.toml"), after);
    let other = ["deploy", "init", "--account", "fedcba9876543210fedcba9876543210"];
    assert_eq!(folder.refused(&other).0, Some(5), "it says one");
    folder.printed(&init);
    assert_eq!(read(&folder, ".pmcp/deploy.toml"), after);
}
