//! The command line, as typed.

mod values;

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{ArgGroup, Args, CommandFactory, Parser, Subcommand, ValueEnum};
use serde_json::{Map, Value};

use crate::config::{Config, ImageBuilder, TargetType};
use crate::failure::{Failure, Result};

const EXIT_CODES: &str = "\
Exit codes:
  0  done
  1  a program or the platform failed; the message says what exists now
  2  the command line is wrong, or the value that was given to read
  3  .pmcp/deploy.toml is missing or wrong
  4  a program, a login or a set-up of the account is missing; the message has the line that mends it
  5  refused: it does not fit what is there, would overwrite, replace or remove something, or another run is under way
  130  interrupted, as by Ctrl-C; the message says what may be half-way and how to go on";

const COMPLETIONS: &str = "\
For `cargo pmcp` and `cargo-pmcp`:
  bash  cargo pmcp completions bash > ~/.cargo-pmcp.bash, and in ~/.bashrc, after what completes cargo:
        source ~/.cargo-pmcp.bash
  zsh   cargo pmcp completions zsh > FOLDER/_cargo-pmcp, where FOLDER is in $fpath; cargo's own completion finds it
  fish  cargo pmcp completions fish > ~/.config/fish/conf.d/cargo-pmcp.fish
For `cargo-pmcp` alone, as these shells let only one file complete what begins with `cargo`:
  elvish, powershell";

/// Makes an MCP server, deploys it and looks after it.
#[derive(Debug, Parser)]
#[command(name = "cargo pmcp", bin_name = "cargo pmcp", version, after_help = EXIT_CODES, subcommand_required = true)]
pub(crate) struct Cli {
    /// Work in this folder instead of the current one. Both may be anywhere in the project.
    #[arg(short = 'C', value_name = "DIR", global = true)]
    pub(crate) folder: Option<PathBuf>,
    /// Print the result as one JSON document on standard output; everything else goes to standard error.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make a workspace: a server with a test, and a `main` for each platform.
    New(New),
    /// Run the server on this machine, and build and start it anew whenever its source changes.
    Dev(Dev),
    /// Deploy the server of this folder, or look after what is deployed.
    #[command(after_help = EXIT_CODES)]
    Deploy(Deploy),
    /// Print completions for a shell; `--help` says where each shell wants them.
    #[command(after_help = COMPLETIONS)]
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
}

#[derive(Debug, Args)]
#[command(group = ArgGroup::new("source").required(true).args(["path", "git"]))]
pub(crate) struct New {
    /// The server's name: lower-case letters, digits and hyphens. Also the new folder's.
    pub(crate) name: String,
    /// A platform to make a `main` for; may be given more than once. Without it, a server over HTTP.
    #[arg(long = "target", value_name = "TARGET", value_parser = platforms())]
    pub(crate) targets: Vec<NewTarget>,
    /// A checkout of pmcp, whose crates the server depends on.
    #[arg(long, value_name = "DIR")]
    pub(crate) path: Option<PathBuf>,
    /// A git repository of pmcp, whose crates the server depends on.
    #[arg(long, value_name = "URL")]
    pub(crate) git: Option<String>,
    /// Say what would be written, and write nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Dev {
    /// The platform: over HTTP as on Google Cloud Run, under an emulator of AWS Lambda, or in the runtime of Cloudflare
    /// Workers. Without it, the first of these that the project has a `main` for.
    #[arg(long)]
    pub(crate) target: Option<TargetType>,
    /// The port to listen on. Without it, 8080, 9000 for AWS Lambda, or 8787 for Cloudflare Workers.
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) port: Option<u16>,
}

/// Of a subcommand of `deploy` that was typed without that word, says so; what a tool was to be given is not repeated.
pub(crate) fn explain(mut error: clap::Error) -> clap::Error {
    if matches!(error.get(ContextKind::InvalidArg), Some(ContextValue::String(of)) if of.starts_with("--arguments"))
        && error.kind() == ErrorKind::ValueValidation
    {
        error.insert(ContextKind::InvalidValue, ContextValue::String("…".into()));
    }
    let (ErrorKind::InvalidSubcommand, Some(ContextValue::String(word))) =
        (error.kind(), error.get(ContextKind::InvalidSubcommand))
    else {
        return error;
    };
    if Cli::command().find_subcommand("deploy").is_some_and(|deploy| deploy.find_subcommand(word).is_some()) {
        let line = format!("it is `cargo pmcp deploy {word}`").into();
        error.remove(ContextKind::SuggestedSubcommand);
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![line]));
    }
    error
}

/// A platform that a server has a `main` for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum Platform {
    /// AWS Lambda.
    AwsLambda,
    /// Cloudflare Workers.
    CloudflareWorkers,
    /// HTTP: Google Cloud Run, any container, your own machine.
    #[value(alias = PMCP_RUN)]
    GoogleCloudRun,
    /// Standard input and output: started by an editor or a desktop client.
    Stdio,
}

/// Another name of one of them.
const PMCP_RUN: &str = "pmcp-run";

/// All names, as help and completions show them, which leave aliases out.
fn platforms() -> impl TypedValueParser<Value = NewTarget> {
    let alias = PossibleValue::new(PMCP_RUN).help("pmcp.run, with the same `main` as Google Cloud Run");
    let names = Platform::value_variants().iter().filter_map(ValueEnum::to_possible_value).chain([alias]);
    PossibleValuesParser::new(names)
        .try_map(|name| Platform::from_str(&name, false).map(|platform| NewTarget { platform, name }))
}

/// A target as it was typed for `new`, of which several may have one `main`.
#[derive(Clone, Debug)]
pub(crate) struct NewTarget {
    pub(crate) platform: Platform,
    pub(crate) name: String,
}

#[derive(Debug, Args)]
pub(crate) struct Deploy {
    /// The platform. Without it, the one in .pmcp/deploy.toml; `init` asks where there is none.
    #[arg(long, global = true)]
    pub(crate) target: Option<TargetType>,
    #[command(subcommand)]
    pub(crate) command: Option<DeployCommand>,
    #[command(flatten)]
    pub(crate) run: DeployRun,
}

#[derive(Debug, Args)]
pub(crate) struct DeployRun {
    /// Say what would be done, and change nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Deploy under a new name, in a new place or in another account although this folder is deployed already, and leave
    /// that.
    #[arg(long)]
    pub(crate) beside: bool,
    /// Do not ask before a server is replaced that .pmcp/deployed.json does not know, or before its URL is.
    #[arg(long)]
    pub(crate) yes: bool,
    /// What makes the image for Google Cloud Run. Without it, what .pmcp/deploy.toml says, which is cargo by itself.
    #[arg(long)]
    pub(crate) builder: Option<ImageBuilder>,
}

impl DeployRun {
    /// Refuses these options before a subcommand, which would not hear of them.
    pub(crate) fn alone(&self) -> Result {
        let (dry_run, beside) = (("--dry-run", self.dry_run), ("--beside", self.beside));
        let given = [dry_run, beside, ("--yes", self.yes), ("--builder", self.builder.is_some())];
        match given.into_iter().find(|(_, given)| *given) {
            None => Ok(()),
            Some((option, _)) => Err(Failure::usage(
                format!("before a subcommand of `cargo pmcp deploy` there is no {option}"),
                "write it after the subcommand, if that has it, or leave it out",
            )),
        }
    }

    /// The options that stand for what deploy.toml says.
    pub(crate) fn settle(&self, config: &mut Config) -> Result {
        let Some(builder) = self.builder else { return Ok(()) };
        if config.target.target_type != TargetType::GoogleCloudRun {
            let platform = config.target.target_type.title();
            return Err(Failure::refused(
                format!("{platform} takes no image, so there is no --builder"),
                "leave it out",
            ));
        }
        config.gcp.builder = builder;
        Ok(())
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum DeployCommand {
    /// Write .pmcp/deploy.toml and the files of its target; what you changed in them stays.
    Init(Init),
    /// Log in to the platform, or say who is logged in already.
    Login(Login),
    /// End the login that `login` made on this machine.
    Logout,
    /// Print what the deployed server has: its URL, and what its parts are called on the platform.
    Outputs,
    /// Say whether the server is deployed, in what state, and which version is live.
    Status,
    /// Hold a conversation with the deployed server, and say how each step went and how long it took.
    Test(TestServer),
    /// Let another version answer: the one before, or the one named. The next deploy goes forward again.
    Rollback(Rollback),
    /// Print what the server logged.
    Logs(Logs),
    /// Store, list and delete values that the server is given as environment (on Cloudflare Workers, which has none, as
    /// `env.secret(…)`) and nobody else may read.
    Secrets {
        #[command(subcommand)]
        command: Secrets,
    },
    /// Remove what was deployed.
    Destroy(Destroy),
    /// Say what is missing on this machine or in the account, each with the line that mends it.
    Doctor,
}

#[derive(Debug, Args)]
pub(crate) struct Login {
    /// Open no browser: print a code to type on any device, where the platform has such.
    #[arg(long, conflicts_with = "status")]
    pub(crate) no_browser: bool,
    /// Say who is logged in, where and until when, and log nobody in.
    #[arg(long)]
    pub(crate) status: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Init {
    /// The server's name on the platform. Without it, the folder's.
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// The region to deploy to, where the platform has regions. Without it, AWS_REGION or us-east-1 on AWS Lambda,
    /// us-central1 on Google Cloud Run.
    #[arg(long)]
    pub(crate) region: Option<String>,
    /// The project on Google Cloud.
    #[arg(long)]
    pub(crate) project: Option<String>,
    /// The id of the account at Cloudflare.
    #[arg(long, value_name = "ID")]
    pub(crate) account: Option<String>,
    /// Say what would be written, and write nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
}

impl Init {
    /// What says where to deploy to, by the keys that deploy.toml has for it.
    pub(crate) fn place(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let all = [("region", &self.region), ("project", &self.project), ("account_id", &self.account)];
        all.into_iter().filter_map(|(key, value)| Some((key, value.as_deref()?)))
    }

    /// Refuses whatever says where to deploy to in a way that the platform does not know.
    pub(crate) fn only(&self, platform: &str, known: &[&str]) -> Result {
        for (option, value) in [("--region", &self.region), ("--project", &self.project), ("--account", &self.account)]
        {
            if value.is_some() && !known.contains(&option) {
                return Err(Failure::usage(format!("{platform} knows no {option}"), format!("leave out {option}")));
            }
        }
        Ok(())
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Secrets {
    /// Store a value: from standard input, from a hidden prompt at a terminal, or from a variable.
    Set(SetSecret),
    /// Name what is stored, and what .pmcp/deploy.toml asks for; no values.
    List,
    /// Delete a value that the live version does not read.
    Delete(DeleteSecret),
}

#[derive(Debug, Args)]
pub(crate) struct SetSecret {
    /// The environment variable of the server.
    #[arg(allow_hyphen_values = true)]
    pub(crate) key: String,
    /// Here only to be refused without a word of it.
    #[arg(hide = true, allow_hyphen_values = true)]
    pub(crate) value: Vec<OsString>,
    /// Take the value from this variable of your own environment.
    #[arg(long, value_name = "VAR")]
    pub(crate) from_env: Option<String>,
    /// Say what would be stored where, ask for no value, and store nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
}

#[derive(Debug, Args)]
pub(crate) struct DeleteSecret {
    /// The environment variable of the server.
    #[arg(allow_hyphen_values = true)]
    pub(crate) key: String,
    /// Here only to be refused without a word of it.
    #[arg(hide = true, allow_hyphen_values = true)]
    pub(crate) value: Vec<OsString>,
    /// Say what would be deleted, and delete nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
}

#[derive(Debug, Args)]
pub(crate) struct TestServer {
    /// Talk to this server instead of the deployed one.
    #[arg(long)]
    pub(crate) url: Option<String>,
    /// Call this tool. Without it, one that says it only reads.
    #[arg(long, value_name = "NAME")]
    pub(crate) tool: Option<String>,
    /// Call the tool with these arguments, a JSON object. Without it, what its schema suggests, if the tool only reads or
    /// needs none.
    #[arg(long, value_name = "JSON", value_parser = values::object)]
    pub(crate) arguments: Option<Map<String, Value>>,
    /// Send the bearer token that is in this variable.
    #[arg(long, value_name = "VAR")]
    pub(crate) token_from_env: Option<String>,
    /// How long one request may take, in seconds; a day at most.
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=86_400), value_name = "SECONDS")]
    pub(crate) timeout: u64,
}

#[derive(Debug, Args)]
pub(crate) struct Rollback {
    /// The version to go back to, as `deploy status` lists them.
    pub(crate) version: Option<String>,
    /// Say what would be done, and change nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Logs {
    /// Go on printing until Ctrl-C.
    #[arg(long, visible_alias = "follow")]
    pub(crate) tail: bool,
    /// How far back to begin: 30s, 10m, 1h, 2d. Without it, 1h; Cloudflare Workers has no logs of the past.
    #[arg(long, value_name = "TIME", value_parser = values::time)]
    pub(crate) since: Option<Duration>,
    /// Only lines that match: on AWS Lambda a filter pattern of CloudWatch Logs, on Google Cloud Run a query of Cloud
    /// Logging, elsewhere a text.
    #[arg(long, value_name = "PATTERN")]
    pub(crate) filter: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Destroy {
    /// Also remove what outlives the server on its platform, such as secrets, logs, images or databases, for good:
    /// `--dry-run` names each. And the files that `deploy init` wrote and nobody changed.
    #[arg(long)]
    pub(crate) clean: bool,
    /// Do not ask.
    #[arg(long)]
    pub(crate) yes: bool,
    /// With --yes, remove a server too that .pmcp/deployed.json does not know.
    #[arg(long)]
    pub(crate) unrecorded: bool,
    /// Say what would be removed, and remove nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
}
