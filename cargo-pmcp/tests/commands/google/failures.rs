//! What a person meets first when something is missing or refused.

use super::{CONFIG, Folder, SERVICE, gcloud};

#[test]
fn a_missing_program_is_named_with_the_line_that_installs_it() {
    let folder = Folder::new("google-missing");
    folder.write(".pmcp/deploy.toml", CONFIG);
    let words = "error: `gcloud` was not found on PATH\nto get it: install the Google Cloud CLI: \
                 https://cloud.google.com/sdk/docs/install\n";
    assert_eq!(folder.refused(&["deploy", "status"]), (Some(4), words.into()));
    folder.write(".pmcp/deploy.toml", &CONFIG.replace("project = \"ada-project\"\n", ""));
    assert_eq!(folder.refused(&["deploy", "status"]), (Some(4), words.into()));
    folder.program("gcloud", "exit 1");
    let words = "error: neither .pmcp/deploy.toml nor gcloud says which project of Google Cloud is meant\nadd `project = \
                 \"ID\"` under [gcp]; `gcloud projects list` names yours\n";
    assert_eq!(folder.refused(&["deploy", "status"]), (Some(4), words.into()));
}

#[test]
fn what_gcloud_says_is_told_with_what_to_do() {
    let folder = Folder::new("google-said");
    folder.write(".pmcp/deploy.toml", CONFIG);
    let expired = "error: the login to Google Cloud has expired\nlog in again: `gcloud auth login`\n";
    let network = "error: Google Cloud cannot be reached in us-central1\nsee that the network is up, and that `region` under \
                   [gcp] in .pmcp/deploy.toml exists\n";
    let enable = "enable what deploying needs: `gcloud services enable run.googleapis.com artifactregistry.googleapis.com \
                  secretmanager.googleapis.com logging.googleapis.com --project ada-project`\n";
    let project = "error: there is no project ada-project, or whoever is logged in may not see it\nsee `gcloud projects \
                   list`, and correct `project` under [gcp] in .pmcp/deploy.toml\n";
    let call = "`gcloud run services describe crm --region us-central1 --format json --project ada-project` failed: ";
    for (said, code, words) in [
        (
            "ERROR: (gcloud.run.services.describe) You do not currently have an active account selected.",
            4,
            "error: not logged in to Google Cloud: gcloud has no active account\nlog in: `gcloud auth login`\n".to_owned(),
        ),
        (
            "ERROR: (gcloud.run.services.describe) There was a problem refreshing your current auth tokens: Reauthentication \
             failed.",
            4,
            expired.into(),
        ),
        ("UNAUTHENTICATED: Request had invalid authentication credentials.", 4, expired.into()),
        // Without a network, tokens cannot be refreshed either.
        (
            "There was a problem refreshing your current auth tokens: HTTPSConnectionPool: Max retries exceeded with url",
            1,
            network.into(),
        ),
        ("ERROR: gcloud crashed (ConnectionError): NameResolutionError: Failed to resolve", 1, network.into()),
        (
            "PERMISSION_DENIED: Cloud Run Admin API has not been used in project 1 before or it is disabled. Enable it by \
             visiting https://console.developers.google.com/apis/api/run.googleapis.com/overview?project=1",
            4,
            format!("error: the API run.googleapis.com is not enabled in ada-project\n{enable}"),
        ),
        (
            "API [secretmanager.googleapis.com] not enabled on project [ada-project].",
            4,
            format!("error: the API secretmanager.googleapis.com is not enabled in ada-project\n{enable}"),
        ),
        (
            "This API method requires billing to be enabled. Please enable billing on project #1",
            4,
            "error: ada-project has no billing account, which Google Cloud wants even for what costs nothing\nlink one: \
             https://console.cloud.google.com/billing/linkedaccount?project=ada-project\n"
                .into(),
        ),
        ("Projects instance [ada-project] not found", 4, project.into()),
        (
            "ERROR: (gcloud.services.list) [None] does not have permission to access projects instance [ada-project] (or it \
             may not exist)",
            4,
            project.into(),
        ),
        ("PERMISSION_DENIED: Permission denied on resource project ada-project.", 4, project.into()),
        (
            "INVALID_ARGUMENT: Location us-central1 is not found or access is unauthorized.",
            5,
            "error: Google Cloud has no region us-central1 for this\nchoose another `region` under [gcp] in \
             .pmcp/deploy.toml: `gcloud run regions list` names them\n"
                .into(),
        ),
        (
            "HTTPSConnectionPool: Read timed out. (read timeout=300)",
            1,
            "error: Google Cloud took too long to answer in us-central1\nit may have done what it was asked: see `cargo pmcp \
             deploy status`, and run the command again\n"
                .into(),
        ),
        (
            "PERMISSION_DENIED: Permission run.services.get denied on resource namespaces/ada-project/services/crm",
            1,
            format!(
                "error: {call}PERMISSION_DENIED: Permission run.services.get denied on resource \
                 namespaces/ada-project/services/crm\nsee that `project` under [gcp] in .pmcp/deploy.toml is the one that \
                 you mean, and ask whoever looks after it for this permission\n"
            ),
        ),
        (
            "something else",
            1,
            format!(
                "error: {call}something else\nrun the command again when this is mended: what was done already is not done \
                 twice\n"
            ),
        ),
        (
            "FAILED_PRECONDITION: Operation denied by org policy: constraints/run.managed.requireInvokerIam",
            5,
            "error: the organisation of ada-project does not allow servers that everybody may call\nset `authentication = \
             \"iam\"` under [gcp] in .pmcp/deploy.toml\n"
                .into(),
        ),
        (
            "RESOURCE_EXHAUSTED: Quota exceeded for total allowable CPU per project per region.",
            1,
            format!(
                "error: {call}RESOURCE_EXHAUSTED: Quota exceeded for total allowable CPU per project per region.\nwait a \
                 minute where it says `per minute`; else use less, or ask for more: \
                 https://console.cloud.google.com/iam-admin/quotas?project=ada-project\n"
            ),
        ),
        (
            "ABORTED: Conflict for resource crm: version 1 was specified but current version is 2.",
            1,
            format!(
                "error: {call}ABORTED: Conflict for resource crm: version 1 was specified but current version is 2.\nsomebody \
                 else changes the same thing: see `cargo pmcp deploy status`, and run the command again\n"
            ),
        ),
        (
            "VPC connector c does not exist, or Cloud Run does not have permission to use it.",
            1,
            format!(
                "error: {call}VPC connector c does not exist, or Cloud Run does not have permission to use it.\nsee that what \
                 [gcp] and [secrets] in .pmcp/deploy.toml name is there, in us-central1 of ada-project\n"
            ),
        ),
        (
            "Permission denied on secret: crm-KEY for Revision service account a@b.",
            1,
            format!(
                "error: {call}Permission denied on secret: crm-KEY for Revision service account a@b.\nlet the account that it \
                 names read the secret that it names: `gcloud secrets add-iam-policy-binding SECRET --member \
                 serviceAccount:ACCOUNT --role roles/secretmanager.secretAccessor --project ada-project`\n"
            ),
        ),
    ] {
        folder.program("gcloud", &format!("echo '{said}' >&2; exit 1"));
        assert_eq!(folder.refused(&["deploy", "status"]), (Some(code), words), "{said}");
    }
}

#[test]
fn what_is_not_deployed_or_not_ours_is_told() {
    let folder = Folder::new("google-status");
    folder.write(".pmcp/deploy.toml", CONFIG);
    folder.program("gcloud", &gcloud("", ""));
    assert_eq!(folder.printed(&["deploy", "status"]), "crm is not deployed in us-central1 of ada-project\n");
    let words = "error: crm is not deployed in us-central1 of ada-project\ndeploy it: `cargo pmcp deploy`\n";
    for command in ["outputs", "rollback", "test", "logs"] {
        assert_eq!(folder.refused(&["deploy", command]), (Some(1), words.into()), "{command}");
    }
    folder.program("cat", "while IFS= read -r line; do printf '%s\\n' \"$line\"; done");
    folder.program("gcloud", &gcloud(&SERVICE.replace("pmcp-server", "other"), ""));
    let words = "error: us-central1 of ada-project has a service crm that cargo pmcp did not make\nchoose another `name` under \
                 [server] in .pmcp/deploy.toml\n";
    assert_eq!(folder.refused(&["deploy", "outputs"]), (Some(5), words.into()));
    folder.program("gcloud", &gcloud(SERVICE, ""));
    assert_eq!(
        folder.printed(&["deploy", "outputs"]),
        "Url = https://u/mcp\nImage = i@sha256:1\nProject = ada-project\nRegion = us-central1\nRevision = crm-1\nService = crm\n"
    );
    // After a rollback the service says how to make another revision than the one that answers.
    let older = SERVICE.replace(r#"RevisionName":"crm-1""#, r#"RevisionName":"crm-2""#);
    let list = r#"*'revisions list'*) echo '[{"metadata":{"name":"crm-2"},"spec":{"containers":[{"image":"i@sha256:1"}]}},
        {"metadata":{"name":"crm-1"},"spec":{"containers":[{"image":"i@sha256:0"}]}}]' ;;"#;
    folder.program("gcloud", &gcloud(&older, list));
    let printed = folder.printed(&["deploy", "outputs"]);
    assert!(printed.contains("Image = i@sha256:0\n") && printed.contains("Revision = crm-1\n"), "{printed}");
    // Where it is not told, no other is.
    folder.program("gcloud", &gcloud(&older, ""));
    let printed = folder.printed(&["deploy", "outputs"]);
    assert!(!printed.contains("Image") && printed.contains("Revision = crm-1\n"), "{printed}");
    folder.config();
    let words = "error: AWS Lambda takes no image, so there is no --builder\nleave it out\n";
    assert_eq!(folder.refused(&["deploy", "--builder", "docker"]), (Some(5), words.into()));
}

#[test]
fn doctor_looks_for_the_apis_of_the_builder() {
    let folder = Folder::new("google-doctor");
    let services = |names: &[&str]| {
        let one = |name: &&str| format!("{{\"config\":{{\"name\":\"{name}.googleapis.com\"}}}}");
        let list: Vec<String> = names.iter().map(one).collect();
        gcloud("", &format!("*'services list'*) echo '[{}]' ;;\n*'auth list'*) echo '[]' ;;", list.join(",")))
    };
    let doctor = |builder: &str| {
        folder.write(".pmcp/deploy.toml", &format!("{CONFIG}builder = \"{builder}\"\n"));
        let printed = folder.run(&["deploy", "doctor"]).stdout;
        let printed = String::from_utf8(printed).expect("UTF-8");
        printed.lines().find(|line| line.contains("the APIs of")).expect("a line").to_owned()
    };
    folder.program("gcloud", &services(&["run", "artifactregistry", "secretmanager", "logging"]));
    assert_eq!(doctor("cargo"), "ok      the APIs of ada-project: all enabled");
    let line = "MISSING the APIs of ada-project: not enabled: cloudbuild.googleapis.com; gcloud services enable \
                run.googleapis.com artifactregistry.googleapis.com secretmanager.googleapis.com logging.googleapis.com \
                cloudbuild.googleapis.com --project ada-project";
    assert_eq!(doctor("cloud-build"), line);
    folder.program("gcloud", &services(&["run", "artifactregistry", "secretmanager", "logging", "cloudbuild"]));
    assert_eq!(doctor("cloud-build"), "ok      the APIs of ada-project: all enabled");
}

#[test]
fn doctor_counts_what_is_missing_once_and_says_it_in_a_line() {
    let folder = Folder::new("google-doctor-lines");
    folder.write(".pmcp/deploy.toml", CONFIG);
    folder.program("cargo", "exit 0");
    folder.program("cargo-zigbuild", "exit 0");
    folder.program("zig", "exit 1");
    let doctor = || {
        let output = folder.run(&["deploy", "doctor"]);
        assert_eq!(output.status.code(), Some(4));
        let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
        (text(output.stdout), text(output.stderr))
    };
    let one = "error: one thing is missing\nits line above says how to get it\n";
    let (printed, said) = doctor();
    let last = "MISSING gcloud: install the Google Cloud CLI: https://cloud.google.com/sdk/docs/install";
    assert!(printed.contains(last) && !printed.contains("login") && said == one, "{printed}{said}");

    let offline = "There was a problem refreshing your current auth tokens: Max retries exceeded with url";
    folder.program("gcloud", &format!("echo '{offline}' >&2; exit 1"));
    let (printed, said) = doctor();
    let last = "\nMISSING an answer of Google Cloud: Google Cloud cannot be reached in us-central1; see that the network is up, \
                and that `region` under [gcp] in .pmcp/deploy.toml exists\n";
    assert!(printed.ends_with(last) && said == one, "{printed}{said}");

    let denied = "echo 'ERROR: (gcloud.services.list) PERMISSION_DENIED: Denied to list services' >&2\n\
                  echo 'This command is authenticated as ada' >&2; echo '[]' >&2; exit 1";
    folder.program("gcloud", &gcloud("", &format!("*'services list'*) {denied} ;;")));
    let (printed, said) = doctor();
    let last = "PERMISSION_DENIED: Denied to list services; see that `project` under [gcp] in .pmcp/deploy.toml is the one that \
                you mean, and ask whoever looks after it for this permission\n";
    assert!(printed.ends_with(last) && said == one, "{printed}{said}");
}

#[test]
fn a_name_that_is_too_long_is_refused_before_it_is_written() {
    let folder = Folder::new("google-name");
    folder.write("Cargo.toml", "[workspace]\n");
    let name = "a".repeat(50);
    let refused = folder.refused(&["deploy", "init", "--target", "google-cloud-run", "--name", &name]);
    let words =
        "error: a service of Cloud Run has a name of up to 49 characters, and this has 50\ngive another with --name\n";
    assert_eq!(refused, (Some(2), words.into()));
    assert!(!folder.0.join(".pmcp").exists());
}

#[test]
fn whoever_lacks_the_platforms_token_is_told_how_to_get_it() {
    let folder = Folder::new("google-token");
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let head = std::io::BufRead::lines(std::io::BufReader::new(&stream));
            let _ = head.map_while(Result::ok).take_while(|line| !line.is_empty()).count();
            // A client that is gone has what it wants.
            let answer = b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
            drop(std::io::Write::write_all(&mut stream, answer));
        }
    });
    folder.program("cat", "while IFS= read -r line; do printf '%s\\n' \"$line\"; done");
    folder.program("gcloud", &gcloud(&SERVICE.replace("https://u", &url), ""));
    for (authentication, words) in [
        (
            "iam",
            "it lets in who has roles/run.invoker and sends a token: TOKEN=$(gcloud auth print-identity-token) cargo pmcp \
             deploy test --token-from-env TOKEN\n",
        ),
        ("public", "it wants a token: put one into a variable, and name that with --token-from-env\n"),
    ] {
        folder.write(".pmcp/deploy.toml", &format!("{CONFIG}authentication = \"{authentication}\"\n"));
        let (code, said) = folder.refused(&["deploy", "test"]);
        assert!(code == Some(1) && said.ends_with(words), "{said}");
    }
}

#[test]
fn a_token_that_goes_before_every_login_is_named() {
    let folder = Folder::new("google-token-file");
    folder.write(".pmcp/deploy.toml", CONFIG);
    folder.program(
        "gcloud",
        "echo \"$@\" >> calls; echo 'UNAUTHENTICATED: invalid authentication credentials' >&2; exit 1",
    );
    let refused = |arguments: &[&str]| {
        let output =
            folder.command(arguments).env("CLOUDSDK_AUTH_ACCESS_TOKEN_FILE", "token").output().expect("starts");
        (output.status.code(), String::from_utf8(output.stderr).expect("UTF-8"))
    };
    let words = "error: Google Cloud does not take the token that CLOUDSDK_AUTH_ACCESS_TOKEN_FILE names\nput another there, or \
                 unset it and log in: `gcloud auth login`\n";
    assert_eq!(refused(&["deploy", "status"]), (Some(4), words.into()));
    let words = "error: CLOUDSDK_AUTH_ACCESS_TOKEN_FILE names a token, which goes before every login\nunset it, and log in \
                 again\n";
    assert_eq!(refused(&["deploy", "login"]), (Some(5), words.into()));
    let words = "error: the login to Google Cloud Run is what CLOUDSDK_AUTH_ACCESS_TOKEN_FILE says, and no login of this \
                 machine\nunset CLOUDSDK_AUTH_ACCESS_TOKEN_FILE to end it\n";
    assert_eq!(refused(&["deploy", "logout"]), (Some(5), words.into()));
    let calls = std::fs::read_to_string(folder.0.join("calls")).expect("was called");
    assert!(!calls.contains("auth login"), "{calls}");
}

#[test]
fn whoever_is_not_logged_in_is_led_to_the_browser() {
    let folder = Folder::new("google-login");
    folder.write(".pmcp/deploy.toml", CONFIG);
    let gcloud = "case \"$*\" in\n'auth login --brief'*) echo \"$*\" > logged-in ;;\n\
                  *print-access-token*) [ -e logged-in ] || { echo 'You do not currently have an active account selected.' >&2; \
                  exit 1; } ;;\n*'auth list'*) echo '[{\"account\":\"ada@example.com\"}]' ;;\nesac";
    folder.program("gcloud", gcloud);
    assert_eq!(folder.printed(&["deploy", "login"]), "logged in to ada-project as ada@example.com\n");
    let told = || std::fs::read_to_string(folder.0.join("logged-in")).expect("was called");
    assert_eq!(told(), "auth login --brief\n");
    std::fs::remove_file(folder.0.join("logged-in")).expect("is removed");
    folder.printed(&["deploy", "login", "--no-browser"]);
    assert_eq!(told(), "auth login --brief --no-launch-browser\n");
    folder.program("gcloud", "echo 'You do not currently have an active account selected.' >&2; exit 1");
    let (code, words) = folder.refused(&["deploy", "login"]);
    let ending = "error: `gcloud auth login --brief` failed (exit status: 1); its own words are above\nlog in yourself: `gcloud \
                  auth login`\n";
    assert!(code == Some(1) && words.ends_with(ending), "{code:?} {words}");
    let doctor = folder.run(&["deploy", "doctor"]);
    let printed = String::from_utf8(doctor.stdout).expect("UTF-8");
    assert_eq!(doctor.status.code(), Some(4));
    let line = "MISSING a login to Google Cloud: not logged in to Google Cloud: gcloud has no active account; log in: `gcloud auth \
                login`\n";
    assert!(printed.ends_with(line), "{printed}");
}

#[test]
fn a_region_of_the_file_is_not_blamed_on_gcloud_alone() {
    let folder = Folder::new("google-other-region");
    folder.write(".pmcp/deploy.toml", &CONFIG.replace("project = \"ada-project\"", "region = \"europe-west1\""));
    let there =
        r#"{"deployments":[{"target_type":"google-cloud-run","name":"crm","place":"us-central1 of ada-project"}]}"#;
    folder.write(".pmcp/deployed.json", there);
    folder.program("gcloud", &gcloud("", "'config get-value project'*) echo ada-project ;;"));
    let note = "note: this project is deployed as crm in us-central1 of ada-project, and .pmcp/deploy.toml or what gcloud is set \
                to now says europe-west1 of ada-project: this is the latter\n";
    assert_eq!(folder.refused(&["deploy", "status"]), (Some(0), note.into()));
}

#[test]
fn a_gcloud_that_cannot_be_run_is_passed_over_and_its_settings_say_nothing() {
    let folder = Folder::new("google-settings");
    folder.write(".pmcp/deploy.toml", CONFIG);
    let seen = "echo \"$CLOUDSDK_CORE_USER_OUTPUT_ENABLED $CLOUDSDK_RUN_PLATFORM\" >> settings\n";
    folder.program("gcloud", &format!("{seen}{}", gcloud(SERVICE, "")));
    folder.program("cat", "while IFS= read -r line; do printf '%s\\n' \"$line\"; done");
    folder.write("first/gcloud", "no program");
    let mut command = folder.command(&["deploy", "status"]);
    command.env("PATH", std::env::join_paths([folder.0.join("first"), folder.0.join("bin")]).expect("a path"));
    command.env("CLOUDSDK_CORE_USER_OUTPUT_ENABLED", "false").env("CLOUDSDK_RUN_PLATFORM", "gke");
    let output = command.output().expect("starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let settings = std::fs::read_to_string(folder.0.join("settings")).expect("was called");
    assert!(settings.lines().all(|line| line == "true managed"), "{settings}");
}
