//! What a document may hold: sections with keys, each with meaning, unit, range and default.

/// A key of a section.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key {
    pub name: &'static str,
    pub meaning: &'static str,
    pub unit: &'static str,
    pub range: &'static str,
    /// What holds when it is left out; `required` when it may not be.
    pub default: &'static str,
    /// Its value in a document.
    pub example: &'static str,
}

impl Key {
    /// Its row in the table of the document's page.
    pub fn row(&self) -> String {
        let Self { name, meaning, unit, range, default, example } = self;
        format!("| `{name}` | {meaning} | {unit} | {range} | {default} | `{example}` |")
    }
}

/// A table of the document.
#[derive(Debug, PartialEq, Eq)]
pub struct Section {
    /// How it stands in a document.
    pub name: &'static str,
    pub keys: &'static [Key],
}

impl Section {
    pub(crate) fn has(&self, name: &str) -> bool {
        self.keys.iter().any(|key| key.name == name)
    }
}

/// In the order of the columns of a page.
pub const fn key(
    name: &'static str,
    meaning: &'static str,
    unit: &'static str,
    range: &'static str,
    default: &'static str,
    example: &'static str,
) -> Key {
    Key { name, meaning, unit, range, default, example }
}
