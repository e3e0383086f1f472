//! Why pmcp.run did not do what it was asked, as problem details (RFC 9457), and what to do about it.

use serde::Deserialize;

use super::SERVICE;
use crate::exec::{Hidden, NoResponse, Response, hide};
use crate::failure::Failure;

/// RFC 9457, section 3.1: every member may be missing.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Problem {
    #[serde(rename = "type")]
    kind: String,
    title: String,
    status: u16,
    detail: Option<String>,
}

impl Problem {
    /// Of an answer to `verb` with a status of 400 or more. One of HEAD has no body, and one of whoever is in front of the
    /// service another: then its status is all that is known, unless it is 404, which every wrong address has.
    pub(super) fn of(verb: &str, response: &Response) -> Option<Self> {
        let status = response.status;
        let parsed = response.is_json().then(|| serde_json::from_str::<Self>(&response.text()).ok()).flatten();
        if let Some(problem) = parsed {
            // Some services repeat what they were asked with.
            let detail = problem.detail.map(|words| response.without_credentials(&words));
            let title = response.without_credentials(&problem.title);
            return (status >= 400).then_some(Self { status, title, detail, ..problem });
        }
        let is_plain = match status {
            404 => verb == "HEAD",
            400..500 => response.body.is_empty(),
            _ => status >= 500,
        };
        is_plain.then(|| Self { status, ..Self::default() })
    }

    /// Without what was told in secret.
    pub(super) fn without(mut self, secret: &Hidden) -> Self {
        self.detail = self.detail.map(|words| hide(&words, secret));
        self.title = hide(&self.title, secret);
        self
    }

    /// Whether it is of this type.
    pub(super) fn is(&self, name: &str) -> bool {
        self.kind.rsplit_once("/problems/").is_some_and(|(_, found)| found == name)
    }

    fn words(&self) -> &str {
        let said = self.detail.as_deref().into_iter().chain([&self.title as &str]);
        said.into_iter().find(|words| !words.is_empty()).unwrap_or("it does not say why")
    }

    /// As it stands behind words, if it is known.
    fn status(&self) -> String {
        if self.status == 0 { String::new() } else { format!(" (status {})", self.status) }
    }

    /// In the words of somebody who looks after `server`.
    pub(super) fn into_failure(self, server: &str) -> Failure {
        let words = self.words();
        if self.is("name-taken") {
            Failure::refused(
                format!("the name {server} is taken on {SERVICE}"),
                "choose another `name` under [server] in .pmcp/deploy.toml",
            )
        } else if self.is("under-way") {
            Failure::refused(
                format!("another change of {server} is under way"),
                "wait until `cargo pmcp deploy status` says live, and run this again",
            )
        } else if self.is("no-access") {
            Failure::missing(
                format!("this account is not part of the early access of {SERVICE}"),
                "ask for it at https://pmcp.run, or log in to another: `cargo pmcp deploy logout`, then `login`",
            )
        } else if self.status == 403 {
            Failure::failed(
                format!("{SERVICE} does not allow this: {words}"),
                "ask whoever looks after the account for this permission",
            )
        } else if self.status == 429 {
            Failure::failed(format!("{SERVICE} is asked too often"), "wait a minute, and run the command again")
        } else if self.status >= 500 {
            Failure::failed(
                format!("{SERVICE} failed: {words}{}", self.status()),
                "it may be down for a while; run the command again: what was done already is not done twice",
            )
        } else {
            Failure::failed(format!("{SERVICE} refused: {words}{}", self.status()), super::super::AGAIN)
        }
    }
}

/// There is no answer.
pub(super) fn unreachable(base: &str, error: NoResponse) -> Failure {
    match error {
        NoResponse::Unreached(why) => Failure::failed(
            format!("{SERVICE} cannot be reached at {base}: {why}"),
            "the service is in early access and may not be open to you yet; see that the network is up, and that `url` under \
             [pmcp_run] in .pmcp/deploy.toml or PMCP_RUN_URL is the address that you were given",
        ),
        NoResponse::Lost(why) => Failure::failed(
            format!("{SERVICE} gave no answer at {base}: {why}"),
            "it may have done what it was asked: see `cargo pmcp deploy status`, and run the command again",
        ),
        NoResponse::Interrupted(failure) | NoResponse::Unsent(failure) => failure,
    }
}

/// There is an answer that the service would not give.
pub(super) fn not_understood(base: &str, what: &str) -> Failure {
    Failure::failed(
        format!("what answers at {base} is not understood: {what}"),
        "the service is in early access: update cargo pmcp, and see that `url` under [pmcp_run] in .pmcp/deploy.toml or \
         PMCP_RUN_URL is the address that you were given",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(problem: &str) -> String {
        let problem: Problem = serde_json::from_str(problem).expect("a problem");
        problem.without(&Hidden("s3cret".into())).into_failure("crm").to_string()
    }

    #[test]
    fn what_a_problem_lacks_is_not_needed() {
        assert_eq!(
            said(r#"{"status":422,"title":"no","detail":"the value s3cret is too short"}"#),
            "pmcp.run refused: the value (hidden) is too short (status 422)\nrun the command again when this is mended"
        );
        assert!(said("{}").starts_with("pmcp.run refused: it does not say why\n"));
        assert!(
            said(r#"{"type":"https://pmcp.run/problems/name-taken"}"#).starts_with("the name crm is taken on pmcp.run")
        );
        assert!(said(r#"{"type":"/problems/name-taken-too","title":"x"}"#).starts_with("pmcp.run refused: x"));
    }
}
