//! The packages that have a `main` for one platform each: `new` writes them, and `deploy init` where one is missing.

use std::path::{Component, Path, PathBuf};

use serde_json::json;

use crate::cli::Platform;
use crate::files::NewFile;
use crate::workspace::{Adapter, CLOUDRUN, LAMBDA, Library, STDIO, Source, WORKERS};

macro_rules! template {
    ($name:literal) => {
        include_str!(concat!("../templates/new/", $name))
    };
}

/// In the Cargo.toml of a workspace that has a Worker; a profile has its effect nowhere else.
pub(crate) const WORKERS_PROFILE: &str = template!("workers/profile.toml.in");

/// The oldest Rust that the crates of pmcp take.
pub(crate) const RUST: &str = env!("CARGO_PKG_RUST_VERSION");

/// What a platform's `main` and its package are made of.
pub(crate) struct MainTemplate {
    /// The folder of its `main`.
    pub(crate) folder: &'static str,
    pub(crate) adapter: &'static Adapter,
    /// As in "The server …".
    pub(crate) place: &'static str,
    /// What its `main` does before the server is made.
    first: &'static str,
}

impl Platform {
    /// The targets that need its `main`, as they are typed.
    pub(crate) fn targets(self) -> &'static [&'static str] {
        self.main_template().adapter.targets
    }

    pub(crate) fn main_template(self) -> MainTemplate {
        match self {
            Self::AwsLambda => MainTemplate {
                folder: "aws-lambda",
                adapter: &LAMBDA,
                place: "on AWS Lambda",
                first: "    // Puts [secrets] of .pmcp/deploy.toml into the environment, where there are any.\n    \
                        pmcp_lambda::load_secrets().await?;\n",
            },
            Self::CloudflareWorkers => MainTemplate {
                folder: "cloudflare-workers",
                adapter: &WORKERS,
                place: "on Cloudflare Workers",
                first: "",
            },
            Self::GoogleCloudRun => MainTemplate {
                folder: "google-cloud-run",
                adapter: &CLOUDRUN,
                place: "over HTTP: on Google Cloud Run, in any container, on your own machine",
                first: "",
            },
            Self::Stdio => MainTemplate {
                folder: "stdio",
                adapter: &STDIO,
                place: "over standard input and output, started by its client",
                first: "",
            },
        }
    }
}

/// Where its package has what it is made of: lines of Cargo.toml.
pub(crate) struct Dependencies {
    pub(crate) server: String,
    pub(crate) adapter: String,
    pub(crate) tokio: String,
}

impl Dependencies {
    /// All from the workspace, as `new` makes it.
    pub(crate) fn of_workspace(server: &str, adapter: &Adapter) -> Self {
        let line = |name: &str| format!("{name}.workspace = true");
        Self { server: line(server), adapter: line(adapter.name), tokio: line("tokio") }
    }

    /// Each by itself, in a workspace that somebody else made.
    fn of_library(library: &Library, folder: &Path, adapter: &Adapter) -> Self {
        let path = relative(folder, &library.folder);
        Self {
            server: format!("{} = {{ path = {} }}", library.package, json!(path.to_string_lossy())),
            adapter: adapter_line(&library.core, adapter),
            tokio: r#"tokio = { version = "1", features = ["macros", "rt-multi-thread"] }"#.into(),
        }
    }
}

/// The adapter from where pmcp-core is from.
fn adapter_line(core: &Source, adapter: &Adapter) -> String {
    let name = adapter.name;
    match core {
        Source::Path(path) => {
            let path = path.parent().unwrap_or(path).join(name);
            format!("{name} = {{ path = {} }}", json!(path.to_string_lossy()))
        }
        Source::Git(source) => {
            let source = source.trim_start_matches("git+");
            let source = source.split_once('#').map_or(source, |(source, _)| source);
            let (url, reference) = source.split_once('?').unwrap_or((source, ""));
            let reference = reference.split_once('=').map(|(kind, value)| format!(", {kind} = {}", json!(value)));
            format!("{name} = {{ git = {}{} }}", json!(url), reference.unwrap_or_default())
        }
        Source::Registry(version) => format!("{name} = {}", json!(version)),
    }
}

/// The way from one folder to another.
pub(crate) fn relative(from: &Path, to: &Path) -> PathBuf {
    let (from, to): (Vec<Component<'_>>, Vec<Component<'_>>) = (from.components().collect(), to.components().collect());
    let same = from.iter().zip(&to).take_while(|(one, other)| one == other).count();
    let up = from.iter().skip(same).map(|_| Component::ParentDir);
    up.chain(to.iter().skip(same).copied()).collect()
}

/// The package's files.
pub(crate) fn files(platform: Platform, server: &str, module: &str, dependencies: &Dependencies) -> Vec<NewFile> {
    let (cargo, path, main) = match platform {
        Platform::CloudflareWorkers => {
            (template!("workers/Cargo.toml.in"), "src/lib.rs", template!("workers/lib.rs.in"))
        }
        Platform::AwsLambda | Platform::GoogleCloudRun | Platform::Stdio => {
            (template!("platform/Cargo.toml.in"), "src/main.rs", template!("platform/main.rs.in"))
        }
    };
    let MainTemplate { folder, adapter, place, first } = platform.main_template();
    let fill = |template: &str| {
        let text = template.replace("{{server}}", &dependencies.server).replace("{{adapter}}", &dependencies.adapter);
        let text = text.replace("{{tokio}}", &dependencies.tokio).replace("{{suffix}}", adapter.suffix);
        let text = text.replace("{{first}}", first);
        let text = text.replace("{{rust}}", RUST);
        text.replace("{{place}}", place).replace("{{module}}", module).replace("{{name}}", server)
    };
    let mut files = vec![
        NewFile::new(format!("{folder}/Cargo.toml"), fill(cargo)),
        NewFile::new(format!("{folder}/{path}"), fill(main)),
    ];
    if platform == Platform::CloudflareWorkers {
        files.extend(wrangler_files(folder));
    }
    files
}

/// What wrangler wants beside a Worker's Cargo.toml.
pub(crate) fn wrangler_files(folder: &str) -> [NewFile; 2] {
    [
        NewFile::new(
            format!("{folder}/wrangler.toml"),
            include_str!("../templates/cloudflare-workers/wrangler.toml.in"),
        ),
        NewFile::new(format!("{folder}/.gitignore"), include_str!("../templates/cloudflare-workers/gitignore.in")),
    ]
}

/// The same for a server that is there already, in the workspace in `root`.
pub(crate) fn files_for(platform: Platform, library: &Library, root: &Path) -> Vec<NewFile> {
    let MainTemplate { folder, adapter, .. } = platform.main_template();
    let dependencies = Dependencies::of_library(library, &root.join(folder), adapter);
    files(platform, &library.package, &library.module, &dependencies)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_adapter_comes_from_where_the_core_does() {
        let git = |source: &str| adapter_line(&Source::Git(source.into()), &LAMBDA);
        assert_eq!(
            git("git+https://example.com/pmcp?branch=main#0123"),
            r#"pmcp-lambda = { git = "https://example.com/pmcp", branch = "main" }"#
        );
        assert_eq!(git("git+https://example.com/pmcp"), r#"pmcp-lambda = { git = "https://example.com/pmcp" }"#);
        let path = adapter_line(&Source::Path("/src/pmcp/pmcp-core".into()), &CLOUDRUN);
        assert_eq!(path, r#"pmcp-cloudrun = { path = "/src/pmcp/pmcp-cloudrun" }"#);
        assert_eq!(adapter_line(&Source::Registry("^0.1".into()), &LAMBDA), r#"pmcp-lambda = "^0.1""#);
    }

    #[test]
    fn ways_between_folders_go_up_and_down() {
        let way = |from: &str, to: &str| relative(Path::new(from), Path::new(to)).display().to_string();
        assert_eq!(way("/crm/aws-lambda", "/crm/server"), "../server");
        assert_eq!(way("/crm/aws-lambda", "/crm"), "..");
        assert_eq!(way("/crm/aws-lambda", "/other/a"), "../../other/a");
    }
}
