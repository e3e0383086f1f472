//! How Cloudflare's API is reached: where it is, through which proxy, and with what for a token.

use std::fs;

use super::{MINE, Place};

/// Where nobody is asked anything.
const NOWHERE: &str = "https://cloudflare.invalid/client/v4";

#[test]
fn wrangler_is_told_the_host_that_is_asked() {
    for (name, variable, value, host) in [
        ("workers-host", "", "", "https://api.cloudflare.com/client/v4"),
        (
            "workers-host-closed",
            "CLOUDFLARE_COMPLIANCE_REGION",
            "fedramp_high",
            "https://api.fed.cloudflare.com/client/v4",
        ),
        ("workers-host-old", "CF_API_BASE_URL", "https://cloudflare.invalid/v4/", "https://cloudflare.invalid/v4"),
        ("workers-host-new", "CLOUDFLARE_API_BASE_URL", NOWHERE, NOWHERE),
    ] {
        let mut place = Place::new(name, &[]);
        let seen = "echo \"$1 $CLOUDFLARE_API_BASE_URL ${CF_API_BASE_URL-} ${WRANGLER_API_ENVIRONMENT-} ${WRANGLER_LOG-}\" >> ROOT/called
            echo '{\"type\":\"oauth\",\"token\":\"t0ken\"}'";
        place.folder.program("wrangler", &seen.replace("ROOT", &place.folder.0.display().to_string()));
        place.set("CLOUDFLARE_API_TOKEN", "");
        place.set("CLOUDFLARE_API_BASE_URL", "");
        place.set("WRANGLER_API_ENVIRONMENT", "staging");
        place.set("WRANGLER_LOG", "debug");
        // It leads nowhere, so that nobody is asked, and says who would have been.
        place.set("HTTPS_PROXY", "http://127.0.0.1:9");
        if !variable.is_empty() {
            place.set(variable, value);
        }
        let (code, words) = place.refused(&["deploy", "status"]);
        assert!(code == Some(1) && words.starts_with("error: Cloudflare cannot be reached: "), "{name}: {words}");
        let called = fs::read_to_string(place.folder.0.join("called")).expect("was called");
        assert_eq!(called, format!("auth {host}   \n"), "{name}");
    }
}

#[test]
fn a_cloud_that_only_one_of_the_two_knows_is_refused() {
    let mut place = Place::new("workers-cloud", &[("/settings", 200, MINE)]);
    place.folder.write("w/wrangler.toml", "compliance_region = \"fedramp_high\"\n[build]\ncommand = \"true\"\n");
    let words = "error: `compliance_region` in ";
    let rest = "/w/wrangler.toml is `fedramp_high`, and what is asked is the cloud `public`\ntake it out there, and set \
                CLOUDFLARE_COMPLIANCE_REGION=fedramp_high in the environment\n";
    for command in [&["--yes"][..], &["--dry-run"]] {
        let (code, found) = place.refused(&[&["deploy"], command].concat());
        assert!(code == Some(5) && found.starts_with(words) && found.ends_with(rest), "{found}");
    }
    place.set("CLOUDFLARE_COMPLIANCE_REGION", "fedramp_high");
    assert_eq!(place.run(&["deploy", "--dry-run"]).0, Some(0));
    place.set("CLOUDFLARE_COMPLIANCE_REGION", "mars");
    let words = "error: CLOUDFLARE_COMPLIANCE_REGION is `mars`, which wrangler does not know\nset it to `public` or \
                 `fedramp_high`, or unset it\n";
    place.set("CLOUDFLARE_API_BASE_URL", "");
    assert_eq!(place.refused(&["deploy", "status"]), (Some(5), words.into()));
}

#[test]
fn a_token_goes_nowhere_in_the_clear() {
    for (variable, other) in
        [("CLOUDFLARE_API_BASE_URL", "CF_API_BASE_URL"), ("CF_API_BASE_URL", "CLOUDFLARE_API_BASE_URL")]
    {
        let mut place = Place::new("workers-in-the-clear", &[]);
        place.set(other, "");
        for url in ["http://127.0.0.2:9", "http://api.cloudflare.com/client/v4", "bogus"] {
            place.set(variable, url);
            let words = format!(
                "error: the address in {variable} is wrong: a login is sent there, so it must begin with `https://`, or lead to this \
                 machine, with nothing but a host, a port and a path\ncorrect the variable, or unset it\n"
            );
            assert_eq!(place.refused(&["deploy", "status"]), (Some(5), words), "{url}");
        }
    }
}

#[test]
fn a_token_that_is_none_is_not_blamed_on_the_network() {
    let mut place = Place::new("workers-odd-token", &[]);
    let words = "error: CLOUDFLARE_API_TOKEN has a space, a line break or another letter that no token has\nput the token there \
                 as Cloudflare shows it, and nothing else\n";
    for token in ["tok\n", "t\u{f6}k", "a b"] {
        place.set("CLOUDFLARE_API_TOKEN", token);
        assert_eq!(place.refused(&["deploy", "status"]), (Some(5), words.into()), "{token:?}");
    }
    place.set("CLOUDFLARE_API_TOKEN", "");
    place.folder.program("wrangler", r#"echo '{"type":"api_key","key":"ä","email":"a@b"}'"#);
    let words = "error: the header `x-auth-key` has a line break or another letter that none can have\ncorrect what it is made \
                 of: a token, or a name that a tool gives it\n";
    assert_eq!(place.refused(&["deploy", "status"]), (Some(5), words.into()));
}

#[test]
fn a_proxy_that_cannot_be_used_is_not_passed_by() {
    let mut place = Place::new("workers-proxy", &[("/settings", 200, MINE)]);
    let here = place.environment[0].1.clone();
    for (variable, proxy) in
        [("HTTPS_PROXY", "socks5://127.0.0.1:9"), ("ALL_PROXY", "://"), ("https_proxy", "http://[::1")]
    {
        place.set(variable, proxy);
        place.set("CLOUDFLARE_API_BASE_URL", &here);
        assert_eq!(place.run(&["deploy", "status"]).0, Some(0), "this machine is reached without one");
        let words = format!(
            "error: the proxy that {variable} names cannot be used\nwrite it as `http://HOST:PORT` or `https://HOST:PORT`, or unset \
             the variable where none is needed\n"
        );
        place.set("CLOUDFLARE_API_BASE_URL", NOWHERE);
        assert_eq!(place.refused(&["deploy", "status"]), (Some(5), words), "{proxy}");
        place.set(variable, "");
    }
    place.set("HTTPS_PROXY", "http://127.0.0.1:9");
    let (code, words) = place.refused(&["deploy", "status"]);
    assert!(code == Some(1) && words.contains("Connection refused"), "{words}");
    // What is reached without one, no proxy keeps anybody from.
    place.set("HTTPS_PROXY", "socks5://127.0.0.1:9");
    place.set("NO_PROXY", "elsewhere.example, *");
    let (code, words) = place.refused(&["deploy", "status"]);
    assert!(code == Some(1) && words.contains("cannot be reached"), "{words}");
}

#[test]
fn an_odd_event_is_left_out_of_what_follows() {
    let place = Place::new("workers-odd-events", &[("/settings", 200, MINE)]);
    let odd = r#"echo 'no JSON'; echo '{"logs":[{"message":["\ud800"],"timestamp":1}]}'; echo '{"logs":null}'"#;
    let good = r#"echo '{
  "logs": [
    { "message": ["hello"], "timestamp": 1 }
  ]
}'"#;
    place.folder.program("wrangler", &format!("{odd}\n{good}\nexit 1"));
    let (code, printed, words) = place.run(&["deploy", "logs", "--tail"]);
    assert_eq!((code, &printed as &str), (Some(1), "1970-01-01T00:00:00.001Z hello\n"), "{words}");
    let mut command = place.folder.command(&["deploy", "logs", "--tail"]);
    let output = command.envs(place.environment.clone()).output().expect("starts");
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(words.matches("left out what wrangler says and is not understood: ").count(), 2, "{words}");
}
