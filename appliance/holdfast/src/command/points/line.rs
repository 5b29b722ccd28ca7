//! One recovery point in the list of all.

use catalog::Content;
use model::{Bytes, Consistency, WallTime};
use serde_json::{Value, json};

use super::Standing;

/// What the list says of a recovery point.
#[derive(Debug)]
pub(crate) struct PointLine {
    pub(crate) id: String,
    /// `None` if nobody knows.
    pub(crate) system: Option<String>,
    pub(crate) created: WallTime,
    /// Seconds of running time; `None` if nobody knows.
    pub(crate) age: Option<u64>,
    /// `volumes` or `stream`.
    pub(crate) content: String,
    pub(crate) volumes: u64,
    pub(crate) logical: u64,
    pub(crate) added: u64,
    pub(crate) consistency: Consistency,
    pub(crate) standing: Standing,
    /// What is wrong with it.
    pub(crate) trouble: Option<String>,
}

impl PointLine {
    pub(crate) fn json(&self) -> Value {
        let removed = self.standing.removed.as_ref();
        let removed = removed.map(|(by, left)| json!({ "by": by, "goes_in_seconds": left }));
        json!({
            "point": self.id,
            "system": self.system,
            "created": self.created.0,
            "age_seconds": self.age,
            "content": self.content,
            "volumes": self.volumes,
            "bytes_logical": self.logical,
            "bytes_added": self.added,
            "consistency": self.consistency.as_str(),
            "held": self.standing.held,
            "removed": removed,
            "signals": self.standing.signals,
            "cleared": self.standing.cleared,
            "error": self.trouble,
        })
    }

    pub(crate) fn text(&self) -> String {
        let stream = if self.content == Content::Stream.as_str() { ", a stream" } else { "" };
        format!(
            "{}  {}  {:>10}  +{:>10}  {}{stream}{}{}",
            self.id,
            self.created,
            Bytes(self.logical).to_string(),
            Bytes(self.added).to_string(),
            self.trouble.as_ref().or(self.system.as_ref()).map_or("", String::as_str),
            self.told(),
            self.standing.text(),
        )
    }

    /// Of what moment it is, if anybody knows, with spaces in front.
    fn told(&self) -> String {
        match self.consistency {
            Consistency::Unknown => String::new(),
            known => format!("  {known}"),
        }
    }
}

/// All that are listed, for programs.
pub(crate) fn list_json(points: &[PointLine]) -> Value {
    json!({ "points": points.iter().map(PointLine::json).collect::<Vec<_>>() })
}

/// The same for people.
pub(crate) fn list_text(points: &[PointLine]) -> String {
    match points.is_empty() {
        true => "no recovery points".to_owned(),
        false => points.iter().map(PointLine::text).collect::<Vec<_>>().join("\n"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_what_moment_a_point_is_is_said_if_anybody_knows() {
        let line = |consistency| PointLine {
            id: "07".repeat(16),
            system: Some("mail".to_owned()),
            created: WallTime(1),
            age: None,
            content: "volumes".to_owned(),
            volumes: 1,
            logical: 4096,
            added: 0,
            consistency,
            standing: Standing { held: true, removed: None, signals: Vec::new(), cleared: false },
            trouble: None,
        };
        let known = line(Consistency::FileSystem);
        assert!(known.text().ends_with("mail  file-system-consistent  (held)"), "{}", known.text());
        assert_eq!(known.json()["consistency"], "file-system");
        let unknown = line(Consistency::Unknown);
        assert!(unknown.text().ends_with("mail  (held)"), "{}", unknown.text());
        assert_eq!(unknown.json()["consistency"], "unknown");
    }
}
