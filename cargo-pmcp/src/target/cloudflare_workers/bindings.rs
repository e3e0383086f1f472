//! What is made for a Worker to be bound to: `.pmcp/cloudflare.json` says what this tool made in which account, and nothing
//! else is removed.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::account::{Account, named};
use super::thing::{Kind, Thing};
use crate::config::{Config, name_at_cloudflare};
use crate::failure::{Failure, Result};
use crate::files::{read, write_whole};
use crate::output::encode_json;

/// The file's place in a project.
pub(super) const PATH: &str = ".pmcp/cloudflare.json";

/// More than it ever has, in MiB.
const LONGEST: u64 = 1;

/// The file. Belongs under version control: what it says is known nowhere else.
#[derive(Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Accounts {
    accounts: BTreeMap<String, Made>,
}

/// What was made in one account.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default)]
pub(super) struct Made {
    #[serde(skip)]
    account: String,
    /// The Worker, from before its first deployment.
    worker: Option<String>,
    /// The same from before its first secret, until a deployment begins.
    #[serde(skip_serializing_if = "Option::is_none")]
    draft: Option<String>,
    /// The one of the two that does not say yet itself whose it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    unmarked: Option<String>,
    things: Vec<Thing>,
    /// Classes of Durable Objects, by the migration that made them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    classes: Vec<Vec<String>>,
}

/// What there is of a Worker.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    /// Nothing but secrets.
    Draft,
    Server,
}

/// What deploy.toml wants, with what is the user's own.
fn wanted(config: &Config) -> Vec<(Kind, &String, Option<&String>)> {
    let cloudflare = &config.cloudflare;
    let kv = cloudflare.kv.iter().map(|(binding, kv)| (Kind::Kv, binding, kv.id.as_ref()));
    let d1 = cloudflare.d1.iter().map(|(binding, d1)| (Kind::D1, binding, d1.id.as_ref()));
    let r2 = cloudflare.r2.iter().map(|(binding, r2)| (Kind::R2, binding, r2.bucket.as_ref()));
    kv.chain(d1).chain(r2).collect()
}

fn name(config: &Config, binding: &str) -> String {
    name_at_cloudflare(&config.server.name, binding)
}

impl Made {
    pub(super) fn load(root: &Path, account: &Account) -> Result<Self> {
        let found = Accounts::load(root)?.accounts.remove(&account.id);
        Ok(Self { account: account.id.clone(), ..found.unwrap_or_default() })
    }

    /// The same where nobody is asked whose account it is: of the one that is named, or that all was made in.
    pub(super) fn load_unasked(root: &Path, config: &Config) -> Result<Self> {
        let Accounts { mut accounts } = Accounts::load(root)?;
        let found = match named(config) {
            Some(id) => accounts.remove(&id),
            None if accounts.len() == 1 => accounts.into_values().next(),
            None => None,
        };
        Ok(found.unwrap_or_default())
    }

    pub(super) fn save(&self, root: &Path) -> Result {
        let mut all = Accounts::load(root)?;
        match self.worker.is_some() || self.draft.is_some() || !self.things.is_empty() {
            true => all.accounts.insert(self.account.clone(), self.clone()),
            false => all.accounts.remove(&self.account),
        };
        all.save(root)
    }

    /// What was begun of the Worker of this name, and cut off before it was marked: from then on its mark says whose it is.
    pub(super) fn begun(&self, name: &str) -> Option<Found> {
        let is = |begun: &Option<String>| begun.as_deref() == Some(name);
        match (is(&self.unmarked), is(&self.worker)) {
            (false, _) => None,
            (true, true) => Some(Found::Server),
            (true, false) => Some(Found::Draft),
        }
    }

    /// Notes what is about to be begun, so that whatever cuts it off leaves something that is known to be this tool's.
    pub(super) fn begin(&mut self, root: &Path, name: &str, found: Found) -> Result {
        self.unmarked = Some(name.to_owned());
        match found {
            Found::Server => (self.worker, self.draft) = (Some(name.to_owned()), None),
            Found::Draft => {
                self.worker.take_if(|worker| *worker == name);
                self.draft = Some(name.to_owned());
            }
        }
        self.save(root)
    }

    /// Notes that the Worker itself says whose it is.
    pub(super) fn marked(&mut self, root: &Path) -> Result {
        self.unmarked = None;
        self.save(root)
    }

    /// Forgets the Worker, of which nothing is there.
    pub(super) fn forget(&mut self, root: &Path, name: &str) -> Result {
        self.unmarked.take_if(|begun| *begun == name);
        for begun in [&mut self.worker, &mut self.draft] {
            if begun.take_if(|begun| *begun == name).is_some() {
                self.classes.clear();
            }
        }
        self.save(root)
    }

    /// Classes of Durable Objects by the migration that makes them: those that are made, and one more for what is new.
    /// Cloudflare runs what comes after the last that it knows.
    pub(super) fn migrations(&self, config: &Config) -> Vec<Vec<String>> {
        let mut migrations = self.classes.clone();
        let is_new = |class: &&String| !self.classes.iter().flatten().any(|made| made == *class);
        let wanted = config.cloudflare.durable_objects.values().map(|object| &object.class);
        let new: BTreeSet<&String> = wanted.filter(is_new).collect();
        if !new.is_empty() {
            migrations.push(new.into_iter().cloned().collect());
        }
        migrations
    }

    /// Notes that these migrations were run.
    pub(super) fn migrated(&mut self, root: &Path, config: &Config) -> Result {
        self.classes = self.migrations(config);
        self.save(root)
    }

    /// What is for this server, as it stands in a sentence.
    pub(super) fn list(&self, config: &Config) -> Vec<String> {
        let titled = |thing: &&Thing| format!("the {} {}", thing.kind.title(), thing.name);
        self.things(config).iter().filter(|thing| thing.id.is_some()).map(titled).collect()
    }

    /// What is for this server: another name in deploy.toml is another server.
    pub(super) fn things(&self, config: &Config) -> Vec<&Thing> {
        self.things.iter().filter(|thing| thing.name == name(config, &thing.binding)).collect()
    }

    /// The id of what was made for a binding.
    fn id(&self, config: &Config, kind: Kind, binding: &str) -> Option<&String> {
        self.things(config).into_iter().find(|thing| thing.kind == kind && thing.binding == binding)?.id.as_ref()
    }

    /// What deploy.toml wants and nobody made yet, by kind and name.
    pub(super) fn missing(&self, config: &Config) -> Vec<(Kind, String, String)> {
        wanted(config)
            .into_iter()
            .filter(|(kind, binding, own)| own.is_none() && self.id(config, *kind, binding).is_none())
            .map(|(kind, binding, _)| (kind, binding.clone(), name(config, binding)))
            .collect()
    }

    /// Makes one thing. That is noted before, so that what nothing was heard of is looked up the next time.
    pub(super) fn make(&mut self, account: &Account, root: &Path, kind: Kind, binding: String, name: String) -> Result {
        let is_it = |thing: &Thing| thing.kind == kind && thing.name == name;
        let found = if self.things.iter().any(is_it) {
            kind.find(account, &name)?
        } else {
            self.things.push(Thing { kind, binding: binding.clone(), name: name.clone(), id: None });
            self.save(root)?;
            None
        };
        let id = match found {
            Some(id) => id,
            None => match account.told("POST", kind.path(), Some(&json!({ (kind.member()): name })))? {
                Ok(made) => {
                    made[kind.id()].as_str().filter(|id| kind.is_id(id, &name)).map(str::to_owned).ok_or_else(|| {
                        Failure::failed(
                            format!("Cloudflare made the {} {name}, and does not say its id", kind.title()),
                            "update cargo pmcp",
                        )
                    })?
                }
                Err(refused) => {
                    self.things.retain(|thing| !is_it(thing));
                    self.save(root)?;
                    return Err(kind.taken(&binding, &name, refused));
                }
            },
        };
        for thing in self.things.iter_mut().filter(|thing| is_it(thing)) {
            thing.id = Some(id.clone());
        }
        self.save(root)
    }

    /// What is for this server is what the file says: anybody who can write it could name another's by its id.
    pub(super) fn check(&self, account: &Account, config: &Config) -> Result {
        self.things(config).into_iter().try_for_each(|thing| thing.check(account))
    }

    /// Removes one thing with all that is in it: what is named so in the plan, and no other.
    pub(super) fn remove(&mut self, account: &Account, root: &Path, label: &str) -> Result {
        let Some(at) = self.things.iter().position(|thing| thing.label() == label) else { return Ok(()) };
        let thing = &self.things[at];
        thing.check(account)?;
        let Thing { kind, id, name, .. } = thing;
        let id = match id {
            Some(id) => Some(id.clone()),
            None => kind.find(account, name)?,
        };
        let gone = id.map(|id| account.tell("DELETE", &format!("{}/{id}", kind.path()), None)).transpose();
        gone.map_err(|failure| match *kind == Kind::R2 && failure.to_string().contains("[code: 10008]") {
            true => Failure::refused(
                format!("the R2 bucket {name} is not empty, and Cloudflare removes no other"),
                "empty it in the dashboard, and run `cargo pmcp deploy destroy --clean` again",
            ),
            false => failure,
        })?;
        self.things.remove(at);
        self.save(root)
    }

    /// The bindings as wrangler's settings have them: by the member they belong to.
    pub(super) fn settings(&self, config: &Config) -> BTreeMap<&'static str, Vec<Value>> {
        let mut settings: BTreeMap<&'static str, Vec<Value>> = BTreeMap::new();
        for (kind, binding, own) in wanted(config) {
            let made = self.id(config, kind, binding);
            // Without one, `wrangler dev` makes its own on this machine.
            let id = own.or(made).cloned().unwrap_or_else(|| name(config, binding));
            let (member, setting) = match kind {
                Kind::Kv => ("kv_namespaces", json!({ "binding": binding, "id": id })),
                Kind::D1 => {
                    let mut setting =
                        json!({ "binding": binding, "database_name": name(config, binding), "database_id": id });
                    if let Some(folder) = config.cloudflare.d1.get(binding).and_then(|d1| d1.migrations.as_ref()) {
                        setting["migrations_dir"] = json!(folder);
                    }
                    ("d1_databases", setting)
                }
                Kind::R2 => ("r2_buckets", json!({ "binding": binding, "bucket_name": id })),
            };
            settings.entry(member).or_default().push(setting);
        }
        settings
    }
}

impl Accounts {
    fn load(root: &Path) -> Result<Self> {
        let path = root.join(PATH);
        let advice = "restore it from version control, or remove it if nothing is deployed; what an earlier version wrote goes \
                      into {\"accounts\": {\"ID\": …}}, with the id of its account";
        let Some(text) = read(&path, LONGEST, advice)? else { return Ok(Self::default()) };
        let wrong =
            |why: String| Failure::refused(format!("{} is not what cargo pmcp wrote: {why}", path.display()), advice);
        let found: Self = serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))?;
        match found.accounts.values().flat_map(|made| &made.things).find(|thing| !thing.is_whole()) {
            Some(thing) => Err(wrong(format!("no {} is called `{}`", thing.kind.title(), thing.label()))),
            None => Ok(found),
        }
    }

    fn save(&self, root: &Path) -> Result {
        let path = root.join(PATH);
        if !self.accounts.is_empty() {
            return write_whole(&path, &(encode_json(self)? + "\n"));
        }
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Failure::file("removing", path)(error)),
            _ => Ok(()),
        }
    }
}
