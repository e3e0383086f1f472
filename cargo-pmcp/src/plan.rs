//! What a command is about to do: the same list that `--dry-run` prints.

use std::fmt;

use serde::Serialize;

/// Steps in their order, and what is worth knowing before they are taken.
#[derive(Debug, Serialize)]
pub(crate) struct Plan {
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
        Self { steps: Vec::new(), warnings: Vec::new() }
    }

    pub(crate) fn step(&mut self, action: Action, what: impl Into<String>) {
        self.steps.push(Step { action, what: what.into(), detail: None });
    }

    pub(crate) fn detailed(&mut self, action: Action, what: impl Into<String>, detail: impl Into<String>) {
        self.steps.push(Step { action, what: what.into(), detail: Some(detail.into()) });
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut lines = Vec::new();
        for Step { action, what, detail } in &self.steps {
            let verb = match action {
                Action::Write => "write",
                Action::Leave => "leave",
                Action::Run => "run",
                Action::Change => "change",
                Action::Remove => "remove",
            };
            lines.push(format!("{verb:<7} {what}"));
            lines.extend(detail.iter().map(|detail| format!("        {detail}")));
        }
        lines.extend(self.warnings.iter().map(|warning| format!("note: {warning}")));
        out.write_str(&lines.join("\n"))
    }
}
