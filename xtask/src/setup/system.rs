//! Packages of the operating system: installed only where nobody's machine is changed unasked.

use std::env;
use std::process::Command;

use crate::failure::Failure;
use crate::program;

/// What the tasks may do to this machine besides filling their cache.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Permission {
    /// Nobody looks on: what cannot be had is a failure.
    pub(crate) ci: bool,
    /// Somebody asked for installations: `CI=true` or `--install`.
    pub(crate) install: bool,
}

impl Permission {
    pub(crate) fn from_environment(install: bool) -> Self {
        let ci = env::var("CI").is_ok_and(|value| value == "true");
        Self { ci, install: install || ci }
    }
}

/// Something that only the operating system's packages provide.
pub(crate) struct Package {
    /// What is not there, to complete the sentence "… was not found".
    pub(crate) what: &'static str,
    /// Its name for apt.
    pub(crate) apt: &'static str,
    /// Its name for Homebrew.
    pub(crate) brew: &'static str,
}

/// Installs a package where that is allowed; else fails with the line to type.
pub(crate) fn install(package: &Package, permission: Permission) -> Result<(), Failure> {
    let apt = program::find("apt-get");
    match apt {
        Some(apt) if permission.install && is_root() => {
            eprintln!("installing the system package {} with apt-get", package.apt);
            let run = |arguments: &[&str]| {
                let mut command = Command::new(&apt);
                command.args(arguments).env("DEBIAN_FRONTEND", "noninteractive");
                program::capture(&mut command)
            };
            run(&["update"])?;
            run(&["install", "--yes", "--no-install-recommends", package.apt])?;
            Ok(())
        }
        apt => Err(Failure::Missing {
            what: format!("{} was not found", package.what),
            advice: advice(package, apt.is_some(), cfg!(target_os = "macos")),
        }),
    }
}

/// The line to type.
fn advice(package: &Package, has_apt: bool, is_macos: bool) -> String {
    if has_apt {
        format!("type: sudo apt-get install --yes {}", package.apt)
    } else if is_macos {
        format!("type: brew install {}", package.brew)
    } else {
        format!("install it with your system's packages and put it on PATH ({} where there is apt)", package.apt)
    }
}

fn is_root() -> bool {
    program::capture(Command::new("id").arg("-u")).is_ok_and(|user| user.trim() == "0")
}

#[cfg(test)]
mod tests {
    use super::*;

    const NPM: Package = Package { what: "npm", apt: "npm", brew: "node" };

    #[test]
    fn nothing_is_installed_unasked() {
        let unasked = Permission { ci: false, install: false };
        let failure = install(&NPM, unasked).expect_err("must not install");
        assert!(failure.to_string().starts_with("npm was not found; "), "{failure}");
    }

    #[test]
    fn the_advice_fits_the_system() {
        assert_eq!(advice(&NPM, true, false), "type: sudo apt-get install --yes npm");
        assert_eq!(advice(&NPM, false, true), "type: brew install node");
        assert!(advice(&NPM, false, false).contains("your system's packages"));
    }
}
