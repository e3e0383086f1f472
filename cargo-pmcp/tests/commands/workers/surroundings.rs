//! What the folder and the environment that a command is started in do not change.

use std::fs;
use std::os::unix::fs::symlink;

use super::{MINE, Place};

#[test]
fn a_dot_env_in_the_current_folder_says_nothing() {
    let mut place = Place::new("workers-dot-env", &[("/settings", 200, MINE)]);
    place.folder.write(".env", "WRANGLER_TOKEN_URL=http://127.0.0.1:9\n");
    place.set("CLOUDFLARE_API_TOKEN", "");
    let script = r#"echo "$1: $*" >> ROOT/called
        case "$1" in
            login) : > ROOT/in ;;
            auth) [ -e ROOT/in ] && echo '{"type":"oauth","token":"t0ken"}' ;;
        esac"#;
    place.folder.program("wrangler", &script.replace("ROOT", &place.folder.0.display().to_string()));
    let secret = ["secrets", "set", "KEY", "--from-env", "PATH"];
    for command in [&["login"][..], &["status"], &secret, &["destroy", "--yes", "--unrecorded"]] {
        let (code, _, words) = place.run(&[&["deploy"], command].concat());
        assert_eq!(code, Some(0), "{command:?}: {words}");
    }
    let (code, _, words) = place.run(&["deploy", "--yes"]);
    assert_eq!(code, Some(0), "{words}");
    let called = fs::read_to_string(place.folder.0.join("called")).expect("was written");
    for line in called.lines() {
        assert!(line.ends_with(" --env-file=/dev/null"), "{line}");
    }
    for command in ["auth: ", "login: ", "secret: ", "delete: ", "deploy: "] {
        assert!(called.contains(command), "{called}");
    }
}

#[test]
fn another_environment_or_name_of_wrangler_says_nothing() {
    let mut place = Place::new("workers-environment", &[("/settings", 200, MINE)]);
    place.set("CLOUDFLARE_ENV", "staging");
    place.set("WRANGLER_CI_OVERRIDE_NAME", "other");
    let seen = "echo \"$1 ${CLOUDFLARE_ENV-} ${WRANGLER_CI_OVERRIDE_NAME-}\" >> ROOT/called";
    place.folder.program("wrangler", &seen.replace("ROOT", &place.folder.0.display().to_string()));
    for command in [&["--yes"][..], &["secrets", "set", "KEY", "--from-env", "PATH"], &["destroy", "--yes"]] {
        let (code, _, words) = place.run(&[&["deploy"], command].concat());
        assert_eq!(code, Some(0), "{command:?}: {words}");
    }
    let called = fs::read_to_string(place.folder.0.join("called")).expect("was written");
    assert_eq!(called, "deploy  \nsecret  \ndelete  \n");
}

#[test]
fn logs_write_over_nothing_that_a_link_leads_to() {
    let place = Place::new("workers-links", &[("/settings", 200, MINE)]);
    place.folder.program("wrangler", "exit 1");
    place.folder.write("mine/precious", "mine");
    for (link, to) in [(".pmcp/build", "../mine"), (".pmcp/build/wrangler.json", "../../mine/precious")] {
        let path = place.folder.0.join(link);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        symlink(to, &path).expect("a link");
        let words = format!(
            "error: ./{link} is a link, and what it leads to would be written over\nremove the link, or put what it leads \
             to in its place\n"
        );
        assert_eq!(place.refused(&["deploy", "logs", "--tail"]), (Some(5), words));
        fs::remove_file(&path).expect("is removed");
    }
    assert_eq!(fs::read_to_string(place.folder.0.join("mine/precious")).expect("is there"), "mine");
    assert_eq!(fs::read_dir(place.folder.0.join("mine")).expect("is there").count(), 1);
}
