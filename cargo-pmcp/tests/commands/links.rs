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
