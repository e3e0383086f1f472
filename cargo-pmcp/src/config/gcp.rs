//! `[gcp]` in deploy.toml.

use std::collections::BTreeSet;
use std::path::Path;

use clap::ValueEnum;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::check::{Broken, broken, is_direction};
use super::{Config, TargetType};

/// For the target google-cloud-run.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Gcp {
    /// The id of the project, which has this server.
    pub(crate) project: Option<String>,
    /// The region, such as `europe-west1`.
    pub(crate) region: String,
    /// Who the server is to Google Cloud: `NAME@PROJECT.iam.gserviceaccount.com`. Without it, what Compute Engine has.
    pub(crate) service_account: Option<String>,
    /// What makes the image: this tool, Docker by the project's Dockerfile, or Cloud Build by its cloudbuild.yaml.
    pub(crate) builder: ImageBuilder,
    /// Processors of an instance: 1, 2, 4, 6 or 8; less than 1 serves one request at a time.
    #[schemars(range(min = 0.08, max = 8))]
    pub(crate) cpu: f64,
    /// Whether an instance has its processors also while no request is under way, as tasks that run on need it.
    pub(crate) cpu_always: bool,
    /// Memory of an instance, in MB.
    #[schemars(range(min = 128, max = 32_768))]
    pub(crate) memory_mb: u32,
    /// How many requests an instance serves at once.
    #[schemars(range(min = 1, max = 1000))]
    pub(crate) concurrency: u32,
    /// How many instances are kept ready.
    pub(crate) min_instances: u32,
    /// How many instances may run side by side. Without it, what Cloud Run allows.
    #[schemars(range(min = 1))]
    pub(crate) max_instances: Option<u32>,
    /// How long one request may take, in seconds.
    #[schemars(range(min = 1, max = 3600))]
    pub(crate) timeout_seconds: u32,
    /// Where requests may come from.
    pub(crate) ingress: Ingress,
    /// Who may call the server.
    pub(crate) authentication: Authentication,
    /// The private network that the server is to reach.
    pub(crate) vpc: Option<GcpVpc>,
    /// Databases of Cloud SQL, `PROJECT:REGION:INSTANCE`: each is a socket under `/cloudsql`.
    pub(crate) cloud_sql: Vec<String>,
}

impl Default for Gcp {
    fn default() -> Self {
        Self {
            project: None,
            region: "us-central1".into(),
            service_account: None,
            builder: ImageBuilder::Cargo,
            cpu: 1.0,
            cpu_always: false,
            memory_mb: 512,
            concurrency: 80,
            min_instances: 0,
            max_instances: None,
            timeout_seconds: 300,
            ingress: Ingress::All,
            authentication: Authentication::Public,
            vpc: None,
            cloud_sql: Vec::new(),
        }
    }
}

/// What makes an image.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema, ValueEnum, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ImageBuilder {
    /// Cargo and this tool: no Docker needed, and the same source gives the same image.
    Cargo,
    /// Docker on this machine, by deploy/google-cloud-run/Dockerfile.
    Docker,
    /// Cloud Build, by deploy/google-cloud-run/cloudbuild.yaml.
    CloudBuild,
}

/// Where requests may come from.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Ingress {
    /// Anywhere.
    All,
    /// The project's own networks.
    Internal,
    /// These, and the load balancers of Google Cloud.
    InternalAndCloudLoadBalancing,
}

/// Who may call a server.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Authentication {
    /// Everybody who knows the URL.
    Public,
    /// Whoever has the role `roles/run.invoker`, and sends a token that says so.
    Iam,
}

/// A private network: through a connector, or directly.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct GcpVpc {
    /// A connector of Serverless VPC Access.
    pub(crate) connector: Option<String>,
    /// A network to be in directly, without a connector.
    pub(crate) network: Option<String>,
    /// The subnet to be in. Without it, the one that is called as the network.
    pub(crate) subnet: Option<String>,
    /// Network tags, which firewall rules name.
    #[serde(default)]
    pub(crate) tags: Vec<String>,
    /// What leaves through it.
    #[serde(default)]
    pub(crate) egress: Egress,
}

/// What leaves through a private network.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Egress {
    /// What goes to private addresses.
    #[default]
    PrivateRangesOnly,
    /// Everything: it then reaches the internet only through a NAT there.
    AllTraffic,
}

/// What Google Cloud Run does not take.
pub(super) fn check(config: &Config) -> Result<(), Broken> {
    let gcp = &config.gcp;
    if gcp.project.as_ref().is_some_and(|project| !is_project(project)) {
        let what = "this is no id of a project; they look like `my-project-123456`, and have no spaces as names do";
        return broken(&["gcp", "project"], what);
    }
    if !is_region(&gcp.region) {
        return broken(&["gcp", "region"], "this is no region; they look like `europe-west1`");
    }
    for (key, value, least, most) in [
        ("memory_mb", gcp.memory_mb, 128, 32_768),
        ("concurrency", gcp.concurrency, 1, 1000),
        ("timeout_seconds", gcp.timeout_seconds, 1, 3600),
    ] {
        if !(least..=most).contains(&value) {
            return broken(&["gcp", key], format!("must be from {least} to {most}"));
        }
    }
    if let Some((key, what)) = wrong_size(gcp) {
        return broken(&["gcp", key], what);
    }
    if gcp.max_instances.is_some_and(|most| most < gcp.min_instances.max(1)) {
        return broken(&["gcp", "max_instances"], "must be at least 1, and at least `min_instances`");
    }
    if let Some(account) = &gcp.service_account
        && !account
            .split_once('@')
            .is_some_and(|(name, domain)| !name.is_empty() && domain.ends_with(".gserviceaccount.com"))
    {
        return broken(&["gcp", "service_account"], "must look like `NAME@PROJECT.iam.gserviceaccount.com`");
    }
    if let Some(vpc) = &gcp.vpc {
        let is_direct = vpc.network.is_some() || vpc.subnet.is_some() || !vpc.tags.is_empty();
        if vpc.connector.is_some() == is_direct {
            return broken(&["gcp", "vpc"], "give it either a `connector`, or a `network` or `subnet`");
        }
        if vpc.network.is_none() && vpc.subnet.is_none() && is_direct {
            return broken(&["gcp", "vpc", "tags"], "tags go with a `network` or a `subnet`");
        }
        for (key, name) in [("connector", &vpc.connector), ("network", &vpc.network), ("subnet", &vpc.subnet)] {
            if name.as_ref().is_some_and(|name| !is_path(name)) {
                let what = "must be a name, such as `default`, or a whole path that begins with `projects/`";
                return broken(&["gcp", "vpc", key], what);
            }
        }
        if !vpc.tags.iter().all(|tag| is_label(tag)) {
            let what = "tags have up to 63 lower-case letters, digits and hyphens, a letter first and no hyphen last";
            return broken(&["gcp", "vpc", "tags"], what);
        }
    }
    if config.target.target_type == TargetType::GoogleCloudRun
        && let Err(what) = check_name(&config.server.name)
    {
        return broken(&["server", "name"], what);
    }
    if let Some((name, key, what)) =
        wrong_secret(config).filter(|_| config.target.target_type == TargetType::GoogleCloudRun)
    {
        return broken(&["secrets", name, key], what);
    }
    if !gcp.cloud_sql.iter().all(|instance| is_instance(instance)) {
        return broken(&["gcp", "cloud_sql"], "must be a list of `PROJECT:REGION:INSTANCE`");
    }
    Ok(())
}

/// Whether a service of Cloud Run may have this name: <https://cloud.google.com/run/docs/deploying>.
pub(crate) fn check_name(name: &str) -> Result<(), String> {
    match name.len() {
        ..=49 => Ok(()),
        length => Err(format!("a service of Cloud Run has a name of up to 49 characters, and this has {length}")),
    }
}

/// Whether Cloud Run sets the variable of this name itself.
pub(super) fn is_reserved(name: &str) -> bool {
    matches!(name, "PORT" | "K_SERVICE" | "K_REVISION" | "K_CONFIGURATION") || name.starts_with("X_GOOGLE_")
}

/// What is wrong with what Secret Manager keeps: the variable, the key, and why.
fn wrong_secret(config: &Config) -> Option<(&str, &'static str, &'static str)> {
    let mut folders = BTreeSet::new();
    for (name, secret) in &config.secrets {
        let is_name = |entry: &String| {
            // gcloud takes what begins with a hyphen for an option.
            entry.starts_with(|first: char| first != '-')
                && entry.chars().all(|letter| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-'))
        };
        if secret.entry.as_ref().is_some_and(|entry| !is_name(entry)) {
            return Some((
                name,
                "entry",
                "must be the name of an entry, without the project: letters, digits, `_` and `-`, which is not the first",
            ));
        }
        let Some(file) = &secret.file else { continue };
        if let Some(what) = wrong_path(file, !config.gcp.cloud_sql.is_empty()) {
            return Some((name, "file", what));
        }
        match file.rsplit_once('/') {
            Some((folder, file)) if folder.len() > 1 && folder.starts_with('/') && !file.is_empty() => {
                if !folders.insert(folder) {
                    return Some((name, "file", "each of these files needs a folder of its own"));
                }
            }
            _ => return Some((name, "file", "must be a path in a folder, such as `/secrets/database/url`")),
        }
    }
    None
}

/// Folders of the system's own that no server can do without.
const COVERED: [&str; 7] = ["/etc/ssl", "/etc/pki", "/usr", "/bin", "/sbin", "/lib", "/lib64"];

/// What Cloud Run has against a file there: <https://cloud.google.com/run/docs/configuring/services/secrets>.
fn wrong_path(file: &str, has_databases: bool) -> Option<&'static str> {
    let mut parts = file.split('/').skip(1);
    // Whatever is no plain name ends up elsewhere than it looks, and a colon cannot be in a path that is mounted.
    if file.contains(':') || parts.clone().any(|part| matches!(part, "" | "." | "..")) {
        return Some("must be a path in a folder, such as `/secrets/database/url`, without `.`, `..` and `:`");
    }
    let folder = file.rsplit_once('/').map_or("", |(folder, _)| folder);
    match parts.next() {
        Some("dev" | "proc" | "sys") => Some("no file can be in /dev, /proc or /sys; choose another folder"),
        // The folder is mounted over what the image has there: who may log in, whose certificates are good, what runs.
        _ if folder == "/etc" || COVERED.iter().any(|covered| Path::new(folder).starts_with(covered)) => {
            Some("its folder would hide what the system has there; choose another, such as `/secrets`")
        }
        Some("cloudsql") if has_databases => Some("databases are in /cloudsql; choose another folder"),
        _ => None,
    }
}

/// What Cloud Run has against that many processors, or that much memory for them: the key, and why.
///
/// <https://cloud.google.com/run/docs/configuring/services/cpu>,
/// <https://cloud.google.com/run/docs/configuring/services/memory-limits>.
fn wrong_size(gcp: &Gcp) -> Option<(&'static str, String)> {
    let wrong_cpu = |what: &str| Some(("cpu", what.to_owned()));
    // Thousandths are what Cloud Run counts in.
    let part = (gcp.cpu * 1000.0).round();
    let (least, most, next) = match part {
        1000.0 => (128, 4096, 2),
        2000.0 => (128, 8192, 4),
        4000.0 => (2048, 16_384, 6),
        6000.0 => (4096, 24_576, 8),
        8000.0 => (4096, 32_768, 8),
        _ if (80.0..500.0).contains(&part) => (128, 512, 1),
        _ if (500.0..1000.0).contains(&part) => (128, 1024, 1),
        _ => return wrong_cpu("must be 1, 2, 4, 6 or 8, or from 0.08 up to 1"),
    };
    if part < 1000.0 && gcp.cpu_always {
        return wrong_cpu("less than one processor is had during requests only: leave out `cpu_always`");
    }
    if part < 1000.0 && gcp.concurrency > 1 {
        return wrong_cpu("less than one processor serves one request at a time: set `concurrency = 1`");
    }
    let Gcp { cpu, memory_mb, .. } = gcp;
    if *memory_mb < least {
        return Some(("cpu", format!("{cpu} processors need `memory_mb = {least}` or more")));
    }
    (*memory_mb > most)
        .then(|| ("memory_mb", format!("`cpu = {cpu}` has at most {most}; for more, set `cpu = {next}`")))
}

/// Lower-case letters, digits and hyphens, a letter first and no hyphen last.
fn is_label(name: &str) -> bool {
    (1..=63).contains(&name.len())
        && name.starts_with(|first: char| first.is_ascii_lowercase())
        && !name.ends_with('-')
        && name.chars().all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '-')
}

/// A name, or the path of one in a project: `projects/HOST/global/networks/NAME`.
fn is_path(path: &str) -> bool {
    let Some(rest) = path.strip_prefix("projects/") else { return is_label(path) };
    match rest.split_once('/') {
        Some((project, rest)) => is_project(project) && rest.contains('/') && rest.split('/').all(is_label_of_path),
        None => false,
    }
}

/// A part of a path; the words between the names have capital letters too.
fn is_label_of_path(part: &str) -> bool {
    !part.is_empty() && part.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '-')
}

/// `PROJECT:REGION:INSTANCE`, where the project may begin with a domain: `example.com:my-project`.
fn is_instance(name: &str) -> bool {
    let mut parts = name.rsplitn(3, ':');
    match (parts.next(), parts.next(), parts.next()) {
        (Some(instance), Some(region), Some(project)) => is_label(instance) && is_region(region) && is_project(project),
        _ => false,
    }
}

/// Lower-case letters, digits and hyphens, as it is called in commands and URLs.
pub(crate) fn is_project(id: &str) -> bool {
    // Some old ones begin with a domain: `example.com:my-project`.
    let (domain, name) = id.rsplit_once(':').unwrap_or(("example.com", id));
    domain.contains('.')
        && domain.split('.').all(is_label_of_path)
        && (4..=30).contains(&name.len())
        && name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.chars().all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '-')
}

/// A word and a direction with a hyphen in between, and a number.
pub(crate) fn is_region(region: &str) -> bool {
    let Some((area, place)) = region.split_once('-') else { return false };
    let word = place.trim_end_matches(|letter: char| letter.is_ascii_digit());
    let is_word = |word: &str| !word.is_empty() && word.chars().all(|letter| letter.is_ascii_lowercase());
    is_word(area) && is_direction(word) && word.len() < place.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(lines: &str) -> String {
        let text = format!("[target]\ntarget_type = \"google-cloud-run\"\n[server]\nname = \"crm\"\n[gcp]\n{lines}\n");
        Config::parse(&text, None).expect_err(lines).to_string()
    }

    #[test]
    fn what_cloud_run_refuses_is_refused_at_once() {
        for (lines, words) in [
            ("project = \"My Project\"", "`gcp.project` is wrong: this is no id of a project"),
            ("region = \"us-east-1\"", "`gcp.region` is wrong: this is no region; they look like `europe-west1`"),
            ("memory_mb = 64", "`gcp.memory_mb` is wrong: must be from 128 to 32768"),
            ("timeout_seconds = 3601", "`gcp.timeout_seconds` is wrong: must be from 1 to 3600"),
            ("concurrency = 0", "`gcp.concurrency` is wrong: must be from 1 to 1000"),
            ("cpu = 3", "`gcp.cpu` is wrong: must be 1, 2, 4, 6 or 8, or from 0.08 up to 1"),
            ("cpu = 0.5", "`gcp.cpu` is wrong: less than one processor serves one request at a time"),
            ("cpu = 0.5\ncpu_always = true", "`gcp.cpu` is wrong: less than one processor is had during requests only"),
            ("cpu = 4", "`gcp.cpu` is wrong: 4 processors need `memory_mb = 2048` or more"),
            ("memory_mb = 4097", "`gcp.memory_mb` is wrong: `cpu = 1` has at most 4096; for more, set `cpu = 2`"),
            (
                "cpu = 2\nmemory_mb = 8193",
                "`gcp.memory_mb` is wrong: `cpu = 2` has at most 8192; for more, set `cpu = 4`",
            ),
            ("cpu = 4\nmemory_mb = 16385", "at most 16384; for more, set `cpu = 6`"),
            ("cpu = 6\nmemory_mb = 24577", "at most 24576; for more, set `cpu = 8`"),
            ("cpu = 0.49\nconcurrency = 1\nmemory_mb = 513", "`cpu = 0.49` has at most 512; for more, set `cpu = 1`"),
            ("cpu = 0.5\nconcurrency = 1\nmemory_mb = 1025", "`cpu = 0.5` has at most 1024; for more, set `cpu = 1`"),
            ("min_instances = 3\nmax_instances = 2", "`gcp.max_instances` is wrong: must be at least 1"),
            ("service_account = \"ada@example.com\"", "`gcp.service_account` is wrong: must look like"),
            ("vpc = { egress = \"all-traffic\" }", "`gcp.vpc` is wrong: give it either a `connector`"),
            ("vpc = { connector = \"c\", network = \"n\" }", "`gcp.vpc` is wrong: give it either a `connector`"),
            ("vpc = { tags = [\"t\"] }", "`gcp.vpc.tags` is wrong: tags go with"),
            ("vpc = { connector = \"\" }", "`gcp.vpc.connector` is wrong: must be a name, such as `default`"),
            ("vpc = { network = \"\" }", "`gcp.vpc.network` is wrong: must be a name"),
            ("vpc = { subnet = \" \" }", "`gcp.vpc.subnet` is wrong: must be a name"),
            ("vpc = { network = \"n\", tags = [\"\"] }", "`gcp.vpc.tags` is wrong: tags have up to 63"),
            ("cloud_sql = [\"a:ada-project:europe-west1:db\"]", "`gcp.cloud_sql` is wrong: must be a list of"),
            ("cloud_sql = [\"db\"]", "`gcp.cloud_sql` is wrong: must be a list of `PROJECT:REGION:INSTANCE`"),
            ("[environment]\nPORT = \"1\"", "`environment.PORT` is wrong: Google Cloud Run keeps this name for itself"),
            ("[secrets]\nA = { entry = \"a/b\" }", "`secrets.A.entry` is wrong: must be the name of an entry"),
            ("[secrets]\nA = { entry = \"--quiet\" }", "`secrets.A.entry` is wrong: must be the name of an entry"),
            ("[secrets]\nA = { file = \"a\" }", "`secrets.A.file` is wrong: must be a path in a folder"),
            ("[secrets]\nA = { file = \"/s/../a\" }", "`secrets.A.file` is wrong: must be a path in a folder"),
            ("[secrets]\nA = { file = \"/s//a\" }", "`secrets.A.file` is wrong: must be a path in a folder"),
            (
                "[secrets]\nA = { file = \"/proc/a/b\" }",
                "`secrets.A.file` is wrong: no file can be in /dev, /proc or /sys",
            ),
            (
                "[secrets]\nA = { file = \"/etc/ssl/certs/x\" }",
                "`secrets.A.file` is wrong: its folder would hide what the system has there",
            ),
            (
                "[secrets]\nA = { file = \"/etc/passwd\" }",
                "`secrets.A.file` is wrong: its folder would hide what the system has there",
            ),
            (
                "[secrets]\nA = { file = \"/sys/a\" }",
                "`secrets.A.file` is wrong: no file can be in /dev, /proc or /sys",
            ),
            (
                "[secrets]\nA = { file = \"/dev/a\" }",
                "`secrets.A.file` is wrong: no file can be in /dev, /proc or /sys",
            ),
            (
                "cloud_sql = [\"ada-project:europe-west1:db\"]\n[secrets]\nA = { file = \"/cloudsql/a\" }",
                "`secrets.A.file` is wrong: databases are in /cloudsql",
            ),
            (
                "[secrets]\nA = { file = \"/s/a\" }\nB = { file = \"/s/b\" }",
                "`secrets.B.file` is wrong: each of these files needs a folder of its own",
            ),
            ("[secrets]\nA = { arn = \"a\" }", "Google Cloud Run does not read AWS Secrets Manager; leave out `arn`"),
            ("builder = \"dokcer\"", "did you mean `docker`?"),
        ] {
            let said = refused(lines);
            assert!(said.contains(words), "{lines}: {said}");
        }
    }

    #[test]
    fn what_cloud_run_takes_is_taken() {
        for lines in [
            "cpu = 0.08\nconcurrency = 1\nmemory_mb = 512",
            "cpu = 0.5\nconcurrency = 1\nmemory_mb = 1024",
            "memory_mb = 4096",
            "cpu = 8\nmemory_mb = 32768",
            "cloud_sql = [\"ada-project:europe-west1:db\", \"example.com:ada-project:europe-west1:db-2\"]",
            "vpc = { connector = \"projects/ada-project/locations/europe-west1/connectors/c\" }",
            "vpc = { network = \"projects/example.com:host/global/networks/n\", subnet = \"s-1\", tags = [\"web\"] }",
            "[secrets]\nA = { file = \"/processes/a\" }\nB = { file = \"/cloudsql/b\" }\nC = { file = \"/etc/crm/c\" }",
        ] {
            let text =
                format!("[target]\ntarget_type = \"google-cloud-run\"\n[server]\nname = \"crm\"\n[gcp]\n{lines}\n");
            Config::parse(&text, None).expect(lines);
        }
    }

    #[test]
    fn a_service_has_a_shorter_name_than_other_servers() {
        let parse = |target, length| {
            let name = "a".repeat(length);
            Config::parse(&format!("[target]\ntarget_type = \"{target}\"\n[server]\nname = \"{name}\"\n"), None)
        };
        parse("aws-lambda", 50).expect("elsewhere it fits");
        parse("google-cloud-run", 49).expect("it fits");
        let said = parse("google-cloud-run", 50).expect_err("is too long").to_string();
        assert!(said.starts_with("`server.name` is wrong: a service of Cloud Run has a name of up to 49"), "{said}");
    }

    #[test]
    fn regions_are_two_words_and_a_number() {
        for region in ["us-central1", "europe-west12", "northamerica-northeast1", "me-central2"] {
            assert!(is_region(region), "{region}");
        }
        for region in
            ["us-east-1", "europe", "europe-west", "Europe-west1", "europe-1", "europe-west1-b", "europe-wets1"]
        {
            assert!(!is_region(region), "{region}");
        }
    }
}
