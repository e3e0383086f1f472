//! Where a command works: the project around the folder that it is typed in, or that `-C` names.

use std::fs;

use super::Folder;

#[test]
fn the_project_is_found_from_within() {
    let folder = Folder::new("within");
    folder.config();
    folder.write("Cargo.toml", "[workspace]\nmembers = [\"server\"]\n");
    folder.write("server/Cargo.toml", "[package]\nname = \"crm\"\n");
    folder.write("server/src/lib.rs", "");
    folder.write("other/Cargo.toml", "[workspace]\n");
    // It is found: what is missing is the AWS CLI.
    for within in ["server", "server/src", "."] {
        let (code, words) = folder.refused(&["-C", within, "deploy", "status"]);
        assert!(code == Some(4) && words.starts_with("error: `aws` was not found on PATH\n"), "{within}: {words}");
    }
    // A workspace of its own has a project of its own.
    let (code, words) = folder.refused(&["-C", "other", "deploy", "status"]);
    let none = "error: there is no other/.pmcp/deploy.toml\nmake one with `cargo pmcp deploy init`, or go into the project, or \
                name its folder with -C\n";
    assert_eq!((code, words.as_str()), (Some(3), none));
}

#[cfg(unix)]
#[test]
fn init_from_within_makes_no_second_project() {
    let folder = Folder::new("init-within");
    folder.write("Cargo.toml", "[workspace]\nmembers = [\"server\"]\n");
    folder.write("server/Cargo.toml", "[package]\nname = \"crm\"\n");
    super::halfway::cargo(&folder, "exit 0");
    folder.printed(&["deploy", "init", "--target", "aws-lambda", "--name", "crm"]);
    fs::remove_file(folder.0.join("deploy/aws-lambda/app.ts")).expect("was written");
    assert_eq!(folder.printed(&["-C", "server", "deploy", "init"]), "wrote deploy/aws-lambda/app.ts\n");
    assert!(!folder.0.join("server/.pmcp").exists() && folder.0.join("deploy/aws-lambda/app.ts").exists());
}

#[test]
fn a_folder_that_is_not_there_is_not_made() {
    let folder = Folder::new("no-folder");
    folder.write("pmcp/pmcp-core/Cargo.toml", "");
    assert_eq!(
        folder.refused(&["-C", "nowhere", "new", "crm", "--path", "pmcp"]),
        (Some(2), "error: nowhere is no folder, which -C names\nmake it, or leave out -C\n".into())
    );
    assert!(!folder.0.join("nowhere").exists());
}

#[cfg(unix)]
#[test]
fn what_to_type_next_can_be_typed() {
    let folder = Folder::new("to-type");
    folder.write("pmcp/pmcp-core/Cargo.toml", "");
    folder.write("Ada's folder/file", "");
    let printed = folder.printed(&["-C", "Ada's folder", "new", "crm", "--path", "pmcp"]);
    assert!(printed.contains(r"next: cd 'Ada'\''s folder/crm' && cargo test && "), "{printed}");
    let printed = folder.printed(&["new", "crm", "--path", "pmcp"]);
    assert!(printed.contains("next: cd crm && cargo test && "), "{printed}");
}
