//! The zip that platforms take: one file, whose bytes say nothing of when and where it was packed.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

use crate::failure::{Failure, Result};

/// Where a server's zip is in its project.
pub(super) fn path(server: &str) -> String {
    format!(".pmcp/build/{server}.zip")
}

/// Packs the executable under the name that the platform starts.
pub(super) fn zip(executable: &Path, name: &str, zip: &Path) -> Result {
    if let Some(folder) = zip.parent() {
        fs::create_dir_all(folder).map_err(Failure::file("creating", folder))?;
    }
    let mut from = File::open(executable).map_err(Failure::file("reading", executable))?;
    let packed = File::create(zip).and_then(|file| {
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Deflated)
            .last_modified_time(DateTime::default())
            .unix_permissions(0o755);
        let mut writer = ZipWriter::new(file);
        writer.start_file(name, options)?;
        io::copy(&mut from, &mut writer)?;
        writer.finish().map(drop).map_err(io::Error::from)
    });
    packed.map_err(Failure::file("writing", zip))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_executable_is_packed_into_the_same_bytes() {
        let folder = std::env::temp_dir().join(format!("cargo-pmcp-{}-zip", std::process::id()));
        fs::create_dir_all(&folder).expect("a scratch folder");
        let executable = folder.join("server");
        let mut packed = Vec::new();
        for turn in 0..2 {
            fs::write(&executable, b"ELF, more or less").expect("writes");
            // The times of a zip have a resolution of two seconds.
            let past = std::time::SystemTime::now() - std::time::Duration::from_secs(10 * turn);
            File::options().write(true).open(&executable).and_then(|file| file.set_modified(past)).expect("is changed");
            let path = folder.join(format!("{turn}.zip"));
            zip(&executable, "bootstrap", &path).expect("packs");
            packed.push(fs::read(path).expect("is there"));
        }
        assert_eq!(packed[0], packed[1]);
        let mut archive = zip::ZipArchive::new(io::Cursor::new(&packed[0])).expect("is a zip");
        let file = archive.by_name("bootstrap").expect("has the file that is started");
        assert_eq!(file.unix_mode(), Some(0o100_755));
        drop(file);
        fs::remove_dir_all(folder).expect("is removed");
    }
}
