//! Links in a project: nothing that they lead to is written over.

use std::fs;
use std::os::unix::fs::symlink;

use super::Folder;
use super::halfway::{aws, deploy, project, stack};

#[test]
fn what_a_link_leads_to_is_not_written_over() {
    let folder = project("links");
    folder.write("mine/precious", "mine");
    for (link, to) in [
        (".pmcp/lock", "../mine/precious"),
        (".pmcp/build", "../mine"),
        (".pmcp/build/settings.json", "../../mine/precious"),
        (".pmcp/build/crm.zip", "../../mine/made"),
    ] {
        let path = folder.0.join(link);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        drop(fs::remove_dir_all(&path).or_else(|_| fs::remove_file(&path)));
        symlink(to, &path).expect("a link");
        let words = format!(
            "error: ./{link} is a link, and what it leads to would be written over\nremove the link, or put what it leads \
             to in its place\n"
        );
        assert_eq!(deploy(&folder), (Some(5), words));
        fs::remove_file(&path).expect("is removed");
    }
    assert_eq!(fs::read_to_string(folder.0.join("mine/precious")).expect("is there"), "mine");
    assert_eq!(fs::read_dir(folder.0.join("mine")).expect("is there").count(), 1);

    // What is in the lock is nobody's business.
    folder.write(".pmcp/lock", "mine");
    folder.program("aws", &aws("{\"Outputs\":[]}", &stack("UPDATE_COMPLETE")));
    folder.printed(&["deploy", "--yes"]);
    assert_eq!(fs::read_to_string(folder.0.join(".pmcp/lock")).expect("is there"), "mine");
}

#[test]
fn init_does_not_write_where_a_link_leads() {
    let folder = Folder::new("links-init");
    folder.write("Cargo.toml", "[workspace]\n");
    super::halfway::cargo(&folder, "exit 0");
    fs::create_dir_all(folder.0.join("deploy/aws-lambda")).expect("a folder");
    symlink("../../elsewhere.ts", folder.0.join("deploy/aws-lambda/app.ts")).expect("a link");
    let words = "error: ./deploy/aws-lambda/app.ts is a link, and what it leads to would be written over\nremove the link, or \
                 put what it leads to in its place\n";
    let init = ["deploy", "init", "--target", "aws-lambda", "--name", "crm"];
    assert_eq!(folder.refused(&init), (Some(5), words.into()));
    assert!(!folder.0.join("elsewhere.ts").exists() && !folder.0.join(".pmcp").exists());
}

#[test]
fn nothing_is_removed_where_a_link_leads() {
    let folder = project("links-removal");
    folder.program("aws", &aws("{\"Outputs\":[]}", &stack("UPDATE_COMPLETE")));
    folder.printed(&["deploy", "--yes"]);
    let move_out = |name: &str| {
        fs::rename(folder.0.join(name), folder.0.join("elsewhere")).expect("is moved");
        symlink("elsewhere", folder.0.join(name)).expect("a link");
    };
    let move_back = |name: &str| {
        fs::remove_file(folder.0.join(name)).expect("is a link");
        fs::rename(folder.0.join("elsewhere"), folder.0.join(name)).expect("is moved");
    };
    let destroy = ["deploy", "destroy", "--clean", "--yes"];
    for link in ["deploy", ".pmcp"] {
        move_out(link);
        let (code, words) = folder.refused(&destroy);
        let what = format!("error: ./{link} is a link, and what ");
        assert!(code == Some(5) && words.contains(&what), "{words}");
        move_back(link);
    }
    assert!(folder.0.join("deploy/aws-lambda/app.ts").exists() && folder.0.join(".pmcp/deployed.json").exists());
    folder.printed(&destroy);
    assert!(!folder.0.join("deploy/aws-lambda/app.ts").exists());
}

#[test]
fn what_is_in_the_place_of_a_file_is_no_reason_to_remove_nothing() {
    let folder = project("links-in-place");
    folder.program("aws", &aws("{\"Outputs\":[]}", &stack("UPDATE_COMPLETE")));
    folder.printed(&["deploy", "--yes"]);
    let at = |file: &str| folder.0.join("deploy/aws-lambda").join(file);
    for file in ["app.ts", "server-stack.ts", "tsconfig.json"] {
        fs::remove_file(at(file)).expect("was there");
    }
    symlink("nowhere.ts", at("app.ts")).expect("a link");
    symlink("/dev/zero", at("server-stack.ts")).expect("a link");
    fs::create_dir(at("tsconfig.json")).expect("a folder");
    let removed = folder.printed(&["deploy", "destroy", "--clean", "--yes"]);
    for file in ["server-stack.ts", "tsconfig.json"] {
        let left = format!("left    deploy/aws-lambda/{file}\n        was changed by you\n");
        assert!(removed.contains(&left), "{removed}");
    }
    assert!(at("app.ts").is_symlink() && at("server-stack.ts").is_symlink() && !at("cdk.json").exists());
}

#[test]
fn a_record_without_an_end_is_not_read() {
    let folder = project("links-endless");
    symlink("/dev/zero", folder.0.join(".pmcp/deployed.json")).expect("a link");
    let words = "error: ./.pmcp/deployed.json is no file of up to 1 MiB\nrestore it from version control, or remove it if \
                 nothing is deployed\n";
    assert_eq!(folder.refused(&["deploy", "status"]), (Some(5), words.into()));
    let lock = folder.0.join("deploy/aws-lambda/package-lock.json");
    fs::remove_file(&lock).expect("was there");
    symlink("/dev/zero", &lock).expect("a link");
    fs::remove_file(folder.0.join(".pmcp/deployed.json")).expect("was there");
    let words =
        "error: ./deploy/aws-lambda/package-lock.json is no file of up to 16 MiB\nmake it anew with `npm install`\n";
    assert_eq!(folder.refused(&["deploy", "--dry-run"]), (Some(5), words.into()));
}
