//! The image: the executable, the certificates that it trusts, and nothing that says when or where it was made.
//!
//! Follows the OCI image specification: <https://github.com/opencontainers/image-spec/blob/main/spec.md>.

use std::io::{self, Write};
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::{Compression, GzBuilder};
use serde::Serialize;
use serde_json::json;
use sha2::{Digest as _, Sha256};
use tar::{EntryType, Header};

use crate::failure::{Failure, Result};
use crate::output::encode_json;

pub(super) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";

/// Where the certificates are, as most programs look for them.
const CERTIFICATES: &str = "etc/ssl/certs/ca-certificates.crt";

/// Who the server runs as: nobody in particular.
const USER: u64 = 65_532;

/// Some bytes, and the name that follows from them.
pub(super) struct Blob {
    pub(super) digest: String,
    pub(super) bytes: Vec<u8>,
}

/// All that a registry keeps of an image.
pub(super) struct Image {
    /// The configuration and the layers.
    pub(super) blobs: Vec<Blob>,
    pub(super) manifest: Blob,
}

/// A part of an image as its manifest names it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Descriptor<'a> {
    media_type: &'a str,
    digest: &'a str,
    size: usize,
}

impl Blob {
    fn new(bytes: Vec<u8>) -> Self {
        Self { digest: digest(&bytes), bytes }
    }

    fn described<'a>(&'a self, media_type: &'a str) -> Descriptor<'a> {
        Descriptor { media_type, digest: &self.digest, size: self.bytes.len() }
    }
}

impl Image {
    /// Of the executable at `path`.
    pub(super) fn new(path: &Path) -> Result<Self> {
        Self::of(&std::fs::read(path).map_err(Failure::file("reading", path))?)
    }

    fn of(executable: &[u8]) -> Result<Self> {
        let mut diffs = Vec::new();
        let mut blobs = Vec::new();
        // What every server has comes first: a registry that knows it is not sent it again.
        for tar in [base(), server(executable)] {
            let packed = tar.and_then(|tar| Ok((digest(&tar), packed(&tar)?)));
            let (diff, layer) = packed.map_err(Failure::file("packing", "the image"))?;
            diffs.push(diff);
            blobs.push(Blob::new(layer));
        }
        let config = json!({
            "architecture": "amd64",
            "os": "linux",
            "config": {
                "User": format!("{USER}:{USER}"),
                "Env": [format!("SSL_CERT_FILE=/{CERTIFICATES}")],
                "Entrypoint": ["/server"],
                "WorkingDir": "/",
            },
            "rootfs": { "type": "layers", "diff_ids": diffs },
        });
        let config = Blob::new(encode_json(&config)?.into_bytes());
        let layers: Vec<Descriptor<'_>> = blobs.iter().map(|layer| layer.described(LAYER)).collect();
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": config.described(CONFIG),
            "layers": layers,
        });
        let manifest = Blob::new(encode_json(&manifest)?.into_bytes());
        blobs.push(config);
        Ok(Self { blobs, manifest })
    }

    /// What is sent and kept, in bytes.
    pub(super) fn size(&self) -> usize {
        self.blobs.iter().map(|blob| blob.bytes.len()).sum()
    }
}

/// What Linux programs expect to be there: certificates, a name for the user, how names are looked up, a place for files.
fn base() -> io::Result<Vec<u8>> {
    let mut tar = tar::Builder::new(Vec::new());
    for folder in ["etc/", "etc/ssl/", "etc/ssl/certs/"] {
        add(&mut tar, folder, 0o755, None)?;
    }
    let user = format!("root:x:0:0:root:/:/nologin\nserver:x:{USER}:{USER}:server:/tmp:/nologin\n");
    add(&mut tar, "etc/passwd", 0o644, Some(user.as_bytes()))?;
    add(&mut tar, "etc/group", 0o644, Some(format!("root:x:0:\nserver:x:{USER}:\n").as_bytes()))?;
    add(&mut tar, "etc/nsswitch.conf", 0o644, Some(b"hosts: files dns\n"))?;
    add(&mut tar, CERTIFICATES, 0o644, Some(certificates().as_bytes()))?;
    add(&mut tar, "tmp/", 0o1777, None)?;
    tar.into_inner()
}

fn server(executable: &[u8]) -> io::Result<Vec<u8>> {
    let mut tar = tar::Builder::new(Vec::new());
    add(&mut tar, "server", 0o755, Some(executable))?;
    tar.into_inner()
}

/// The certificates that Mozilla trusts, and whose crate Cargo.lock pins: this machine's own differ from others'.
fn certificates() -> String {
    let mut text = String::new();
    for certificate in webpki_root_certs::TLS_SERVER_ROOT_CERTS {
        text.push_str("-----BEGIN CERTIFICATE-----\n");
        let encoded = STANDARD.encode(certificate);
        let mut rest = encoded.as_str();
        while !rest.is_empty() {
            let (line, more) = rest.split_at(rest.len().min(64));
            text.push_str(line);
            text.push('\n');
            rest = more;
        }
        text.push_str("-----END CERTIFICATE-----\n");
    }
    text
}

/// Adds a file, or a folder where there is no content. Nobody's name and no time is in it.
fn add(tar: &mut tar::Builder<Vec<u8>>, path: &str, mode: u32, content: Option<&[u8]>) -> io::Result<()> {
    let content_or_nothing = content.unwrap_or_default();
    let mut header = Header::new_ustar();
    header.set_entry_type(if content.is_some() { EntryType::Regular } else { EntryType::Directory });
    header.set_mode(mode);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_size(u64::try_from(content_or_nothing.len()).map_err(io::Error::other)?);
    tar.append_data(&mut header, path, content_or_nothing)
}

/// Compressed, without the time and the system that a gzip file can name.
fn packed(tar: &[u8]) -> io::Result<Vec<u8>> {
    let mut gzip = GzBuilder::new().mtime(0).operating_system(255).write(Vec::new(), Compression::best());
    gzip.write_all(tar)?;
    gzip.finish()
}

/// As registries name what they keep.
pub(super) fn digest(bytes: &[u8]) -> String {
    let hash = Sha256::digest(bytes);
    let digits: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{digits}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::read::GzDecoder;
    use serde_json::Value;
    use std::io::Read;

    fn image(executable: &[u8]) -> Image {
        Image::of(executable).expect("packs")
    }

    #[test]
    fn the_same_executable_is_the_same_image() {
        let (first, second, other) = (image(b"ELF"), image(b"ELF"), image(b"ELF 2"));
        assert_eq!(first.manifest.digest, second.manifest.digest);
        assert_ne!(first.manifest.digest, other.manifest.digest);
        assert_eq!(first.blobs[0].digest, other.blobs[0].digest, "the certificates are sent once");
    }

    #[test]
    fn an_image_is_what_its_names_say() {
        let image = image(b"ELF, more or less");
        let manifest: Value = serde_json::from_slice(&image.manifest.bytes).expect("JSON");
        let [base, server, config] = &image.blobs[..] else { panic!("two layers and a configuration") };
        for (layer, described) in [base, server].iter().zip(manifest["layers"].as_array().expect("layers")) {
            assert_eq!(described["digest"], layer.digest.as_str());
            assert_eq!(described["size"], layer.bytes.len());
        }
        let parsed: Value = serde_json::from_slice(&config.bytes).expect("JSON");
        let mut found = Vec::new();
        for (layer, diff) in [base, server].iter().zip(parsed["rootfs"]["diff_ids"].as_array().expect("names")) {
            let mut tar = Vec::new();
            GzDecoder::new(&layer.bytes[..]).read_to_end(&mut tar).expect("is compressed");
            assert_eq!(*diff, digest(&tar));
            for entry in tar::Archive::new(&tar[..]).entries().expect("is an archive") {
                let mut entry = entry.expect("an entry");
                let (path, header) = (entry.path().expect("a path").display().to_string(), entry.header().clone());
                assert_eq!((header.mtime().expect("a time"), header.uid().expect("an owner")), (0, 0));
                let mut content = String::new();
                entry.read_to_string(&mut content).expect("text");
                found.push((path, header.mode().expect("a mode"), content));
            }
        }
        let content = |path: &str| &found.iter().find(|(found, ..)| found == path).expect("is there").2;
        assert_eq!(content("server"), "ELF, more or less");
        assert!(content(CERTIFICATES).matches("BEGIN CERTIFICATE").count() > 100);
        assert!(found.iter().any(|(path, mode, _)| path == "tmp/" && *mode == 0o1777), "{found:?}");
    }
}
