//! What a command is about to do, or has done: the same list that `--dry-run` prints, in the past tense.

use std::fmt;

use serde::Serialize;

/// Steps in their order, and what is worth knowing before they are taken.
#[derive(Debug, Serialize)]
pub(crate) struct Plan {
    /// Whether that is what was done, and not only what would be.
    pub(crate) done: bool,
    pub(crate) steps: Vec<Step>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) warnings: Vec<String>,
}

/// One thing that is done, made or removed.
#[derive(Debug, Serialize)]
pub(crate) struct Step {
    pub(crate) action: Action,
    pub(crate) what: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) detail: Option<String>,
}

#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Action {
    Write,
    Leave,
    Run,
    Change,
    Remove,
}

impl Plan {
    pub(crate) fn new() -> Self {
        Self { done: false, steps: Vec::new(), warnings: Vec::new() }
    }

    pub(crate) fn step(&mut self, action: Action, what: impl Into<String>) {
        self.steps.push(Step { action, what: what.into(), detail: None });
    }

    pub(crate) fn detailed(&mut self, action: Action, what: impl Into<String>, detail: impl Into<String>) {
        self.steps.push(Step { action, what: what.into(), detail: Some(detail.into()) });
    }
}

impl Action {
    fn verb(self, done: bool) -> &'static str {
        let (would, did) = match self {
            Self::Write => ("write", "wrote"),
            Self::Leave => ("leave", "left"),
            Self::Run => ("run", "ran"),
            Self::Change => ("change", "changed"),
            Self::Remove => ("remove", "removed"),
        };
        if done { did } else { would }
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut lines = Vec::new();
        for Step { action, what, detail } in &self.steps {
            lines.push(format!("{:<7} {what}", action.verb(self.done)));
            lines.extend(detail.iter().map(|detail| format!("        {detail}")));
        }
        lines.extend(self.warnings.iter().map(|warning| format!("note: {warning}")));
        out.write_str(&lines.join("\n"))
    }
}
