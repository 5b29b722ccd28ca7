//! What a screen has to say, in lines: where it stands on the terminal is decided by `draw`.

/// How a line looks. None needs colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Look {
    Plain,
    Strong,
    /// The line that keys are about.
    Chosen,
}

/// One line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) text: String,
    pub(crate) look: Look,
}

impl Row {
    pub(crate) fn plain(text: impl Into<String>) -> Self {
        Self { text: text.into(), look: Look::Plain }
    }

    pub(crate) fn strong(text: impl Into<String>) -> Self {
        Self { text: text.into(), look: Look::Strong }
    }

    pub(crate) fn empty() -> Self {
        Self::plain("")
    }

    /// One of several that can be chosen: without colours and without bold letters, it is the one
    /// with the mark.
    pub(crate) fn item(text: impl AsRef<str>, chosen: bool) -> Self {
        let (mark, look) = if chosen { ('>', Look::Chosen) } else { (' ', Look::Plain) };
        Self { text: format!("{mark} {}", text.as_ref()), look }
    }
}

/// Lines that stay, and below them lines that move when there are more than fit.
#[derive(Debug, Default)]
pub(crate) struct Page {
    pub(crate) head: Vec<Row>,
    pub(crate) list: Vec<Row>,
    /// Must be in sight.
    pub(crate) chosen: usize,
    /// Is to be the first in sight, if `chosen` allows.
    pub(crate) top: usize,
}

impl Page {
    /// Of which one line is chosen.
    pub(crate) fn list(head: Vec<Row>, list: Vec<Row>, chosen: usize) -> Self {
        Self { head, list, chosen, top: 0 }
    }

    /// That can be read on from a line.
    pub(crate) fn scroll(head: Vec<Row>, list: Vec<Row>, top: usize) -> Self {
        Self { head, list, chosen: top, top }
    }

    pub(crate) fn text(list: Vec<Row>) -> Self {
        Self { list, ..Self::default() }
    }

    /// The first line of the list that is shown where so many lines fit.
    pub(crate) fn first(&self, room: usize) -> usize {
        let most = self.list.len().saturating_sub(room);
        // Of what is chosen the neighbours are seen too.
        let least = self.chosen.saturating_sub((room / 2).max(1));
        self.top.max(least).min(most)
    }
}
