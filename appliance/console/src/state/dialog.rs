//! Questions: what has to be said before something is done.

use model::{Bytes, PointId};

use super::{Effect, Form, Line, Secret};
use crate::key::Key;
use crate::screen::{Page, Row};
use crate::text;

/// Where devices are. What is restored to one goes over everything on it.
const DEVICES: &str = "/dev/";

/// What a volume is chosen for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Use {
    Restore,
    Export,
}

/// A question, with what was answered so far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Dialog {
    /// Yes or no.
    Ask {
        about: Vec<String>,
        yes: Effect,
    },
    /// Nothing but this word is a yes.
    Word {
        about: Vec<String>,
        word: &'static str,
        line: Line,
        yes: Effect,
    },
    Unlock(Secret),
    /// Where a restore goes.
    Target {
        about: Vec<String>,
        point: PointId,
        volume: Option<String>,
        line: Line,
    },
    /// Who takes an alert on.
    By {
        about: Vec<String>,
        alert: u64,
        line: Line,
    },
    /// Which of several volumes.
    Volume {
        point: PointId,
        of: String,
        volumes: Vec<(String, u64)>,
        at: usize,
        what: Use,
    },
    Form(Form),
}

/// The question that is open from here on, and what is to be done.
type Next = (Option<Dialog>, Option<Effect>);

impl Dialog {
    pub(crate) fn press(self, key: Key) -> Next {
        if key == Key::Escape {
            return (None, None);
        }
        match self {
            Self::Ask { yes, .. } if matches!(key, Key::Char('y' | 'Y')) => (None, Some(yes)),
            Self::Ask { .. } if matches!(key, Key::Char('n' | 'N')) => (None, None),
            Self::Ask { .. } => (Some(self), None),
            Self::Word { about, word, mut line, yes } => {
                if key == Key::Enter && line.0.trim() == word {
                    return (None, Some(yes));
                }
                line.press(key);
                (Some(Self::Word { about, word, line, yes }), None)
            }
            Self::Unlock(secret) => unlock(secret, key),
            Self::Target { about, point, volume, mut line } => {
                if key == Key::Enter && line.0.starts_with('/') {
                    return target(about, point, volume, line.0);
                }
                line.press(key);
                (Some(Self::Target { about, point, volume, line }), None)
            }
            Self::By { about, alert, mut line } => {
                let by = line.0.trim().to_owned();
                if key == Key::Enter && !by.is_empty() {
                    return (None, Some(Effect::Acknowledge { alert, by }));
                }
                line.press(key);
                (Some(Self::By { about, alert, line }), None)
            }
            Self::Volume { point, of, volumes, at, what } => match key {
                Key::Enter => chosen(point, &of, volumes.get(at).cloned(), what),
                key => {
                    let at = moved(at, key, volumes.len());
                    (Some(Self::Volume { point, of, volumes, at, what }), None)
                }
            },
            Self::Form(mut form) => match form.press(key) {
                None => (Some(Self::Form(form)), None),
                effect => (None, effect),
            },
        }
    }

    /// What comes after the choice of a volume, if there is one to choose.
    pub(crate) fn of_volume(
        point: PointId,
        of: &str,
        volume: Option<(String, u64)>,
        what: Use,
    ) -> Next {
        chosen(point, of, volume, what)
    }

    pub(crate) fn page(&self, columns: usize) -> Page {
        let about = |lines: &[String]| about(lines, columns);
        let typed = |label: String, line: &Line| {
            [Row::strong(label), Row::item(line.shown(columns.saturating_sub(4)), true)]
        };
        let mut rows = match self {
            Self::Ask { about: lines, .. }
            | Self::Word { about: lines, .. }
            | Self::Target { about: lines, .. }
            | Self::By { about: lines, .. } => about(lines),
            Self::Unlock(_) => about(&["The pool is locked.".to_owned()]),
            Self::Volume { of, .. } => about(&[format!("{of} has several volumes. Which one?")]),
            Self::Form(form) => return form.page(columns),
        };
        match self {
            Self::Ask { .. } => rows.push(Row::strong("y or n?")),
            Self::Word { word, line, .. } => {
                rows.extend(typed(format!("Type `{word}` to do it:"), line));
            }
            Self::Unlock(secret) => {
                let hidden = "*".repeat(secret.characters().min(columns.saturating_sub(4)));
                let shown = Row::item(format!("{hidden}_"), true);
                rows.extend([Row::strong("Passphrase or recovery key:"), shown]);
            }
            Self::Target { line, .. } => {
                rows.extend(typed("New file or device of this box, from the root:".into(), line));
            }
            Self::By { line, .. } => {
                rows.extend(typed("Who takes it on (name, comment):".into(), line));
            }
            Self::Volume { volumes, at, .. } => return choice(rows, volumes, *at),
            Self::Form(_) => {}
        }
        Page::text(rows)
    }

    pub(crate) fn hints(&self) -> &'static str {
        match self {
            Self::Ask { .. } => "y yes  n no  Esc back",
            Self::Volume { .. } => "Up/Down choose  Enter take  Esc back",
            Self::Form(_) => "Tab/Up/Down field  Space change method  Enter write  Esc back",
            _ => "Enter done  Backspace erase  Esc back",
        }
    }
}

fn about(lines: &[String], columns: usize) -> Vec<Row> {
    let lines = lines.iter().flat_map(|line| text::wrapped(line, columns));
    lines.map(Row::plain).chain([Row::empty()]).collect()
}

fn choice(head: Vec<Row>, volumes: &[(String, u64)], at: usize) -> Page {
    let items = volumes.iter().enumerate().map(|(number, (name, bytes))| {
        Row::item(format!("{}  {}", text::column(name, 24), Bytes(*bytes)), number == at)
    });
    Page::list(head, items.collect(), at)
}

fn unlock(mut secret: Secret, key: Key) -> Next {
    match key {
        Key::Enter if secret.characters() > 0 => return (None, Some(Effect::Unlock(secret))),
        Key::Char(c) => secret.push(c),
        Key::Backspace => secret.pop(),
        _ => {}
    }
    (Some(Dialog::Unlock(secret)), None)
}

fn target(mut about: Vec<String>, point: PointId, volume: Option<String>, target: String) -> Next {
    let overwrite = target.starts_with(DEVICES);
    about.push(format!("It goes to {target}."));
    let yes = Effect::Restore { point, volume, target, overwrite };
    let next = match overwrite {
        false => Dialog::Ask { about, yes },
        true => {
            about.push("Everything on that device is written over.".into());
            Dialog::Word { about, word: "overwrite", line: Line::default(), yes }
        }
    };
    (Some(next), None)
}

fn chosen(point: PointId, of: &str, volume: Option<(String, u64)>, what: Use) -> Next {
    let name = volume.as_ref().map(|(name, _)| name.clone()).filter(|name| !name.is_empty());
    let shown = match &volume {
        Some((name, bytes)) => format!("{name}, {}, of {of}", Bytes(*bytes)),
        None => of.to_owned(),
    };
    match what {
        Use::Restore => {
            let about = vec![format!("Restore {shown}.")];
            let line = Line::default();
            (Some(Dialog::Target { about, point, volume: name, line }), None)
        }
        Use::Export => (None, Some(Effect::Export { point, volume: name })),
    }
}

fn moved(at: usize, key: Key, length: usize) -> usize {
    let at = match key {
        Key::Up => at.saturating_sub(1),
        Key::Down | Key::Tab => at + 1,
        _ => at,
    };
    at.min(length.saturating_sub(1))
}
