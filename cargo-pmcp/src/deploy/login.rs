//! `cargo pmcp deploy login`: who is logged in, after a login where nobody is.

use crate::cli::Login;
use crate::config::Config;
use crate::failure::{Failure, Result};
use crate::output::Output;
use crate::target::Target;

pub(super) fn run(target: &dyn Target, config: &Config, options: &Login, output: Output) -> Result {
    let who = match target.who(config) {
        Err(nobody @ Failure::LoggedOut { .. }) if !options.status => match target.login(config, options, output)? {
            true => target.who(config)?,
            false => return Err(nobody),
        },
        known => known?,
    };
    output.result(&who)
}
