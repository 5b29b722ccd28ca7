//! apt's list of mirrors, in its two spellings: one line per source, and paragraphs (deb822).

use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// Where packages of one suite come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mirror {
    pub(crate) uri: String,
    pub(crate) suite: String,
}

impl Mirror {
    /// The first mirror of exactly `suite` with the component `main`, if apt knows one.
    pub(crate) fn of_suite(suite: &str) -> Result<Option<Self>> {
        for path in source_files()? {
            let text = std::fs::read_to_string(&path).map_err(Error::io(&path))?;
            let deb822 = path.extension().is_some_and(|extension| extension == "sources");
            let found = if deb822 { paragraphs(&text) } else { lines(&text) };
            if let Some(mirror) = found.into_iter().find(|mirror| mirror.suite == suite) {
                return Ok(Some(mirror));
            }
        }
        Ok(None)
    }

    /// As a line of sources.list.
    pub(crate) fn line(&self) -> String {
        format!("deb {} {} main", self.uri, self.suite)
    }
}

fn source_files() -> Result<Vec<PathBuf>> {
    let folder = Path::new("/etc/apt/sources.list.d");
    let mut files = vec![PathBuf::from("/etc/apt/sources.list")];
    if folder.is_dir() {
        for entry in std::fs::read_dir(folder).map_err(Error::io(folder))? {
            files.push(entry.map_err(Error::io(folder))?.path());
        }
    }
    files.retain(|path| path.is_file() && path.extension().is_some_and(is_source_extension));
    files.sort();
    Ok(files)
}

fn is_source_extension(extension: &std::ffi::OsStr) -> bool {
    extension == "list" || extension == "sources"
}

/// `deb [options] URI SUITE COMPONENT...`
fn lines(text: &str) -> Vec<Mirror> {
    text.lines().filter_map(line).collect()
}

fn line(text: &str) -> Option<Mirror> {
    let rest = text.trim().strip_prefix("deb ")?.trim_start();
    let rest = match rest.strip_prefix('[') {
        Some(options) => options.split_once(']')?.1,
        None => rest,
    };
    let mut words = rest.split_whitespace();
    let (uri, suite) = (words.next()?, words.next()?);
    words.any(|word| word == "main").then(|| mirror(uri, suite))
}

/// Paragraphs of `Key: values`, one source each.
fn paragraphs(text: &str) -> Vec<Mirror> {
    text.split("\n\n").flat_map(paragraph).collect()
}

fn paragraph(text: &str) -> Vec<Mirror> {
    let field = |key: &str| text.lines().find_map(|line| line.strip_prefix(key)).unwrap_or("");
    let has = |key: &str, value: &str| field(key).split_whitespace().any(|word| word == value);
    if !has("Types:", "deb") || !has("Components:", "main") || has("Enabled:", "no") {
        return Vec::new();
    }
    let Some(uri) = field("URIs:").split_whitespace().next() else { return Vec::new() };
    field("Suites:").split_whitespace().map(|suite| mirror(uri, suite)).collect()
}

fn mirror(uri: &str, suite: &str) -> Mirror {
    Mirror { uri: uri.trim_end_matches('/').to_owned(), suite: suite.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_spellings_are_read() {
        let one_line = "# comment\ndeb [arch=amd64] http://m/debian/ stable main\n";
        assert_eq!(lines(one_line), vec![mirror("http://m/debian", "stable")]);

        let deb822 = "Types: deb\n# note\nURIs: http://m/debian\nSuites: stable stable-updates\n\
                      Components: main\n\nTypes: deb-src\nURIs: http://s\nSuites: stable\n\
                      Components: main\n";
        let found = paragraphs(deb822);
        let expected = ["stable", "stable-updates"].map(|suite| mirror("http://m/debian", suite));
        assert_eq!(found, expected);
    }

    #[test]
    fn other_peoples_sources_are_not_mirrors() {
        let other = "deb-src http://m/debian stable main\ndeb http://x/ stable extra\n";
        assert!(lines(other).is_empty());
        let off = "Types: deb\nURIs: http://m\nSuites: stable\nComponents: main\nEnabled: no\n";
        assert!(paragraphs(off).is_empty());
    }
}
