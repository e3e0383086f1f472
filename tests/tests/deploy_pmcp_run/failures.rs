//! What a person meets first on pmcp.run when something is missing or refused: its words and its exit code.

use std::net::TcpListener;
use std::time::Instant;

use pmcp_tests::{Authority, Trouble};
use serde_json::json;

use super::{TOKEN, configure, logged_in, start};

#[test]
fn a_service_that_cannot_be_reached_is_in_early_access() {
    let (_service, mut project) = logged_in("pmcp-run-unreachable");
    let port = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a free port").port();
    project.set("PMCP_RUN_URL", format!("http://127.0.0.1:{port}"));
    let begin = format!("error: pmcp.run cannot be reached at http://127.0.0.1:{port}: io: Connection refused");
    let end = "\nthe service is in early access and may not be open to you yet; see that the network is up, and that `url` under \
               [pmcp_run] in .pmcp/deploy.toml or PMCP_RUN_URL is the address that you were given\n";
    // In between the system numbers its error.
    let is_said = |(code, words): (Option<i32>, String)| {
        assert!(code == Some(1) && words.starts_with(&begin) && words.ends_with(end), "{code:?} {words}");
    };
    is_said(project.refused(&["deploy", "status"]));
    project.unset("PMCP_RUN_TOKEN");
    is_said(project.refused(&["deploy", "login"]));
    // deploy.toml says the same as the variable, which goes before it.
    project.unset("PMCP_RUN_URL");
    project.configure("[pmcp_run]\nurl = \"http://example.com\"\n");
    let what = "a login is sent there, so it must begin with `https://`, or lead to this machine, with nothing but a host, a \
                port and a path\n";
    let words = format!(
        "error: `pmcp_run.url` is wrong: {what} --> .pmcp/deploy.toml:6:7\n  |\n6 | url = \"http://example.com\"\n  |       \
         ^^^^^^^^^^^^^^^^^^^^\n"
    );
    assert_eq!(project.refused(&["deploy", "status"]), (Some(3), words));
    configure(&project);
    project.set("PMCP_RUN_URL", "https://ada@example.com");
    let words = format!("error: the address in PMCP_RUN_URL is wrong: {what}correct the variable, or unset it\n");
    assert_eq!(project.refused(&["deploy", "status"]), (Some(5), words));
    project.unset("PMCP_RUN_URL");
    // Whoever wrote the file is not sent a token that was meant for pmcp.run.
    configure(&project);
    project.configure("[pmcp_run]\nurl = \"https://127.0.0.1:1\"\n");
    project.set("PMCP_RUN_TOKEN", "another");
    let words = "error: PMCP_RUN_TOKEN is set, and .pmcp/deploy.toml names a service of its own: https://127.0.0.1:1\nset \
                 PMCP_RUN_URL to that address too, if the token is meant for it\n";
    assert_eq!(project.refused(&["deploy", "status"]), (Some(5), words.into()));
}

#[test]
fn a_login_that_is_missing_or_not_taken_has_the_line_that_makes_it() {
    let (service, mut project) = logged_in("pmcp-run-login");
    project.set("PMCP_RUN_TOKEN", "another");
    let words = "error: pmcp.run does not take the token in PMCP_RUN_TOKEN\nput another there, or unset it and log in: \
                 `cargo pmcp deploy login`\n";
    assert_eq!(project.refused(&["deploy", "status"]), (Some(4), words.into()));
    project.unset("PMCP_RUN_TOKEN");
    let words = "error: not logged in to pmcp.run\nlog in: `cargo pmcp deploy login`\n";
    for command in
        [&["deploy", "status"][..], &["deploy", "outputs"], &["deploy", "logs"], &["deploy", "secrets", "list"]]
    {
        assert_eq!(project.refused(command), (Some(4), words.into()));
    }
    service.assert_kept();
}

#[test]
fn what_the_service_says_is_told_with_what_to_do() {
    let (service, project) = logged_in("pmcp-run-refused");
    let forbidden = "ada may only look";
    for (trouble, code, words) in [
        (
            Trouble::Problem(403, "forbidden", forbidden),
            1,
            "error: pmcp.run does not allow this: ada may only look\nask whoever looks after the account for this permission\n",
        ),
        (
            Trouble::Problem(403, "no-access", "this account has to wait"),
            4,
            "error: this account is not part of the early access of pmcp.run\nask for it at https://pmcp.run, or log in to \
             another: `cargo pmcp deploy logout`, then `login`\n",
        ),
        (
            // The page of whoever stands in front of it.
            Trouble::Broken(500),
            1,
            "error: pmcp.run failed: it does not say why (status 500)\nit may be down for a while; run the command again: what \
             was done already is not done twice\n",
        ),
        (
            Trouble::Problem(500, "internal", "a disk is full"),
            1,
            "error: pmcp.run failed: a disk is full (status 500)\nit may be down for a while; run the command again: what was \
             done already is not done twice\n",
        ),
    ] {
        service.trouble("describeServer", trouble);
        assert_eq!(project.refused(&["deploy", "status"]), (Some(code), words.into()));
    }
    service.trouble("describeServer", Trouble::Page);
    let (code, words) = project.refused(&["deploy", "status"]);
    let url = service.url();
    assert!(
        words.starts_with(&format!("error: what answers at {url} is not understood: GET /v1/servers/crm: ")),
        "{words}"
    );
    assert!(code == Some(1) && words.contains("the service is in early access: update cargo pmcp"), "{words}");
    assert_eq!(
        project.refused(&["deploy", "outputs"]),
        (
            Some(1),
            format!("error: crm is not deployed in {}\ndeploy it: `cargo pmcp deploy`\n", &url["http://".len()..])
        )
    );
    service.trouble("storeSecret", Trouble::Problem(422, "invalid", "s3cret is too short"));
    let (code, stderr) = project.refused_when_told(&["deploy", "secrets", "set", "KEY"], "s3cret\n");
    assert!(code == Some(1) && stderr.contains("error: pmcp.run refused: (hidden) is too short"), "{stderr}");
    assert!(!stderr.contains("s3cret"), "{stderr}");
    let words = "error: there is no secret KEY\nsee `cargo pmcp deploy secrets list`\n";
    assert_eq!(project.refused(&["deploy", "secrets", "delete", "KEY"]), (Some(5), words.into()));
    service.assert_kept();
}

#[test]
fn what_got_lost_is_sent_again_and_what_is_too_much_waits() {
    let (service, project) = logged_in("pmcp-run-lost");
    service.trouble("storeSecret", Trouble::Lost);
    service.trouble("storeSecret", Trouble::Problem(503, "internal", "one moment"));
    service.trouble("storeSecret", Trouble::Problem(429, "too-many", "one at a time"));
    let begin = Instant::now();
    project.told(&["deploy", "secrets", "set", "KEY"], "s3cret\n");
    assert!(begin.elapsed().as_secs() >= 1, "Retry-After is kept to");
    assert_eq!(service.count("storeSecret"), 4);
    assert_eq!(project.pmcp(&["deploy", "secrets", "list"])[0]["key"], json!("KEY"));
    for _ in 0..4 {
        service.trouble("listSecrets", Trouble::Problem(429, "too-many", "one at a time"));
    }
    let words = "error: pmcp.run is asked too often\nwait a minute, and run the command again\n";
    assert_eq!(project.refused(&["deploy", "secrets", "list"]), (Some(1), words.into()));
    service.assert_kept();
}

#[test]
fn what_is_there_is_not_touched_by_mistake() {
    let (_service, project) = logged_in("pmcp-run-config");
    for (lines, words) in [
        ("[pmcp_run]\nmemory_mb = 64\n", "error: `pmcp_run.memory_mb` is wrong: must be from 128 to 8192\n"),
        ("[environment]\nPORT = \"1\"\n", "error: `environment.PORT` is wrong: pmcp.run sets it: it says where"),
        (
            "[secrets]\nKEY = { arn = \"arn\" }\n",
            "error: `secrets.KEY.arn` is wrong: pmcp.run does not read AWS Secrets",
        ),
        ("[pmcp_run]\nuri = \"x\"\n", "error: there is no key `uri` here\n"),
    ] {
        configure(&project);
        project.configure(lines);
        let (code, found) = project.refused(&["deploy", "status"]);
        assert!(code == Some(3) && found.starts_with(words), "{code:?} {found}");
    }
    configure(&project);
    let (code, words) = project.refused(&["deploy", "init", "--region", "eu-central-1"]);
    assert_eq!((code, &words as &str), (Some(2), "error: pmcp.run knows no --region\nleave out --region\n"));
}

/// Whoever works behind one has it in the environment of every program.
#[test]
fn what_does_not_leave_this_machine_goes_through_no_proxy() {
    let (service, mut project) = logged_in("pmcp-run-proxy");
    for variable in ["ALL_PROXY", "HTTPS_PROXY", "HTTP_PROXY", "http_proxy"] {
        project.set(variable, "http://127.0.0.1:9");
    }
    project.unset("NO_PROXY");
    project.unset("no_proxy");
    assert_eq!(project.pmcp(&["deploy", "status"])["deployed"], json!(false));
    project.set("PMCP_RUN_URL", "https://pmcp.invalid");
    let (code, words) = project.refused(&["deploy", "status"]);
    assert!(code == Some(1) && words.contains("cannot be reached at https://pmcp.invalid"), "{words}");
    service.assert_kept();
}

#[test]
fn whoever_is_logged_in_and_has_no_access_is_not_asked_to_log_in() {
    let (service, project) = logged_in("pmcp-run-no-access");
    let words = "error: this account is not part of the early access of pmcp.run\nask for it at https://pmcp.run, or log in to \
                 another: `cargo pmcp deploy logout`, then `login`\n";
    for command in [&["deploy", "login"][..], &["deploy", "login", "--status"]] {
        service.trouble("describeAccount", Trouble::Problem(403, "no-access", "this account has to wait"));
        assert_eq!(project.refused(command), (Some(4), words.into()));
    }
    service.assert_kept();
}

#[test]
fn who_is_logged_in_is_told_and_a_variable_still_counts_after_logout() {
    let (service, mut project) = logged_in("pmcp-run-who");
    let url = service.url();
    let who = json!({
        "account": "acme", "who": "ada", "service": url, "kept_in": "PMCP_RUN_TOKEN", "until": null, "is_renewed": false
    });
    assert_eq!(project.pmcp(&["deploy", "login", "--status"]), who);
    let logout = project.pmcp(&["deploy", "logout"]);
    assert_eq!(
        (&logout["was_logged_in"], &logout["still_logged_in_by"]),
        (&json!(false), &json!("PMCP_RUN_TOKEN")),
        "{logout}"
    );
    let printed = project.run(pmcp_tests::binary("cargo-pmcp"), &["pmcp", "deploy", "logout"]).stdout;
    let host = &url["http://".len()..];
    assert_eq!(
        printed,
        format!("no login to {host} was kept here\nPMCP_RUN_TOKEN is set, and logs in all the same: unset it\n")
    );
    // Also where the token is not meant for the service.
    project.unset("PMCP_RUN_URL");
    project.configure("[pmcp_run]\nurl = \"https://127.0.0.1:1\"\n");
    assert_eq!(project.pmcp(&["deploy", "logout"])["was_logged_in"], json!(false));
    configure(&project);
    project.set("PMCP_RUN_URL", url);
    project.unset("PMCP_RUN_TOKEN");
    let words = "error: not logged in to pmcp.run\nlog in: `cargo pmcp deploy login`\n";
    assert_eq!(project.refused(&["deploy", "login", "--status"]), (Some(4), words.into()));
    service.assert_kept();
}

#[test]
fn what_was_removed_and_not_said_so_is_removed() {
    let (service, project) = logged_in("pmcp-run-removed");
    project.told(&["deploy", "secrets", "set", "KEY"], "s3cret");
    service.trouble("removeSecret", Trouble::Lost);
    project.pmcp(&["deploy", "secrets", "delete", "KEY"]);
    assert_eq!(service.count("removeSecret"), 2);
    project.told(&["deploy", "secrets", "set", "KEY"], "s3cret");
    service.trouble("removeSecret", Trouble::Lost);
    project.pmcp(&["deploy", "destroy", "--clean", "--yes"]);
    assert!(service.inventory().is_empty());
    service.assert_kept();
}

/// A login elsewhere does not send tokens to whom they were not made for.
#[test]
fn a_service_that_calls_itself_something_else_is_not_logged_in_to() {
    let (service, mut project) = start("pmcp-run-disguised", Authority::Token(TOKEN.into()));
    configure(&project);
    let url = service.url().replace("127.0.0.1", "localhost");
    project.set("PMCP_RUN_URL", url);
    let (code, words) = project.refused(&["deploy", "login"]);
    assert!(
        code == Some(1) && words.contains("/.well-known/oauth-protected-resource is about http://127.0.0.1:"),
        "{words}"
    );
}
