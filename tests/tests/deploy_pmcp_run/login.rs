//! `cargo pmcp deploy login` and `logout`, and what is between: a login in the browser and one with a code, tokens that
//! are renewed, that expire and that are ended.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use pmcp_tests::{Authority, PmcpRun, Project, Request, Trouble, exchange};
use serde_json::{Value, json};

use super::authorization_server::AuthorizationServer;
use super::configure;

/// Writes down where the browser was sent.
const BROWSER: &str = "echo \"$1\" > \"$(dirname \"$0\")/sent\"";

const NOT_LOGGED_IN: &str = "error: not logged in to pmcp.run\nlog in: `cargo pmcp deploy login`\n";
const EXPIRED: &str = "error: the login to pmcp.run has expired\nlog in again: `cargo pmcp deploy login`\n";

/// A service with an authorization server whose tokens are good for so many seconds, and a project that has a deploy.toml.
fn start(test: &str, seconds: u32) -> Option<(AuthorizationServer, PmcpRun, Project)> {
    let server = AuthorizationServer::start(test, seconds)?;
    let (service, project) = super::start(test, Authority::Server(server.issuer.clone()));
    configure(&project);
    Some((server, service, project))
}

/// Where logins are kept.
fn logins(project: &Project) -> PathBuf {
    project.folder.join("home/pmcp/logins.json")
}

/// Starts a login at a desktop, and returns where it sends the browser.
fn begin(project: &mut Project) -> (Child, String) {
    project.program("xdg-open", BROWSER);
    project.set("DISPLAY", ":9");
    let sent = project.folder.join("bin/sent");
    drop(fs::remove_file(&sent));
    let child =
        project.tool(&["deploy", "login"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("starts");
    let begin = Instant::now();
    loop {
        match fs::read_to_string(&sent) {
            Ok(url) if url.ends_with('\n') => return (child, url.trim_end().to_owned()),
            _ => assert!(begin.elapsed() < Duration::from_secs(30), "no browser was opened"),
        }
        thread::sleep(Duration::from_millis(20));
    }
}

/// Its exit code, and what it printed where.
fn end(child: Child) -> (Option<i32>, String, String) {
    let output = child.wait_with_output().expect("ends");
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    (output.status.code(), text(output.stdout), text(output.stderr))
}

/// Starts a login without a browser, and returns where the code is to be typed.
fn begin_with_code(project: &Project, arguments: &[&str]) -> (Child, String) {
    let mut command = project.tool(&[&["deploy", "login"], arguments].concat());
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("starts");
    let mut lines = BufReader::new(child.stderr.take().expect("a pipe"));
    let (mut first, mut second) = (String::new(), String::new());
    lines.read_line(&mut first).and_then(|_| lines.read_line(&mut second)).expect("lines");
    let rest = lines;
    thread::spawn(move || {
        let mut rest = rest;
        // So that it is never kept from writing.
        let _ = rest.read_to_string(&mut String::new());
    });
    assert!(first.starts_with("on any device, go to http://127.0.0.1:"), "{first}");
    let url = second.trim_end().strip_prefix("or go to ").unwrap_or_else(|| panic!("{second}"));
    (child, url.to_owned())
}

/// The tokens as they are kept.
fn tokens(service: &PmcpRun, project: &Project) -> Value {
    let text = fs::read_to_string(logins(project)).expect("a file");
    let all: Value = serde_json::from_str(&text).expect("JSON");
    all[service.url()]["here"].clone()
}

/// Ends a token as its owner would in a browser.
fn revoke(server: &AuthorizationServer, token: &str) {
    let addr = server.issuer.trim_start_matches("http://").parse().expect("an address");
    let asking = Request::post(format!("token={token}&client_id=cargo-pmcp"))
        .path("/token/revocation")
        .header("Content-Type", "application/x-www-form-urlencoded");
    assert_eq!(exchange(addr, &asking.to_bytes(addr)).expect("answers").status(), 200);
}

#[test]
fn a_login_in_the_browser_lasts_until_logout() {
    const TEST: &str = "a_login_in_the_browser_lasts_until_logout";
    let Some((server, service, mut project)) = start(TEST, 3600) else { return };
    assert_eq!(project.refused(&["deploy", "status"]), (Some(4), NOT_LOGGED_IN.into()));

    let (child, url) = begin(&mut project);
    for part in ["code_challenge_method=S256", "client_id=cargo-pmcp", "redirect_uri=http%3A%2F%2F127.0.0.1%3A"] {
        assert!(url.contains(part), "{url}");
    }
    // Somebody else's answer ends nothing.
    let (_, redirect) = url.split_once("redirect_uri=http%3A%2F%2F").expect("a redirect");
    let addr = redirect.split('&').next().expect("an address").replace("%3A", ":").replace("%2Fcallback", "");
    let addr = addr.parse().expect("an address");
    for target in ["/callback?code=stolen&state=guessed", "/callback", "/favicon.ico"] {
        let asking = Request::post("").verb("GET").path(target);
        let status = exchange(addr, &asking.to_bytes(addr)).expect("answers").status();
        assert!(status == 400 || status == 404, "{target}: {status}");
    }
    let page = server.visit(&url, true);
    assert!(page.contains("cargo pmcp has what it needs"), "{page}");
    let (code, stdout, stderr) = end(child);
    let kept_in = logins(&project).display().to_string();
    let until = format!("logged in to acme as ada\nat {}; kept in {kept_in}; good until 20", service.url());
    assert!(code == Some(0) && stdout.starts_with(&until), "{stdout} {stderr}");
    assert!(stdout.ends_with("Z, and then renewed by itself\n"), "{stdout}");

    // What is secret is nobody else's to read, and is printed nowhere.
    let kept = tokens(&service, &project);
    let secret = kept["access_token"].as_str().expect("a token");
    assert!(!format!("{stdout}{stderr}").contains(secret) && kept["refresh_token"].is_string(), "{kept}");
    let rights = |path: &std::path::Path| fs::metadata(path).expect("is there").permissions().mode() & 0o777;
    assert_eq!(rights(&logins(&project)), 0o600);
    assert_eq!(rights(logins(&project).parent().expect("a folder")), 0o700);
    assert_eq!(project.pmcp(&["deploy", "status"])["deployed"], json!(false));
    // Whoever is logged in is not asked again.
    let who = project.pmcp(&["deploy", "login"]);
    assert_eq!((&who["account"], &who["who"], &who["is_renewed"]), (&json!("acme"), &json!("ada"), &json!(true)));
    assert_eq!(project.pmcp(&["deploy", "login", "--status"]), who);
    assert!(!who.to_string().contains(secret), "{who}");

    assert_eq!(project.pmcp(&["deploy", "logout"])["was_logged_in"], json!(true));
    assert!(!fs::read_to_string(logins(&project)).expect("a file").contains(secret));
    assert_eq!(project.refused(&["deploy", "status"]), (Some(4), NOT_LOGGED_IN.into()));
    assert_eq!(project.pmcp(&["deploy", "logout"])["was_logged_in"], json!(false));
    // The token itself is of no use any more: the authorization server was told.
    project.set("PMCP_RUN_TOKEN", secret);
    let words = "error: pmcp.run does not take the token in PMCP_RUN_TOKEN\nput another there, or unset it and log in: \
                 `cargo pmcp deploy login`\n";
    assert_eq!(project.refused(&["deploy", "status"]), (Some(4), words.into()));
    service.assert_kept();
}

#[test]
fn whoever_does_not_agree_is_not_logged_in() {
    const TEST: &str = "whoever_does_not_agree_is_not_logged_in";
    let Some((server, service, mut project)) = start(TEST, 3600) else { return };
    let (child, url) = begin(&mut project);
    let page = server.visit(&url, false);
    assert!(page.contains("You are not logged in."), "{page}");
    let (code, _, stderr) = end(child);
    assert!(code == Some(4) && stderr.contains("error: pmcp.run did not let you in: "), "{code:?} {stderr}");
    assert!(stderr.contains("(access_denied)\nlog in again: `cargo pmcp deploy login`\n"), "{stderr}");
    assert!(!logins(&project).exists());
    service.assert_kept();
}

#[test]
fn without_a_browser_a_code_is_typed_elsewhere() {
    const TEST: &str = "without_a_browser_a_code_is_typed_elsewhere";
    let Some((server, service, mut project)) = start(TEST, 3600) else { return };
    // A machine without a display, and one whose user does not want a browser; neither needs a project.
    project.program("xdg-open", "exit 1");
    fs::remove_file(project.folder.join(".pmcp/deploy.toml")).expect("is removed");
    for arguments in [&["--target", "pmcp-run"][..], &["--target", "pmcp-run", "--no-browser"]] {
        let (child, url) = begin_with_code(&project, arguments);
        server.visit(&url, true);
        let (code, stdout, _) = end(child);
        assert!(code == Some(0) && stdout.starts_with("logged in to acme as ada\n"), "{stdout}");
        project.pmcp(&["deploy", "logout", "--target", "pmcp-run"]);
        project.set("DISPLAY", ":9");
    }
    service.assert_kept();
}

#[test]
fn tokens_are_renewed_and_each_renewal_is_kept() {
    const TEST: &str = "tokens_are_renewed_and_each_renewal_is_kept";
    // So short that every run renews.
    let Some((server, service, project)) = start(TEST, 30) else { return };
    let (child, url) = begin_with_code(&project, &[]);
    server.visit(&url, true);
    assert_eq!(end(child).0, Some(0));

    let mut before = tokens(&service, &project);
    for _ in 0..3 {
        project.pmcp(&["deploy", "status"]);
        let now = tokens(&service, &project);
        assert!(now["refresh_token"] != before["refresh_token"] && now["access_token"] != before["access_token"]);
        before = now;
    }
    // Of several runs at once each finds what the one before has left: a refresh token that is used twice ends the login.
    let runs: Vec<Child> = (0..4)
        .map(|_| {
            project.tool(&["deploy", "status"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("starts")
        })
        .collect();
    for run in runs {
        let (code, _, stderr) = end(run);
        assert_eq!(code, Some(0), "{stderr}");
    }
    project.pmcp(&["deploy", "status"]);

    // A login that was ended elsewhere.
    revoke(&server, tokens(&service, &project)["refresh_token"].as_str().expect("a token"));
    assert_eq!(project.refused(&["deploy", "status"]), (Some(4), EXPIRED.into()));
    // And one whose refresh token somebody else has used: both are shut out.
    let (child, url) = begin_with_code(&project, &[]);
    server.visit(&url, true);
    assert_eq!(end(child).0, Some(0));
    let stolen = fs::read_to_string(logins(&project)).expect("a file");
    project.pmcp(&["deploy", "status"]);
    fs::write(logins(&project), stolen).expect("writes");
    assert_eq!(project.refused(&["deploy", "status"]), (Some(4), EXPIRED.into()));
    service.assert_kept();
}

#[test]
fn a_token_that_was_ended_before_its_time_is_renewed() {
    const TEST: &str = "a_token_that_was_ended_before_its_time_is_renewed";
    let Some((server, service, project)) = start(TEST, 3600) else { return };
    let (child, url) = begin_with_code(&project, &[]);
    server.visit(&url, true);
    assert_eq!(end(child).0, Some(0));
    let before = tokens(&service, &project);
    project.pmcp(&["deploy", "status"]);
    assert_eq!(tokens(&service, &project), before, "a token that is good is not renewed");
    service.trouble("describeServer", Trouble::Problem(401, "unauthorized", "this token was ended"));
    project.pmcp(&["deploy", "status"]);
    assert!(tokens(&service, &project)["access_token"] != before["access_token"]);

    // Without the authorization server a login cannot be ended there, which is said.
    drop(server);
    let (code, words) = project.refused(&["deploy", "logout"]);
    assert!(code == Some(1), "{words}");
    assert!(words.starts_with("error: this machine has forgotten the login, and pmcp.run was not told: "), "{words}");
    assert_eq!(project.pmcp(&["deploy", "logout"])["was_logged_in"], json!(false));
}

/// A keyring that keeps what it is told, unless it is locked, or says that it does.
#[cfg(not(target_os = "macos"))]
const KEYRING: &str = r#"
case "$1" in
  store) [ -f LOCKED ] && exit 1; [ -f DEAF ] && exit 0; cat > KEPT ;;
  lookup) [ -f KEPT ] || exit 1; cat KEPT ;;
  clear) rm -f KEPT ;;
esac
echo "$@" >> KEPT.calls
"#;

#[cfg(not(target_os = "macos"))]
#[test]
fn where_there_is_a_keyring_the_tokens_are_in_it() {
    const TEST: &str = "where_there_is_a_keyring_the_tokens_are_in_it";
    let Some((server, service, mut project)) = start(TEST, 30) else { return };
    let kept = project.folder.join("kept");
    let locked = project.folder.join("locked");
    let deaf = project.folder.join("deaf");
    let words = [("KEPT", &kept), ("LOCKED", &locked), ("DEAF", &deaf)];
    let script =
        words.iter().fold(KEYRING.to_owned(), |all, (word, path)| all.replace(word, &path.display().to_string()));
    project.program("secret-tool", &script);
    project.set("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nowhere");
    let (child, url) = begin_with_code(&project, &[]);
    server.visit(&url, true);
    assert_eq!(end(child).0, Some(0));

    let file = || fs::read_to_string(logins(&project)).expect("a file");
    assert!(file().contains("in-keyring") && !file().contains("token"), "{}", file());
    // Each run renews, and puts what it has into the keyring again.
    let first = fs::read_to_string(&kept).expect("is kept");
    project.pmcp(&["deploy", "status"]);
    let second = fs::read_to_string(&kept).expect("is kept");
    assert!(first != second);
    let calls = fs::read_to_string(project.folder.join("kept.calls")).expect("was called");
    assert!(!calls.contains(&second[..20]), "no secret is on a command line: {calls}");
    assert_eq!(project.pmcp(&["deploy", "login", "--status"])["kept_in"], "the keyring");
    // What a locked keyring does not take is not lost, nor what one says it has taken and has not.
    fs::write(&deaf, "").expect("writes");
    project.pmcp(&["deploy", "status"]);
    assert!(tokens(&service, &project)["refresh_token"].is_string());
    fs::remove_file(&deaf).expect("is removed");
    project.pmcp(&["deploy", "status"]);
    assert!(file().contains("in-keyring"));
    fs::write(&locked, "").expect("writes");
    project.pmcp(&["deploy", "status"]);
    assert!(tokens(&service, &project)["refresh_token"].is_string());
    project.pmcp(&["deploy", "status"]);
    fs::remove_file(&locked).expect("is removed");
    project.pmcp(&["deploy", "status"]);
    assert!(file().contains("in-keyring"));
    project.pmcp(&["deploy", "logout"]);
    assert!(!kept.exists());
}
