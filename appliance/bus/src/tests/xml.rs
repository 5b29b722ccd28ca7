//! Enough of XML for files whose shape we know: tags with attributes, in order.

use std::collections::BTreeMap;

/// A tag: its name, with a slash in front if it closes, and its attributes.
#[derive(Debug)]
pub(super) struct Tag {
    pub(super) name: String,
    pub(super) attributes: BTreeMap<String, String>,
}

impl Tag {
    pub(super) fn get(&self, attribute: &str) -> &str {
        self.attributes.get(attribute).map(String::as_str).unwrap_or_default()
    }
}

pub(super) fn tags(xml: &str) -> Vec<Tag> {
    let inside = xml.split('<').skip(1).filter_map(|part| part.split('>').next());
    inside.filter(|tag| !tag.starts_with(['!', '?'])).map(tag).collect()
}

fn tag(text: &str) -> Tag {
    let (name, mut rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    let mut attributes = BTreeMap::new();
    while let Some((key, after)) = rest.split_once("=\"") {
        let (value, after) = after.split_once('"').unwrap();
        attributes.insert(key.trim().to_owned(), value.to_owned());
        rest = after;
    }
    let closes_itself = name.len() > 1;
    let name = if closes_itself { name.trim_end_matches('/') } else { name };
    Tag { name: name.to_owned(), attributes }
}

/// A method as introspection describes it.
#[derive(Debug)]
pub(super) struct Described {
    pub(super) interface: String,
    pub(super) name: String,
    pub(super) takes: Vec<String>,
    pub(super) gives: Vec<String>,
}

/// All methods in a description.
pub(super) fn methods(xml: &str) -> Vec<Described> {
    let mut interface = String::new();
    let mut methods: Vec<Described> = Vec::new();
    for tag in tags(xml) {
        match (tag.name.as_str(), tag.get("direction")) {
            ("interface", _) => interface = tag.get("name").to_owned(),
            ("method", _) => methods.push(Described {
                interface: interface.clone(),
                name: tag.get("name").to_owned(),
                takes: Vec::new(),
                gives: Vec::new(),
            }),
            ("arg", "in") => methods.last_mut().unwrap().takes.push(tag.get("type").to_owned()),
            ("arg", "out") => methods.last_mut().unwrap().gives.push(tag.get("type").to_owned()),
            _ => {}
        }
    }
    methods
}
