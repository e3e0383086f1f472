//! What wrangler is told: the user's wrangler.toml, and over it what deploy.toml says.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use super::account::named;
use super::bindings::Made;
use super::collisions;
use super::environment::check_region;
use crate::cli::Platform;
use crate::config::{Config, LONGEST_VALUE, PATH};
use crate::exec::WORKER_BUILD;
use crate::failure::{Failure, Result};
use crate::files::no_link;
use crate::mains::{MainTemplate, relative};
use crate::output::encode_json;
use crate::target::Traces;
use crate::workspace::{WORKERS, Workspace};

/// The user's file, and those that are made of it and deploy.toml, beside each other: paths mean the same in all.
pub(super) const OWN: &str = "wrangler.toml";
pub(super) const MADE: &str = "wrangler.pmcp.json";
/// `wrangler dev` reads its own again whenever it changes, which a deployment beside it must not do.
pub(super) const FOR_DEV: &str = "wrangler.pmcp.dev.json";

/// What builds where wrangler.toml does not say.
const BUILD: &str = "worker-build --profile workers";

/// As the crate `toml` writes a date where there are none.
const DATE: &str = "$__toml_private_datetime";

/// The package of the Worker.
pub(super) struct Package {
    pub(super) name: String,
    pub(super) folder: PathBuf,
}

impl Package {
    pub(super) fn find(root: &Path, config: &Config) -> Result<Self> {
        let workspace = Workspace::load(root)?;
        let name = workspace.server(&WORKERS, Some(&config.server))?;
        let folder = workspace.folder(&name).unwrap_or_else(|| root.to_path_buf());
        Ok(Self { name, folder })
    }
}

impl Package {
    /// Whether the folders of migrations are there; wrangler would find out when databases are made already. What is
    /// outside of the project is nothing to run, wherever a link leads.
    pub(super) fn check_migrations(&self, config: &Config) -> Result {
        for (binding, database) in &config.cloudflare.d1 {
            let Some(folder) = database.migrations.as_ref().map(|folder| self.folder.join(folder)) else { continue };
            let wrong = |what: &str, advice: &str| {
                let setting = format!("`cloudflare.d1.{binding}.migrations` in {PATH}");
                Failure::setting(format!("{setting} names {}, which is {what}", folder.display()), advice)
            };
            if !folder.is_dir() {
                let advice = "make it, with a file such as 0001_first.sql in it, or leave out `migrations`";
                return Err(wrong("no folder", advice));
            }
            if !is_within(&folder, &config.root) && !is_within(&folder, &self.folder) {
                return Err(wrong(
                    "outside of the project",
                    "name a folder beside wrangler.toml, such as `migrations`",
                ));
            }
        }
        Ok(())
    }
}

/// Whether a folder is one of another, once no link is left in either.
fn is_within(folder: &Path, above: &Path) -> bool {
    matches!((folder.canonicalize(), above.canonicalize()), (Ok(folder), Ok(above)) if folder.starts_with(&above))
}

/// What deploying made beside wrangler.toml, and what belongs to the Worker's package.
pub(super) fn traces(root: &Path, config: &Config) -> Traces {
    let beside = folder(root, config);
    let at = |file: &str| format!("{beside}/{file}");
    let mut traces = Traces { made: vec![at(MADE), at(FOR_DEV)], kept: Vec::new() };
    // With the databases of `cargo pmcp dev`, if there are any.
    match root.join(at(".wrangler/state")).exists() {
        true => {
            traces.made.push(at(".wrangler/tmp"));
            traces.kept.push((at(".wrangler/state"), "has the databases and buckets of `cargo pmcp dev`"));
        }
        false => traces.made.push(at(".wrangler")),
    }
    let is_built_here = |settings: Settings| settings.calls_worker_build() && settings.build().1 == settings.folder;
    match Settings::load(&root.join(&beside)).is_ok_and(is_built_here) {
        true => traces.made.push(at("build")),
        false => traces.kept.push((at("build"), "wrangler.toml does not say that worker-build made it")),
    }
    if root.join(at("Cargo.toml")).exists() {
        for file in [OWN, ".gitignore"] {
            traces.kept.push((at(file), "belongs to the Worker's package, which stays"));
        }
    }
    traces
}

/// Where wrangler.toml is in a project: beside the Worker's package, or where that would be made.
pub(super) fn folder(root: &Path, config: &Config) -> String {
    let MainTemplate { folder, .. } = Platform::CloudflareWorkers.main_template();
    if !root.join("Cargo.toml").exists() {
        return folder.into();
    }
    let found = Package::find(root, config).ok().and_then(|package| {
        let way = relative(&root.canonicalize().ok()?, &package.folder.canonicalize().ok()?);
        Some(way.to_string_lossy().into_owned())
    });
    match found.as_deref() {
        // The workspace is that package alone.
        Some("") => ".".into(),
        _ => found.unwrap_or_else(|| folder.into()),
    }
}

/// What wrangler is told.
pub(super) struct Settings {
    folder: PathBuf,
    all: Map<String, Value>,
    build: Option<Value>,
}

impl Settings {
    pub(super) fn load(folder: &Path) -> Result<Self> {
        let path = folder.join(OWN);
        // wrangler itself would read them, and before the other.
        if let Some(other) =
            ["wrangler.json", "wrangler.jsonc"].map(|name| folder.join(name)).iter().find(|path| path.exists())
        {
            return Err(Failure::refused(
                format!("{} is there, and cargo pmcp reads {OWN} alone", other.display()),
                format!("write what it says into {OWN} beside it, as TOML, and remove it"),
            ));
        }
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(Failure::refused(
                    format!("{} is not there", path.display()),
                    "write it with `cargo pmcp deploy init --target cloudflare-workers`; what you changed elsewhere stays",
                ));
            }
            Err(error) => return Err(Failure::file("reading", path)(error)),
        };
        let mut all: Map<String, Value> = toml::from_str(&text).map_err(|error| {
            let what = format!("{} is no TOML: {}", path.display(), error.message());
            Failure::refused(what, "mend it, or remove it and run `cargo pmcp deploy init`")
        })?;
        check(&path, &all)?;
        let build = all.remove("build");
        Ok(Self { folder: folder.to_path_buf(), all, build })
    }

    /// The command that builds, and where it is run.
    pub(super) fn build(&self) -> (String, PathBuf) {
        let of = |key: &str| self.build.as_ref().and_then(|build| build.get(key)).and_then(Value::as_str);
        let folder = of("cwd").map_or_else(|| self.folder.clone(), |cwd| self.folder.join(cwd));
        (of("command").unwrap_or(BUILD).to_owned(), folder)
    }

    /// What is also in deploy.toml; `path` is where these are, for people.
    pub(super) fn notes(&self, path: &str, config: &Config) -> Result<Vec<String>> {
        collisions::notes(&self.all, path, config)
    }

    /// Whether it is worker-build that builds.
    pub(super) fn calls_worker_build(&self) -> bool {
        self.build().0.split_whitespace().next() == Some(WORKER_BUILD.name)
    }

    /// Lets wrangler deploy where everything else was asked.
    pub(super) fn settle(&mut self, account: &str) {
        self.all.insert("account_id".into(), json!(account));
    }

    /// Puts over it what deploy.toml says.
    pub(super) fn apply(&mut self, config: &Config, made: &Made) {
        let cloudflare = &config.cloudflare;
        self.all.insert("name".into(), json!(config.server.name));
        if let Some(id) = named(config) {
            self.all.insert("account_id".into(), json!(id));
        }
        let vars = self.all.entry("vars").or_insert_with(|| json!({}));
        for (name, value) in &config.environment {
            vars[name] = json!(value);
        }
        for (member, mut bindings) in made.settings(config) {
            self.extend(member, &mut bindings);
        }
        let mut objects: Vec<Value> = cloudflare
            .durable_objects
            .iter()
            .map(|(name, object)| json!({ "name": name, "class_name": object.class }))
            .collect();
        if !objects.is_empty() {
            let migrations = made
                .migrations(config)
                .into_iter()
                .enumerate()
                .map(|(at, classes)| json!({ "tag": format!("v{}", at + 1), "new_sqlite_classes": classes }));
            self.all.entry("migrations").or_insert(migrations.collect());
            let bound = self.all.entry("durable_objects").or_insert_with(|| json!({}));
            let own = bound["bindings"].as_array_mut().map(std::mem::take).unwrap_or_default();
            objects.splice(0..0, own);
            bound["bindings"] = json!(objects);
        }
        let mut routes: Vec<Value> = cloudflare.routes.iter().map(|route| json!(route)).collect();
        routes.extend(cloudflare.custom_domain.iter().map(|host| json!({ "pattern": host, "custom_domain": true })));
        let is_elsewhere = !routes.is_empty() || self.all.contains_key("routes") || self.all.contains_key("route");
        self.extend("routes", &mut routes);
        if let Some(there) = cloudflare.workers_dev {
            self.all.insert("workers_dev".into(), json!(there));
        }
        self.all.entry("workers_dev").or_insert(json!(!is_elsewhere));
        self.all.entry("preview_urls").or_insert(json!(false));
    }

    fn extend(&mut self, member: &str, values: &mut Vec<Value>) {
        if values.is_empty() {
            return;
        }
        let list = self.all.entry(member).or_insert_with(|| json!([]));
        if let Some(list) = list.as_array_mut() {
            list.append(values);
        }
    }

    /// For `wrangler dev`: it builds by itself, whenever one of these folders changes.
    pub(super) fn watch(&mut self, folders: &[PathBuf]) {
        // wrangler takes them as ways from its settings, whatever they begin with.
        let here = self.folder.canonicalize().unwrap_or_else(|_| self.folder.clone());
        let folders: Vec<_> = folders.iter().map(|folder| relative(&here, folder)).collect();
        let mut build = self.build.clone().unwrap_or_else(|| json!({ "command": BUILD }));
        build["watch_dir"] = folders.iter().map(|folder| folder.to_string_lossy()).collect();
        self.all.insert("build".into(), build);
    }

    /// Writes them into this file beside wrangler.toml, and returns where that is.
    pub(super) fn write(&self, file: &str) -> Result<PathBuf> {
        let path = self.folder.join(file);
        no_link(&path)?;
        fs::write(&path, encode_json(&self.all)? + "\n").map_err(Failure::file("writing", &path))?;
        std::path::absolute(&path).map_err(Failure::file("finding", path))
    }
}

/// Refuses what wrangler would be told as something else, or Cloudflare would not take.
fn check(path: &Path, all: &Map<String, Value>) -> Result {
    if let Some((key, what, advice)) = all.iter().find_map(|(key, value)| untold(key, value)) {
        return Err(Failure::refused(format!("`{key}` in {} is {what}", path.display()), advice));
    }
    if let Some(region) = all.get("compliance_region").and_then(Value::as_str) {
        check_region(region, &path.display().to_string())?;
    }
    for key in ["build", "vars", "durable_objects"] {
        if all.get(key).is_some_and(|value| !value.is_object()) {
            let what = format!("`{key}` in {} is no table", path.display());
            return Err(Failure::refused(what, format!("make it one: [{key}]")));
        }
    }
    for (name, value) in all.get("vars").and_then(Value::as_object).into_iter().flatten() {
        let length = value.as_str().map_or_else(|| value.to_string().len(), str::len);
        if length > LONGEST_VALUE {
            return Err(Failure::refused(
                format!(
                    "`vars.{name}` in {} has {length} bytes, and Cloudflare takes {LONGEST_VALUE} at most",
                    path.display()
                ),
                "keep it elsewhere, in KV for instance, and let the variable say where",
            ));
        }
    }
    for key in ["command", "cwd"] {
        if all.get("build").and_then(|build| build.get(key)).is_some_and(|value| !value.is_string()) {
            let what = format!("`build.{key}` in {} is no text", path.display());
            return Err(Failure::refused(what, "put it in quotes"));
        }
    }
    Ok(())
}

/// What TOML has and JSON has not: its key, what it is, and what to write.
fn untold(key: &str, value: &Value) -> Option<(String, &'static str, String)> {
    match value {
        // TOML has none: so a number is read that is none, or infinite.
        Value::Null => Some((
            key.into(),
            "no number that wrangler could be told",
            "write a finite one, or put it in quotes".into(),
        )),
        Value::Object(members) => match members.get(DATE).and_then(Value::as_str) {
            Some(date) => {
                Some((key.into(), "a date, and wrangler takes text", format!("put it in quotes: \"{date}\"")))
            }
            None => members.iter().find_map(|(name, value)| untold(&format!("{key}.{name}"), value)),
        },
        Value::Array(values) => values.iter().find_map(|value| untold(key, value)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn applied(own: &str, more: &str) -> Value {
        applied_to(own, more, &Made::default())
    }

    fn applied_to(own: &str, more: &str, made: &Made) -> Value {
        let text = format!("[target]\ntarget_type = \"cloudflare-workers\"\n[server]\nname = \"crm\"\n{more}");
        let config = Config::parse(&text, None).expect("is right");
        let all = toml::from_str(own).expect("is TOML");
        let mut settings = Settings { folder: PathBuf::new(), all, build: None };
        settings.apply(&config, made);
        Value::Object(settings.all)
    }

    #[test]
    fn what_is_the_users_stays_and_deploy_toml_comes_over_it() {
        let own = "main = \"build/index.js\"\n[vars]\nA = \"a\"\nB = \"b\"\n[[kv_namespaces]]\nbinding = \"OWN\"\nid = \"1\"\n";
        let more = "[cloudflare]\ncustom_domain = \"mcp.example.com\"\n[cloudflare.kv]\nSHARED = {}\n[cloudflare.d1]\n\
                    NOTES = { id = \"1f0e6c5d-0000-4000-8000-0123456789ab\", migrations = \"migrations\" }\n[cloudflare.r2]\nFILES = {}\n\
                    [cloudflare.durable_objects]\nSESSIONS = { class = \"Sessions\" }\n[environment]\nB = \"c, d\"\n";
        let mut all = applied(own, more);
        all.as_object_mut().expect("an object").remove("account_id");
        assert_eq!(
            all,
            json!({
                "main": "build/index.js",
                "name": "crm",
                "vars": { "A": "a", "B": "c, d" },
                "kv_namespaces": [{ "binding": "OWN", "id": "1" }, { "binding": "SHARED", "id": "crm-shared" }],
                "d1_databases": [{ "binding": "NOTES", "database_name": "crm-notes", "database_id": "1f0e6c5d-0000-4000-8000-0123456789ab", "migrations_dir": "migrations" }],
                "r2_buckets": [{ "binding": "FILES", "bucket_name": "crm-files" }],
                "durable_objects": { "bindings": [{ "name": "SESSIONS", "class_name": "Sessions" }] },
                "migrations": [{ "tag": "v1", "new_sqlite_classes": ["Sessions"] }],
                "routes": [{ "pattern": "mcp.example.com", "custom_domain": true }],
                "workers_dev": false,
                "preview_urls": false,
            })
        );
    }

    #[test]
    fn a_class_that_comes_later_has_a_migration_of_its_own() {
        let made: Made = serde_json::from_value(json!({ "classes": [["Tasks"]] })).expect("is one");
        let bound = "[cloudflare.durable_objects]\nA = { class = \"Sessions\" }\nB = { class = \"Tasks\" }\n";
        assert_eq!(
            applied_to("", bound, &made)["migrations"],
            json!([{ "tag": "v1", "new_sqlite_classes": ["Tasks"] }, { "tag": "v2", "new_sqlite_classes": ["Sessions"] }])
        );
    }

    #[test]
    fn a_server_with_no_address_of_its_own_is_on_workers_dev() {
        assert_eq!(applied("", "")["workers_dev"], true);
        assert_eq!(applied("", "[cloudflare]\nworkers_dev = false\n")["workers_dev"], false);
        assert_eq!(applied("routes = [\"example.com/mcp\"]\n", "")["workers_dev"], false);
    }
}
