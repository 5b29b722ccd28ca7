//! The little of XML that is needed: texts that go into it, and attributes as an XPath expression
//! has them printed, one a line.

use std::fmt::Write;

/// A text as the value of an attribute.
pub(super) fn escaped(text: &str) -> String {
    let mut all = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' | '<' | '>' | '"' | '\'' | '\t' | '\n' | '\r' => {
                let _ = write!(all, "&#{};", u32::from(c));
            }
            other => all.push(other),
        }
    }
    all
}

/// Names and values of attributes. What is none is skipped.
pub(super) fn attributes(printed: &str) -> impl Iterator<Item = (&str, String)> {
    printed.lines().filter_map(|line| {
        let (name, value) = line.trim().split_once("=\"")?;
        Some((name, plain(value.strip_suffix('"')?)))
    })
}

/// Values of attributes.
pub(super) fn values(printed: &str) -> Vec<String> {
    attributes(printed).map(|(_, value)| value).collect()
}

/// A value without its references.
fn plain(value: &str) -> String {
    let (mut all, mut rest) = (String::with_capacity(value.len()), value);
    while let Some((before, after)) = rest.split_once('&') {
        all.push_str(before);
        let reference = after.split_once(';').and_then(|(name, after)| Some((of(name)?, after)));
        rest = match reference {
            Some((c, after)) => {
                all.push(c);
                after
            }
            None => {
                all.push('&');
                after
            }
        };
    }
    all + rest
}

/// What a reference stands for.
fn of(reference: &str) -> Option<char> {
    match reference {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        other => {
            let digits = other.strip_prefix('#')?;
            let code = match digits.strip_prefix('x') {
                Some(digits) => u32::from_str_radix(digits, 16),
                None => digits.parse(),
            };
            code.ok().and_then(char::from_u32)
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn attributes_are_read_as_they_are_printed() {
        let printed = " dev=\"vda\"\n file=\"/vm/a &amp; b&#xE9;&#10;.qcow2\"\n\nnonsense\n x=\"";
        let read: Vec<_> = attributes(printed).collect();
        let file = ("file", "/vm/a & b\u{e9}\n.qcow2".to_owned());
        assert_eq!(read, [("dev", "vda".to_owned()), file]);
        assert_eq!(values(" a=\"&;&#x110000;&unknown; &\""), ["&;&#x110000;&unknown; &"]);
    }

    proptest! {
        #[test]
        fn a_text_is_the_same_when_it_comes_back(text in ".*") {
            let line = format!(" x=\"{}\"", escaped(&text));
            prop_assert_eq!(values(&line), [text]);
        }

        #[test]
        fn whatever_is_printed_is_read(printed in "(?s).*") {
            let _ = values(&printed);
        }
    }
}
