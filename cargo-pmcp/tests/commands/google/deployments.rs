//! Deployments that somebody or something comes in between of: what was made until then, and what is said of it.

use std::fs;

use super::images::{project, registry};
use super::{CONFIG, Folder, NO_SERVICE, SERVICE};
use crate::not_known;

const DEPLOY: [&str; 4] = ["deploy", "--yes", "--builder", "cloud-build"];

/// Branches of gcloud's: one secret that has a value.
const SECRET: &str = "*'secrets describe'*) echo '{\"name\":\"crm-KEY\",\"labels\":{\"pmcp-server\":\"crm\"}}' ;;\n\
                      *'versions list'*) echo '[{\"name\":\"projects/1/secrets/crm-KEY/versions/1\"}]' ;;\n\
                      *'projects describe'*) echo '{\"projectNumber\":\"1\"}' ;;\n";

/// What gcloud was told, as the names of its commands.
fn calls(folder: &Folder) -> Vec<String> {
    let calls = fs::read_to_string(folder.0.join("calls")).expect("was called");
    calls.lines().map(|line| line.split(' ').take(3).collect::<Vec<_>>().join(" ")).collect()
}

fn count(calls: &[String], name: &str) -> usize {
    calls.iter().filter(|call| call.starts_with(name)).count()
}

#[test]
fn a_right_is_given_once_there_is_an_image() {
    let failing = format!("{SECRET}*'builds submit'*) exit 1 ;;\n");
    let folder = project("google-grant-late", &registry(), SERVICE, &failing);
    folder.write(".pmcp/deploy.toml", &format!("{CONFIG}[secrets]\nKEY = {{}}\n"));
    assert_eq!(folder.refused(&DEPLOY).0, Some(1));
    assert_eq!(count(&calls(&folder), "secrets add-iam-policy-binding"), 0);

    let folder = project("google-grant", &registry(), SERVICE, SECRET);
    folder.write(".pmcp/deploy.toml", &format!("{CONFIG}[secrets]\nKEY = {{}}\n"));
    folder.printed(&DEPLOY);
    let calls = calls(&folder);
    let place = |name: &str| calls.iter().position(|call| call.starts_with(name)).expect(name);
    assert!(place("builds submit") < place("secrets add-iam-policy-binding"), "{calls:?}");
    assert!(place("secrets add-iam-policy-binding") < place("run services replace"), "{calls:?}");
}

#[test]
fn a_right_that_is_there_is_not_given_again() {
    let policy = |more: &str| {
        let member = "serviceAccount:1-compute@developer.gserviceaccount.com";
        let binding = format!("{{\"role\":\"roles/secretmanager.secretAccessor\",\"members\":[\"{member}\"]{more}}}");
        format!("{SECRET}*'get-iam-policy'*) echo '{{\"bindings\":[{binding}]}}' ;;\n")
    };
    for (more, count_of_grants) in [("", 0), (",\"condition\":{\"title\":\"only today\"}", 1)] {
        let folder = project("google-grant-there", &registry(), SERVICE, &policy(more));
        folder.write(".pmcp/deploy.toml", &format!("{CONFIG}[secrets]\nKEY = {{}}\n"));
        folder.printed(&DEPLOY);
        assert_eq!(count(&calls(&folder), "secrets add-iam-policy-binding"), count_of_grants, "{more}");
    }
}

#[test]
fn gcloud_is_told_that_it_writes_to_no_terminal() {
    let folder = project("google-term", &registry(), SERVICE, "*'services replace'*) echo \"TERM is $TERM\" >&2 ;;\n");
    let output = folder.command(&DEPLOY).env("TERM", "xterm-256color").output().expect("starts");
    let said = String::from_utf8(output.stderr).expect("UTF-8");
    assert!(output.status.success() && said.contains("TERM is dumb\n"), "{said}");
}

#[test]
fn a_right_that_is_not_known_yet_is_waited_for() {
    let words =
        "ERROR: (gcloud.run.services.replace) Permission denied on secret: crm-KEY for Revision service account a@b.";
    let once = format!(
        "{SECRET}*'services replace'*) if [ ! -e tried ]; then echo > tried; echo '{words}' >&2; exit 1; fi ;;\n"
    );
    let folder = project("google-grant-known", &registry(), SERVICE, &once);
    folder.write(".pmcp/deploy.toml", &format!("{CONFIG}[secrets]\nKEY = {{}}\n"));
    folder.printed(&DEPLOY);
    assert_eq!(count(&calls(&folder), "run services replace"), 2);

    // A right to what is the user's own is not given here.
    let folder = project("google-grant-own", &registry(), SERVICE, &once);
    folder.write(".pmcp/deploy.toml", &format!("{CONFIG}[secrets]\nKEY = {{ entry = \"mine\" }}\n"));
    let (code, said) = folder.refused(&DEPLOY);
    assert!(
        code == Some(1) && said.contains("\nlet the account that it names read the secret that it names: "),
        "{said}"
    );
    assert_eq!(count(&calls(&folder), "run services replace"), 1);
}

#[test]
fn what_was_made_before_a_failure_is_told() {
    let denied = "*'services replace'*) echo 'Deploying...' >&2; echo 'ERROR: (gcloud.run.services.replace) PERMISSION_DENIED: \
                  Permission run.services.create denied' >&2; exit 1 ;;\n";
    let folder = project("google-first-fails", &registry(), "", denied);
    let (code, said) = folder.refused(&DEPLOY);
    let ending = "failed: ERROR: (gcloud.run.services.replace) PERMISSION_DENIED: Permission run.services.create denied\nsee \
                  that `project` under [gcp] in .pmcp/deploy.toml is the one that you mean, and ask whoever looks after it for \
                  this permission\nthe deployment of crm failed, and there is no service; its \
                  image is in the repository crm of Artifact Registry\nmend what it says, and deploy again; `cargo pmcp deploy \
                  destroy --clean` removes what there is\n";
    assert!(code == Some(1) && said.ends_with(ending), "{said}");
}

#[test]
fn what_is_deployed_is_remembered_though_nobody_can_be_asked() {
    let branches = format!(
        "*'services replace'*) echo > replaced ;;\n*'services describe'*) [ -e replaced ] && {{ echo 'Reauthentication failed' >&2; \
         exit 1; }}\n{NO_SERVICE} ;;\n"
    );
    let folder = project("google-expires", &registry(), "", &branches);
    let (code, said) = folder.refused(&DEPLOY);
    let ending = "error: the login to Google Cloud has expired\ncrm was deployed all the same; its URL is not known\nlog in \
                  again: `gcloud auth login`\n";
    assert!(code == Some(4) && said.ends_with(ending), "{code:?} {said}");
    let record = fs::read_to_string(folder.0.join(".pmcp/deployed.json")).expect("it is known");
    assert!(record.contains("\"begun\": true"), "{record}");

    // Whoever cannot look begins nothing.
    fs::remove_file(folder.0.join(".pmcp/deployed.json")).expect("is removed");
    let (code, said) = folder.refused(&DEPLOY);
    let ending = "error: the login to Google Cloud has expired\nlog in again: `gcloud auth login`\n";
    assert!(code == Some(4) && said.ends_with(ending), "{code:?} {said}");
    assert!(!folder.0.join(".pmcp/deployed.json").exists());
}

#[test]
fn what_answers_after_a_failure_is_asked_for() {
    let unclear = "echo 'ERROR: (gcloud.run.services.replace) INTERNAL: one moment' >&2; exit 1";
    for (after, now) in [("crm-1", "crm-1 answers as before"), ("crm-2", "crm-2 answers now")] {
        let branches = format!(
            "*'services replace'*) echo > replaced; {unclear} ;;\n*'services describe'*) if [ -e replaced ]; then cat <<'END'\n{}\nEND\n\
             else cat <<'END'\n{SERVICE}\nEND\nfi ;;\n",
            SERVICE.replace("crm-1", after)
        );
        let folder = project("google-unclear", &registry(), "", &branches);
        let (code, said) = folder.refused(&DEPLOY);
        let ending = format!(
            "the deployment of crm failed, and {now}\nmend what it says, and deploy again; `cargo pmcp deploy logs` shows what the \
             server said\n"
        );
        assert!(code == Some(1) && said.ends_with(&ending), "{said}");
    }
}

#[test]
fn two_checkouts_do_not_replace_each_others_deployment() {
    let second = SERVICE.replace("{\"name\":\"crm\",", "{\"name\":\"crm\",\"generation\":2,").replace("crm-1", "crm-2");
    let gone = "echo 'Cannot find service [crm]' >&2; exit 1";
    let shown = |service: &str| format!("cat <<'END'\n{service}\nEND\n");
    for (before, after, now) in [
        (shown(SERVICE), shown(&second), "crm-2 answers now"),
        (gone.to_owned(), shown(SERVICE), "crm-1 answers now"),
        (shown(SERVICE), gone.to_owned(), "it is not there any more"),
    ] {
        let branches = format!(
            "*'builds submit'*) echo > built ;;\n*'services describe'*) if [ -e built ]; then {after}\nelse {before}\nfi ;;\n"
        );
        let folder = project("google-two-checkouts", &registry(), "", &branches);
        let (code, said) = folder.refused(&DEPLOY);
        let ending = format!(
            "error: crm was changed by somebody else while this deployment was made, and {now}\nnothing was deployed; see that \
             what it has is in what you deploy, and run `cargo pmcp deploy` again\n"
        );
        assert!(code == Some(5) && said.ends_with(&ending), "{code:?} {said}");
        assert_eq!(count(&calls(&folder), "run services replace"), 0);
    }
}

#[test]
fn a_deployment_that_is_interrupted_may_be_live() {
    let folder = project(
        "google-interrupted",
        &registry(),
        SERVICE,
        "*'services replace'*) kill -INT $PPID; exec sleep 60 ;;\n",
    );
    folder.program("sleep", "exec /bin/sleep \"$@\"");
    let (code, said) = folder.refused(&DEPLOY);
    let ending =
        "\nthe new version may be live already: see `cargo pmcp deploy status`, and run `cargo pmcp deploy` again\n";
    assert!(code == Some(130) && said.contains("error: interrupted during `gcloud run services replace "), "{said}");
    assert!(said.ends_with(ending), "{said}");
}

#[test]
fn whose_deployment_was_overtaken_is_told_so() {
    let second = SERVICE.replace("crm-1", "crm-2");
    let branches = format!(
        "*'services replace'*) echo > replaced ;;\n*'services describe'*) if [ -e replaced ]; then cat <<'END'\n{second}\nEND\n\
         else cat <<'END'\n{SERVICE}\nEND\nfi ;;\n"
    );
    let folder = project("google-overtaken", &registry(), "", &branches);
    let (code, said) = folder.refused(&DEPLOY);
    let ending = "error: crm was deployed, and somebody else has changed it since: crm-2 answers now\nsee `cargo pmcp deploy \
                  status`, and deploy again to have what is here instead\n";
    assert!(code == Some(1) && said.ends_with(ending), "{code:?} {said}");
}

#[test]
fn a_rollback_to_what_cannot_start_is_refused() {
    let revision = |name: &str, second: u8, env: &str| {
        format!(
            "{{\"metadata\":{{\"name\":\"{name}\",\"creationTimestamp\":\"2026-01-01T00:00:0{second}Z\"}},\"spec\":{{\"containers\":\
             [{{\"image\":\"i\",\"env\":[{env}]}}]}}}}"
        )
    };
    let env = "{\"name\":\"KEY\",\"valueFrom\":{\"secretKeyRef\":{\"name\":\"crm-KEY\",\"key\":\"2\"}}}";
    let list = format!("*'revisions list'*) echo '[{},{}]' ;;\n", revision("crm-0", 0, env), revision("crm-1", 1, ""));
    let gone = "echo 'NOT_FOUND: Secret Version [2] not found.' >&2; exit 1";
    for (answer, is_there) in
        [("echo '{\"state\":\"ENABLED\"}'", true), ("echo '{\"state\":\"DESTROYED\"}'", false), (gone, false)]
    {
        let branches = format!("{list}*'versions describe 2 --secret crm-KEY'*) {answer} ;;\n");
        let folder = project("google-rollback", "127.0.0.1:9", SERVICE, &branches);
        if is_there {
            folder.printed(&["deploy", "rollback"]);
        } else {
            let words = "error: crm-0 reads version 2 of the secret crm-KEY, which is gone\nchoose another version, or deploy what \
                         you want to have once more\n";
            let words = not_known("us-central1 of ada-project") + words;
            assert_eq!(folder.refused(&["deploy", "rollback"]), (Some(5), words));
        }
        assert_eq!(count(&calls(&folder), "run services update-traffic"), usize::from(is_there));
    }
}
