//! What a text argument may be.

use crate::refusal::Refusal;

/// Longest comment or reason, in bytes: a few lines.
const COMMENT_MAX: usize = 1024;

/// Longest path, in bytes: what Linux takes.
const PATH_MAX: usize = 4096;

/// Longest name of a volume, in bytes.
const VOLUME_MAX: usize = 255;

/// Longest name of a protected system, in bytes: as long as an id on the bus.
const SYSTEM_MAX: usize = 255;

/// Longest plan, in bytes: some thousand protected systems.
pub(crate) const PLAN_MAX: usize = 256 * 1024;

/// A comment that goes into logs and listings: one line, without what a terminal would obey.
pub(crate) fn comment(what: &str, text: String) -> Result<String, Refusal> {
    within(what, &text, COMMENT_MAX)?;
    printable(what, &text)?;
    Ok(text)
}

/// An absolute path without steps back, so that what is shown is what is meant.
pub(crate) fn path(what: &str, text: String) -> Result<String, Refusal> {
    within(what, &text, PATH_MAX)?;
    printable(what, &text)?;
    if !text.starts_with('/') || text.split('/').any(|part| part == "..") {
        let problem = format!("{what} is not an absolute path without `..`");
        return Err(Refusal::invalid(problem, "name it from the root, as in /dev/sdb"));
    }
    Ok(text)
}

/// The name of a volume. Empty is the only one.
pub(crate) fn volume(text: String) -> Result<String, Refusal> {
    within("the name of the volume", &text, VOLUME_MAX)?;
    printable("the name of the volume", &text)?;
    Ok(text)
}

/// The name of a protected system.
pub(crate) fn system(text: String) -> Result<String, Refusal> {
    let what = "the name of the system";
    within(what, &text, SYSTEM_MAX)?;
    printable(what, &text)?;
    if text.is_empty() {
        return Err(Refusal::invalid("the system has no name", "give it one"));
    }
    Ok(text)
}

/// What to read a system's bytes from: a path of the appliance, or the address of an NBD server.
pub(crate) fn source(text: String) -> Result<String, Refusal> {
    let what = "the source";
    if !text.starts_with("nbd") {
        return path(what, text);
    }
    within(what, &text, PATH_MAX)?;
    printable(what, &text)?;
    Ok(text)
}

/// A plan: its meaning is the engine's business.
pub(crate) fn plan(text: String) -> Result<String, Refusal> {
    within("the plan", &text, PLAN_MAX)?;
    Ok(text)
}

fn within(what: &str, text: &str, max: usize) -> Result<(), Refusal> {
    if text.len() <= max {
        return Ok(());
    }
    let problem = format!("{what} has {} bytes, at most {max} are taken", text.len());
    Err(Refusal::invalid(problem, "shorten it"))
}

fn printable(what: &str, text: &str) -> Result<(), Refusal> {
    match text.chars().find(|character| character.is_control()) {
        None => Ok(()),
        Some(character) => {
            let problem = format!("{what} holds the control character {character:?}");
            Err(Refusal::invalid(problem, "leave it out"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_short_and_printable() {
        assert!(comment("it", "for the audit".into()).is_ok());
        assert!(comment("it", "x".repeat(COMMENT_MAX + 1)).is_err());
        assert!(comment("it", "bell \x07".into()).is_err());
        assert!(comment("it", "two\nlines".into()).is_err());
        assert!(plan("a = 1\nb = 2\n".into()).is_ok());
        assert!(plan("x".repeat(PLAN_MAX + 1)).is_err());
        assert!(volume(String::new()).is_ok());
        assert!(system("db 1".into()).is_ok() && system(String::new()).is_err());
        assert!(source("nbd://10.0.0.5/disk".into()).is_ok() && source("disk.img".into()).is_err());
    }

    #[test]
    fn paths_are_absolute() {
        assert!(path("it", "/dev/sdb".into()).is_ok());
        assert!(path("it", "/srv/a..b".into()).is_ok());
        for wrong in ["", "dev/sdb", "/srv/../etc/shadow", "/srv/.."] {
            let refusal = path("the device", wrong.into()).unwrap_err();
            assert!(refusal.to_string().starts_with("the device is not"), "{refusal}");
        }
    }
}
