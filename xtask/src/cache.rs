//! The folder outside the checkout that holds what the tasks bring, and the stamps that say what is there.

use std::env;
use std::ffi::OsString;
use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use crate::failure::Failure;

/// Name of the file that says an installation is complete and what it was made from.
const STAMP: &str = ".pmcp-stamp";

/// The cache folder.
#[derive(Debug)]
pub(crate) struct Cache {
    root: PathBuf,
}

/// What one part needs and where it goes.
pub(crate) struct Part<'a> {
    /// Said to the reader while it is brought.
    pub(crate) what: &'a str,
    /// Its folder inside the cache; emptied before an installation.
    pub(crate) folder: &'a str,
    /// A file of it, without which it is not there whatever the stamp says.
    pub(crate) proof: &'a str,
    /// Everything that, if it changed, makes a new installation necessary.
    pub(crate) inputs: &'a [&'a str],
}

impl Cache {
    /// Finds the cache folder and creates it: `PMCP_CACHE` or the platform's cache folder.
    pub(crate) fn open() -> Result<Self, Failure> {
        let root =
            location(env::consts::OS, |name| env::var_os(name).filter(|value| !value.is_empty())).ok_or_else(|| {
                Failure::Missing {
                    what: "no folder for tools: the environment names neither a home nor a cache".into(),
                    advice: "set PMCP_CACHE to a folder that may be written".into(),
                }
            })?;
        let root = std::path::absolute(&root).map_err(Failure::file("finding the folder", &root))?;
        fs::create_dir_all(&root).map_err(Failure::file("creating", &root))?;
        Ok(Self { root })
    }

    pub(crate) fn folder(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    /// Keeps other xtasks from installing at the same time, until the file is dropped.
    pub(crate) fn lock(&self) -> Result<File, Failure> {
        let path = self.folder("lock");
        let file = File::create(&path).map_err(Failure::file("creating", &path))?;
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) => {
                eprintln!("waiting for another xtask that holds {}", path.display());
            }
            Err(TryLockError::Error(source)) => {
                return Err(Failure::file("locking", &path)(source));
            }
        }
        file.lock().map_err(Failure::file("locking", &path))?;
        Ok(file)
    }

    /// Makes sure a part is there and returns its folder. What the stamp vouches for is left
    /// alone; else `find` what the installation needs, then `install` into the emptied folder.
    /// The stamp is written last, so what was interrupted is done again.
    pub(crate) fn bring<T>(
        &self,
        part: &Part<'_>,
        find: impl FnOnce() -> Result<T, Failure>,
        install: impl FnOnce(&Path, T) -> Result<(), Failure>,
    ) -> Result<PathBuf, Failure> {
        let folder = self.folder(part.folder);
        if self.holds(part) {
            return Ok(folder);
        }
        let found = find()?;
        eprintln!("bringing {} into {}", part.what, folder.display());
        if folder.exists() {
            fs::remove_dir_all(&folder).map_err(Failure::file("emptying", &folder))?;
        }
        fs::create_dir_all(&folder).map_err(Failure::file("creating", &folder))?;
        install(&folder, found)?;
        let path = folder.join(STAMP);
        let stamp = fingerprint(part.inputs);
        fs::write(&path, stamp).map_err(Failure::file("writing", &path))?;
        Ok(folder)
    }

    /// Whether a part is there, complete and made from the same inputs.
    pub(crate) fn holds(&self, part: &Part<'_>) -> bool {
        let folder = self.folder(part.folder);
        folder.join(part.proof).exists()
            && fs::read_to_string(folder.join(STAMP)).is_ok_and(|found| found == fingerprint(part.inputs))
    }
}

/// Where the cache is on a system, given its environment.
fn location(os: &str, variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let path = |name: &str| variable(name).map(PathBuf::from);
    if let Some(own) = path("PMCP_CACHE") {
        return Some(own);
    }
    // A relative XDG folder is invalid and to be ignored, says its specification.
    if let Some(xdg) = path("XDG_CACHE_HOME").filter(|folder| folder.is_absolute()) {
        return Some(xdg.join("pmcp"));
    }
    match os {
        "windows" => path("LOCALAPPDATA").map(|folder| folder.join("pmcp")),
        "macos" => path("HOME").map(|home| home.join("Library/Caches/pmcp")),
        _ => path("HOME").map(|home| home.join(".cache/pmcp")),
    }
}

/// FNV-1a over the inputs, their lengths included: the same in every Rust release, unlike the
/// standard library's hasher.
fn fingerprint(inputs: &[&str]) -> String {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    for input in inputs {
        let length = (input.len() as u64).to_le_bytes();
        for byte in length.iter().chain(input.as_bytes()) {
            hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
    format!("{hash:016x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scratch(name: &str) -> Cache {
        let root = env::temp_dir().join(format!("pmcp-xtask-{}-{name}", std::process::id()));
        fs::create_dir_all(&root).expect("a scratch folder");
        Cache { root }
    }

    fn part<'a>(inputs: &'a [&'a str]) -> Part<'a> {
        Part { what: "a sample", folder: "sample", proof: "program", inputs }
    }

    fn install(folder: &Path, (): ()) -> Result<(), Failure> {
        fs::write(folder.join("program"), "").map_err(Failure::file("writing", folder))
    }

    fn bring(cache: &Cache, inputs: &[&str]) -> PathBuf {
        let brought = cache.bring(&part(inputs), || Ok(()), install);
        brought.expect("a sample installs")
    }

    fn remove(cache: Cache) {
        fs::remove_dir_all(cache.root).expect("the scratch folder is removed");
    }

    #[test]
    fn the_second_time_nothing_is_looked_for_or_installed() {
        let cache = scratch("twice");
        bring(&cache, &["1"]);
        let second = cache.bring(&part(&["1"]), || panic!("must not look"), |_, (): ()| panic!("must not install"));
        assert_eq!(second.expect("is there"), cache.folder("sample"));
        remove(cache);
    }

    #[test]
    fn changed_inputs_start_from_an_empty_folder() {
        let cache = scratch("changed");
        let folder = bring(&cache, &["1"]);
        fs::write(folder.join("old"), "").expect("writes");
        bring(&cache, &["2"]);
        assert!(!folder.join("old").exists());
        assert!(folder.join("program").exists());
        remove(cache);
    }

    #[test]
    fn a_failed_installation_is_done_again() {
        let cache = scratch("failed");
        let failed = cache.bring(
            &part(&["1"]),
            || Ok(()),
            |folder, found| {
                install(folder, found)?;
                fs::write(folder.join("half"), "").map_err(Failure::file("writing", folder))?;
                Err(Failure::Usage("interrupted".into()))
            },
        );
        assert!(failed.is_err());
        assert!(!cache.holds(&part(&["1"])));
        let folder = bring(&cache, &["1"]);
        assert!(!folder.join("half").exists());
        remove(cache);
    }

    #[test]
    fn what_an_installation_needs_and_is_missing_leaves_the_folder_alone() {
        let cache = scratch("needs");
        let folder = bring(&cache, &["1"]);
        let failed =
            cache.bring(&part(&["2"]), || Err(Failure::Usage("no npm".into())), |_, (): ()| panic!("must not install"));
        assert!(failed.is_err());
        assert!(folder.join("program").exists());
        remove(cache);
    }

    #[test]
    fn a_half_written_stamp_does_not_count() {
        let cache = scratch("half");
        let folder = bring(&cache, &["1"]);
        let stamp = fs::read_to_string(folder.join(STAMP)).expect("a stamp");
        fs::write(folder.join(STAMP), &stamp[..4]).expect("writes");
        assert!(!cache.holds(&part(&["1"])));
        remove(cache);
    }

    #[test]
    fn a_stamp_without_the_program_does_not_count() {
        let cache = scratch("proof");
        let folder = bring(&cache, &["1"]);
        assert!(cache.holds(&part(&["1"])));
        fs::remove_file(folder.join("program")).expect("removes");
        assert!(!cache.holds(&part(&["1"])));
        remove(cache);
    }

    #[test]
    fn fingerprints_see_where_one_input_ends() {
        assert_ne!(fingerprint(&["ab", "c"]), fingerprint(&["a", "bc"]));
        assert_eq!(fingerprint(&["ab", "c"]), fingerprint(&["ab", "c"]));
    }

    #[test]
    fn each_system_keeps_its_cache_where_it_belongs() {
        let environment = |pairs: &'static [(&str, &str)]| {
            move |name: &str| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| OsString::from(*value))
        };
        for (os, pairs, expected) in [
            ("linux", &[("PMCP_CACHE", "/own"), ("HOME", "/home/a")][..], Some("/own")),
            ("linux", &[("XDG_CACHE_HOME", "/xdg"), ("HOME", "/home/a")][..], Some("/xdg/pmcp")),
            ("linux", &[("XDG_CACHE_HOME", "relative"), ("HOME", "/home/a")][..], Some("/home/a/.cache/pmcp")),
            ("macos", &[("HOME", "/Users/a")][..], Some("/Users/a/Library/Caches/pmcp")),
            ("windows", &[("LOCALAPPDATA", "/local")][..], Some("/local/pmcp")),
            ("linux", &[][..], None),
        ] {
            let found = location(os, environment(pairs));
            assert_eq!(found.as_deref(), expected.map(Path::new), "{os} with {pairs:?}");
        }
    }
}
