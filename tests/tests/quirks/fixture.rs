//! The files of `tests/data/quirks`: requests as they are on the wire, each with the answer it must get.

use std::{fs, path::PathBuf};

use serde_json::Value;

/// A file.
pub(crate) struct Fixture {
    pub(crate) name: String,
    /// What its `#` lines say, by their names.
    head: Vec<(String, String)>,
    text: String,
}

/// A request, and what may be said of its answer.
pub(crate) struct Block {
    pub(crate) text: String,
    pub(crate) expected: Vec<Expected>,
}

/// One `<` line.
#[derive(Debug)]
pub(crate) struct Expected {
    /// `sessionless` or `sessions`, where it is about one of them.
    pub(crate) mode: Option<String>,
    pub(crate) status: Option<u16>,
    pointer: Option<String>,
    value: Option<Value>,
}

impl Fixture {
    /// All files whose name ends in `extension`.
    pub(crate) fn all(extension: &str) -> Vec<Self> {
        let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("data/quirks");
        let mut paths: Vec<_> = fs::read_dir(&folder)
            .expect("the folder is there")
            .map(|entry| entry.expect("an entry").path())
            .filter(|path| path.extension().is_some_and(|found| found == extension))
            .collect();
        paths.sort();
        paths.iter().map(Self::read).collect()
    }

    fn read(path: &PathBuf) -> Self {
        let name = path.file_name().expect("a file").to_string_lossy().into_owned();
        let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("cannot read {name}: {error}"));
        let (head, text) = text.split_once("\n\n").unwrap_or_else(|| panic!("{name} has no head"));
        let head: Vec<_> = head
            .lines()
            .map(|line| {
                let line = line.strip_prefix("# ").and_then(|line| line.split_once(": "));
                let (key, value) = line.unwrap_or_else(|| panic!("{name}: the head has lines `# Name: text`"));
                (key.to_owned(), value.to_owned())
            })
            .collect();
        let fixture = Self { name, head, text: text.to_owned() };
        for key in ["Client", "Quirk", "Then", "Source"] {
            assert!(fixture.says(key).is_some(), "{}: the head names no {key}", fixture.name);
        }
        fixture
    }

    pub(crate) fn says(&self, key: &str) -> Option<&str> {
        self.head.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
    }

    /// The requests of an `.http` file.
    pub(crate) fn requests(&self) -> Vec<Block> {
        self.text.split("\n###\n").map(|text| self.block(text)).collect()
    }

    /// The messages of a `.stdio` file.
    pub(crate) fn lines(&self) -> Vec<Block> {
        let mut blocks: Vec<Block> = Vec::new();
        for line in self.text.lines() {
            match (line.strip_prefix("< "), blocks.last_mut()) {
                (Some(expected), Some(block)) => block.expected.push(self.expected(&format!("0 {expected}"))),
                _ => blocks.push(Block { text: line.to_owned(), expected: Vec::new() }),
            }
        }
        blocks
    }

    fn block(&self, text: &str) -> Block {
        let (expected, sent): (Vec<_>, Vec<_>) = text.lines().partition(|line| line.starts_with("< "));
        assert!(!expected.is_empty(), "{}: a request without an answer", self.name);
        Block { text: sent.join("\n"), expected: expected.iter().map(|line| self.expected(&line[2..])).collect() }
    }

    fn expected(&self, line: &str) -> Expected {
        let (mode, line) = match line.split_once(": ") {
            Some((mode @ ("sessionless" | "sessions"), rest)) => (Some(mode.to_owned()), rest),
            _ => (None, line),
        };
        let (condition, value) = match line.split_once(" = ") {
            Some((condition, value)) => {
                let value = serde_json::from_str(value);
                (condition, Some(value.unwrap_or_else(|error| panic!("{}: {line}: {error}", self.name))))
            }
            None => (line, None),
        };
        let (status, pointer) = condition.split_once(' ').unwrap_or((condition, ""));
        let status = status.parse().unwrap_or_else(|_| panic!("{}: {line:?} has no status", self.name));
        Expected {
            mode,
            status: (status > 0).then_some(status),
            pointer: (!pointer.is_empty()).then(|| pointer.to_owned()),
            value,
        }
    }
}

impl Expected {
    /// Whether `message` is as it must be.
    pub(crate) fn holds(&self, message: Option<&Value>) -> bool {
        let Some(pointer) = &self.pointer else { return true };
        let found = message.and_then(|message| message.pointer(pointer));
        match &self.value {
            Some(value) => found == Some(value),
            None => found.is_some(),
        }
    }
}
