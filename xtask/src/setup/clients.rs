//! The MCP clients from npm: installed in the cache, reachable from tests/clients through a link.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::npm::{FILES, from_npm};
use super::system::Permission;
use crate::cache::Cache;
use crate::failure::Failure;

/// The folder whose node_modules has the clients. `samples` is where the test scripts live.
pub(crate) fn clients(samples: &Path, cache: &Cache, node: &Path, permission: Permission) -> Result<PathBuf, Failure> {
    let what = ("the MCP clients from npm (180 MB)", "clients");
    let folder = from_npm(what, (samples, &FILES), cache, node, permission)?;
    link(&folder.join("node_modules"), &samples.join("node_modules"))?;
    Ok(folder)
}

/// Makes `link` lead to `target`; a folder that is no link is somebody's own and stays.
fn link(target: &Path, link: &Path) -> Result<(), Failure> {
    match fs::read_link(link) {
        Ok(found) if found == target => return Ok(()),
        Ok(_) => remove_link(link).map_err(Failure::file("removing the old link", link))?,
        Err(_) if link.exists() => {
            return Err(Failure::Missing {
                what: format!("{} is a folder where a link to {} belongs", link.display(), target.display()),
                advice: "remove it and run this again".into(),
            });
        }
        Err(_) => {}
    }
    symlink(target, link).map_err(Failure::file("linking", link))
}

#[cfg(not(windows))]
fn symlink(target: &Path, link: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(target, link)
}

// Windows lets only administrators and machines in developer mode make links; its error says so.
#[cfg(windows)]
fn symlink(target: &Path, link: &Path) -> io::Result<()> {
    std::os::windows::fs::symlink_dir(target, link)
}

#[cfg(not(windows))]
fn remove_link(link: &Path) -> io::Result<()> {
    fs::remove_file(link)
}

#[cfg(windows)]
fn remove_link(link: &Path) -> io::Result<()> {
    fs::remove_dir(link)
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_made_renewed_and_left_alone() {
        let folder = std::env::temp_dir().join(format!("pmcp-xtask-{}-link", std::process::id()));
        fs::create_dir_all(folder.join("own")).expect("a scratch folder");
        let (first, second) = (folder.join("first"), folder.join("second"));
        let place = folder.join("node_modules");
        for target in [&first, &first, &second] {
            link(target, &place).expect("links");
            assert_eq!(&fs::read_link(&place).expect("is a link"), target);
        }
        let refused = link(&first, &folder.join("own")).expect_err("a folder stays");
        assert!(refused.to_string().contains("remove it"), "{refused}");
        assert!(folder.join("own").is_dir());
        fs::remove_dir_all(folder).expect("removes the scratch folder");
    }
}
