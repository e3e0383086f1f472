//! The README of a new project: its commands, its endpoints and how clients connect, as they are for its platforms.

use clap::ValueEnum;

use super::Source;
use crate::cli::Platform;
use crate::config::TargetType;
use crate::mains::MainTemplate;

const README: &str = include_str!("../../templates/new/README.md.in");
const DEV: &str = include_str!("../../templates/new/readme/dev.md.in");
const STDIO: &str = include_str!("../../templates/new/readme/stdio.md.in");
const DEPLOY: &str = include_str!("../../templates/new/readme/deploy.md.in");

impl Platform {
    /// What a client of `cargo pmcp dev` connects to, where there is such a thing.
    fn endpoint(self) -> Option<&'static str> {
        match self {
            Self::AwsLambda => Some("http://127.0.0.1:9000/lambda-url/{{name}}-lambda/mcp"),
            Self::CloudflareWorkers => Some("http://127.0.0.1:8787/mcp"),
            Self::GoogleCloudRun => Some("http://127.0.0.1:8080/mcp"),
            Self::Stdio => None,
        }
    }

    /// The first target that needs its `main`.
    fn first_target(self) -> Option<&'static str> {
        self.targets().first().copied()
    }
}

/// For a project with a `main` for each of these, that is meant for these targets.
pub(super) fn readme(name: &str, platforms: &[Platform], deploy: &[String], source: &Source) -> String {
    let folder = |platform: &Platform| {
        let MainTemplate { folder, place, .. } = platform.main_template();
        format!("| `{folder}` | its `main` {place} |")
    };
    let folders: Vec<String> = platforms.iter().map(folder).collect();
    let endpoints: Vec<String> = platforms
        .iter()
        .filter_map(|platform| {
            let (target, endpoint) = (platform.first_target()?, platform.endpoint()?);
            Some(format!("| `cargo pmcp dev --target {target}` | `{endpoint}` |"))
        })
        .collect();
    // The one that `dev` takes by itself: over HTTP, else under the emulator of Lambda, else as a Worker.
    let preferred = [Platform::GoogleCloudRun, Platform::AwsLambda, Platform::CloudflareWorkers];
    let endpoint =
        preferred.iter().find(|platform| platforms.contains(platform)).and_then(|platform| platform.endpoint());
    let target = deploy.first().map_or("google-cloud-run", String::as_str);
    let all = TargetType::value_variants().iter().filter_map(|other| other.to_possible_value());
    let all: Vec<String> = all.map(|other| other.get_name().to_owned()).collect();
    // First those that it is meant for as well.
    let others = deploy.iter().skip(1).chain(all.iter().filter(|other| !deploy.contains(other)));
    let others: Vec<String> = others.filter(|other| *other != target).map(|other| format!("`{other}`")).collect();
    let mut sections = String::new();
    if let Some(endpoint) = endpoint {
        sections += &DEV.replace("{{endpoints}}", &endpoints.join("\n")).replace("{{endpoint}}", endpoint);
    }
    if platforms.contains(&Platform::Stdio) {
        sections += STDIO;
    }
    let (last, first) = others.split_last().map_or((String::new(), &others[..]), |(last, first)| (last.clone(), first));
    let others = format!("{} and {last}", first.join(", "));
    sections += &DEPLOY.replace("{{target}}", target).replace("{{others}}", &others);
    let text = README.replace("{{folders}}", &folders.join("\n")).replace("{{install}}", &source.install_line());
    text.replace("{{sections}}\n", &sections).replace("{{name}}", name)
}
