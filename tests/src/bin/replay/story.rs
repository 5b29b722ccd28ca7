//! What the guest did to a pool, and what may therefore be asked of each crash state.
//!
//! Moments are numbers of requests: at moment n the first n requests of the pool's disks have been
//! completed. The guest waits at both ends of each step until the host has seen how far the logs
//! are, so no request lies on the wrong side.

use std::collections::BTreeMap;

use serde_json::Value;

/// The life of one pool.
#[derive(Debug, Clone)]
pub(crate) struct Story {
    pub(crate) name: String,
    /// From this moment on there is a pool.
    pub(crate) made: usize,
    /// The text of its recovery kit.
    pub(crate) kit: String,
    pub(crate) points: Vec<PointStory>,
}

/// The life of a recovery point.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PointStory {
    pub(crate) id: String,
    /// Number of the image that it was made from.
    pub(crate) image: usize,
    /// When its ingest began, and when it was acknowledged.
    pub(crate) taken: (usize, usize),
    /// The same of its going.
    pub(crate) let_go: Option<(usize, usize)>,
}

impl Story {
    /// The points that must be there at a moment, and those that may be: by identity, with the
    /// image that they hold.
    pub(crate) fn at(&self, moment: usize) -> Expected<'_> {
        let begun = |(begin, _): (usize, usize)| moment > begin;
        let ended = |(_, end): (usize, usize)| moment >= end;
        let mut expected = Expected::default();
        for point in &self.points {
            let (id, image) = (point.id.as_str(), point.image);
            if begun(point.taken) && !point.let_go.is_some_and(ended) {
                expected.may.insert(id, image);
                if ended(point.taken) && !point.let_go.is_some_and(begun) {
                    expected.must.insert(id, image);
                }
            }
        }
        expected
    }

    /// The story of pool `name`, of what the guest said on its lines; `moment` tells the requests
    /// of this pool up to a place in the trace. `None` when the lines do not tell it.
    pub(crate) fn of(lines: &[Value], name: &str, moment: impl Fn(usize) -> usize) -> Option<Self> {
        let mut story = Self { name: name.into(), made: 0, kit: String::new(), points: Vec::new() };
        let mut begin = 0;
        for line in lines.iter().filter(|line| line["pool"] == name) {
            let now = moment(usize::try_from(line["trace"].as_u64()?).ok()?);
            if line["event"] == "begin" {
                begin = now;
                continue;
            }
            let text = |field: &str| line[field].as_str().map(str::to_owned);
            match line["what"].as_str()? {
                "create" => (story.made, story.kit) = (now, text("kit")?),
                "take" => story.points.push(PointStory {
                    id: text("point")?,
                    image: usize::try_from(line["image"].as_u64()?).ok()?,
                    taken: (begin, now),
                    let_go: None,
                }),
                "let go" => {
                    let id = text("point")?;
                    let gone = story.points.iter_mut().find(|point| point.id == id)?;
                    gone.let_go = Some((begin, now));
                }
                _ => {}
            }
        }
        (!story.kit.is_empty()).then_some(story)
    }
}

/// Recovery points by identity, with the number of the image that each holds.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Expected<'a> {
    pub(crate) must: BTreeMap<&'a str, usize>,
    /// Those that must be there too.
    pub(crate) may: BTreeMap<&'a str, usize>,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn told() -> Story {
        let lines = [
            json!({ "event": "begin", "pool": "p", "what": "create", "trace": 0 }),
            json!({ "event": "end", "pool": "p", "what": "create", "kit": "K", "trace": 10 }),
            json!({ "event": "begin", "pool": "other", "what": "take", "trace": 10 }),
            json!({ "event": "begin", "pool": "p", "what": "take", "trace": 10 }),
            json!({ "event": "end", "pool": "p", "what": "take", "point": "a", "image": 2,
                    "trace": 40 }),
            json!({ "event": "begin", "pool": "p", "what": "let go", "trace": 50 }),
            json!({ "event": "end", "pool": "p", "what": "let go", "point": "a", "trace": 70 }),
        ];
        Story::of(&lines, "p", |trace| trace / 10).unwrap()
    }

    #[test]
    fn a_point_must_be_there_from_its_acknowledgement_until_somebody_removes_it() {
        let story = told();
        assert_eq!((story.made, story.kit.as_str()), (1, "K"));
        let seen = |moment| {
            let expected = story.at(moment);
            (expected.may.contains_key("a"), expected.must.contains_key("a"))
        };
        let (absent, under_way, there) = ((false, false), (true, false), (true, true));
        for (moment, expected) in [(1, absent), (2, under_way), (3, under_way), (4, there)] {
            assert_eq!(seen(moment), expected, "{moment}");
        }
        for (moment, expected) in [(5, there), (6, under_way), (7, absent), (9, absent)] {
            assert_eq!(seen(moment), expected, "{moment}");
        }
        assert_eq!(story.at(4).must["a"], 2);
    }

    #[test]
    fn lines_that_tell_no_story_are_refused() {
        assert!(Story::of(&[], "p", |trace| trace).is_none());
        let lines = [json!({ "event": "end", "pool": "p", "what": "create", "trace": 1 })];
        assert!(Story::of(&lines, "p", |trace| trace).is_none(), "no kit");
    }
}
