//! The only piece of TOML that the rules need: an array written with one item on each line.

/// The lines between `key = [` and the closing bracket, without comments and empty lines. Empty
/// when the key is absent.
pub(super) fn lines<'a>(toml: &'a str, key: &str) -> Vec<&'a str> {
    let opening = format!("{key} = [");
    let inside = toml.lines().skip_while(|line| line.trim() != opening).skip(1);
    let items = inside.take_while(|line| line.trim() != "]").map(str::trim);
    items.filter(|line| !line.is_empty() && !line.starts_with('#')).collect()
}

/// The text of the first quoted string after `before`.
pub(super) fn quoted<'a>(line: &'a str, before: &str) -> Option<&'a str> {
    let (_, after) = line.split_once(before)?;
    after.split('"').nth(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_are_the_lines_of_that_array() {
        let toml = "a = [\n  \"x\",\n]\nb = [\n  # why\n  { crate = \"y\", reason = \"z\" },\n]\n";
        assert_eq!(lines(toml, "a"), ["\"x\","]);
        assert_eq!(lines(toml, "b"), ["{ crate = \"y\", reason = \"z\" },"]);
        assert!(lines(toml, "c").is_empty());
        assert_eq!(quoted("{ crate = \"y\", reason = \"z\" }", "reason"), Some("z"));
    }
}
