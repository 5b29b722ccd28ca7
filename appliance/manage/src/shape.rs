//! What requests hold: a table of fields, by which they are read and by which they are described.

use serde_json::{Map, Value};

use crate::problem::{Kind as ProblemKind, Problem};
use crate::secret::Secret;

/// What a field holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// At most so many bytes.
    Text(usize),
    /// The same, which nobody is to see.
    Secret(usize),
    /// At most so much.
    Number(u64),
    Flag,
    Word(&'static [&'static str]),
    /// At most so many texts of so many bytes.
    Texts(usize, usize),
}

/// One field of a body or of a query.
#[derive(Debug)]
pub(crate) struct Field {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) required: bool,
    pub(crate) about: &'static str,
}

/// A field that must be there.
pub(crate) const fn must(name: &'static str, kind: Kind, about: &'static str) -> Field {
    Field { name, kind, required: true, about }
}

/// A field that may be there.
pub(crate) const fn may(name: &'static str, kind: Kind, about: &'static str) -> Field {
    Field { name, kind, required: false, about }
}

/// What was sent, as the fields have it.
#[derive(Debug, Default)]
pub(crate) struct Given(Map<String, Value>);

impl Given {
    /// Reads a body: one JSON object, or nothing where no field must be there.
    pub(crate) fn of_body(bytes: &[u8], fields: &[Field]) -> Result<Self, Problem> {
        if bytes.iter().all(u8::is_ascii_whitespace) {
            return Self::of(Map::new(), fields);
        }
        match serde_json::from_slice(bytes) {
            Ok(Value::Object(map)) => Self::of(map, fields),
            Ok(_) => Err(Problem::invalid("the body is no JSON object")),
            Err(error) => Err(Problem::invalid(format!("the body is no JSON: {error}"))),
        }
    }

    /// Reads a query, where everything is text.
    pub(crate) fn of_query(query: &str, fields: &[Field]) -> Result<Self, Problem> {
        let mut map = Map::new();
        for part in query.split('&').filter(|part| !part.is_empty()) {
            let (name, text) = part.split_once('=').unwrap_or((part, ""));
            let (name, text) = (decoded(name)?, decoded(text)?);
            let kind = fields.iter().find(|field| field.name == name).map(|field| field.kind);
            let value = match kind {
                Some(Kind::Number(_)) => match text.parse::<u64>() {
                    Ok(number) => number.into(),
                    Err(_) => text.into(),
                },
                Some(Kind::Flag) if text == "true" || text == "false" => (text == "true").into(),
                _ => text.into(),
            };
            map.insert(name, value);
        }
        Self::of(map, fields)
    }

    fn of(map: Map<String, Value>, fields: &[Field]) -> Result<Self, Problem> {
        for name in map.keys() {
            if !fields.iter().any(|field| field.name == name) {
                return Err(unknown(name, fields));
            }
        }
        for field in fields {
            match map.get(field.name) {
                Some(value) if !fits(value, field.kind) => return Err(unfit(field)),
                None if field.required => {
                    return Err(Problem::invalid(format!("`{}` is missing", field.name)));
                }
                _ => {}
            }
        }
        Ok(Self(map))
    }

    /// Whether the field is there.
    pub(crate) fn given(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// A text; empty if it is not there.
    pub(crate) fn text(&self, name: &str) -> &str {
        self.0.get(name).and_then(Value::as_str).unwrap_or_default()
    }

    /// A text that is there and not empty.
    pub(crate) fn some_text(&self, name: &str) -> Option<&str> {
        Some(self.text(name)).filter(|text| !text.is_empty())
    }

    pub(crate) fn secret(&self, name: &str) -> Secret {
        Secret::new(self.text(name).to_owned())
    }

    pub(crate) fn number(&self, name: &str) -> Option<u64> {
        self.0.get(name).and_then(whole)
    }

    pub(crate) fn flag(&self, name: &str) -> bool {
        self.0.get(name).and_then(Value::as_bool).unwrap_or_default()
    }

    pub(crate) fn texts(&self, name: &str) -> Option<Vec<String>> {
        let texts = self.0.get(name)?.as_array()?;
        Some(texts.iter().filter_map(Value::as_str).map(str::to_owned).collect())
    }

    /// What was given, without secrets, for the audit log.
    pub(crate) fn shown(&self, fields: &[Field]) -> String {
        let plain = |name: &str| {
            fields.iter().any(|f| f.name == name && !matches!(f.kind, Kind::Secret(_)))
        };
        let shown: Map<String, Value> = self
            .0
            .iter()
            .filter(|(name, _)| plain(name))
            .map(|(name, value)| (name.clone(), shortened(value)))
            .collect();
        if shown.is_empty() { String::new() } else { Value::Object(shown).to_string() }
    }
}

impl Drop for Given {
    fn drop(&mut self) {
        for value in self.0.values_mut() {
            if let Value::String(text) = value {
                zeroize::Zeroize::zeroize(text);
            }
        }
    }
}

/// Longest text that stands in the audit log, in characters.
const SHOWN: usize = 200;

fn shortened(value: &Value) -> Value {
    match value {
        Value::String(text) if text.chars().count() > SHOWN => {
            let start: String = text.chars().take(SHOWN).collect();
            format!("{start}… ({} bytes)", text.len()).into()
        }
        value => value.clone(),
    }
}

fn fits(value: &Value, kind: Kind) -> bool {
    // A NUL is no character to the bus: it cuts off whoever sends one.
    let is_fit = |text: &str, most: usize| text.len() <= most && !text.contains('\0');
    let text = |value: &Value, most: usize| value.as_str().is_some_and(|text| is_fit(text, most));
    match kind {
        Kind::Text(most) | Kind::Secret(most) => text(value, most),
        Kind::Number(most) => whole(value).is_some_and(|number| number <= most),
        Kind::Flag => value.is_boolean(),
        Kind::Word(words) => value.as_str().is_some_and(|word| words.contains(&word)),
        Kind::Texts(count, most) => value.as_array().is_some_and(|texts| {
            texts.len() <= count && texts.iter().all(|value| text(value, most))
        }),
    }
}

/// The whole number that this is, also where it is written as some programs write all numbers:
/// `176.0`. Of those that is only told which are exact.
fn whole(value: &Value) -> Option<u64> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    let float = || value.as_f64().filter(|float| float.fract() == 0.0);
    let exact = || float().filter(|float| (0.0..=EXACT).contains(float));
    value.as_u64().or_else(|| exact().map(|float| float as u64))
}

fn unfit(field: &Field) -> Problem {
    let wanted = match field.kind {
        Kind::Text(most) | Kind::Secret(most) => {
            format!("a text of at most {most} bytes without NUL")
        }
        Kind::Number(most) => format!("a whole number from 0 to {most}"),
        Kind::Flag => "true or false".to_owned(),
        Kind::Word(words) => format!("one of {}", words.join(", ")),
        Kind::Texts(count, most) => {
            format!("a list of at most {count} texts of at most {most} bytes")
        }
    };
    Problem::invalid(format!("`{}` is to be {wanted}", field.name))
}

fn unknown(name: &str, fields: &[Field]) -> Problem {
    let name: String = name.chars().filter(|c| !c.is_control()).take(64).collect();
    let what = format!("`{name}` is not known here");
    match bus::nearest(&name, fields.iter().map(|field| field.name)) {
        Some(near) => Problem::new(ProblemKind::Invalid, what, format!("`{near}` may be meant")),
        None => Problem::invalid(what),
    }
}

/// A part of a path or query without its percent signs.
pub(crate) fn decoded(text: &str) -> Result<String, Problem> {
    let wrong = || Problem::invalid("the address is not encoded as it should be");
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
                let (high, low) = (digit(rest.next()), digit(rest.next()));
                let value = high.zip(low).map(|(high, low)| high * 16 + low);
                value.and_then(|value| u8::try_from(value).ok()).ok_or_else(wrong)?
            }
            byte => byte,
        });
    }
    String::from_utf8(bytes).ok().filter(|text| !text.contains('\0')).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const FIELDS: &[Field] = &[
        must("name", Kind::Text(8), ""),
        may("password", Kind::Secret(8), ""),
        may("most", Kind::Number(9), ""),
        may("yes", Kind::Flag, ""),
        may("role", Kind::Word(&["owner", "device"]), ""),
        may("clients", Kind::Texts(2, 4), ""),
    ];

    fn problem(body: &str) -> String {
        let problem = Given::of_body(body.as_bytes(), FIELDS).unwrap_err();
        assert_eq!(problem.kind, ProblemKind::Invalid);
        format!("{}; {}", problem.what, problem.next)
    }

    #[test]
    fn what_fits_is_there_and_secrets_are_not_shown() {
        let body = br#"{"name":"a","password":"canary","most":9,"yes":true,"clients":["b","c"]}"#;
        let given = Given::of_body(body, FIELDS).unwrap();
        assert_eq!((given.text("name"), given.secret("password").expose()), ("a", "canary"));
        assert_eq!((given.number("most"), given.flag("yes")), (Some(9), true));
        assert_eq!(given.texts("clients").unwrap(), ["b", "c"]);
        assert_eq!((given.texts("role"), given.some_text("role")), (None, None));
        let shown = given.shown(FIELDS);
        assert!(shown.contains("\"name\":\"a\"") && !shown.contains("canary"), "{shown}");
    }

    #[test]
    fn a_whole_number_may_be_written_with_a_point() {
        let given = |number: &str| {
            let body = format!("{{\"name\":\"a\",\"most\":{number}}}");
            Given::of_body(body.as_bytes(), FIELDS).map(|given| given.number("most"))
        };
        for number in ["9", "9.0", "9e0", "0.9e1"] {
            assert_eq!(given(number).unwrap(), Some(9), "{number}");
        }
        for number in ["9.5", "-1.0", "10.0", "1e300", "-0.5", "18446744073709551616"] {
            assert!(given(number).is_err(), "{number}");
        }
    }

    #[test]
    fn what_does_not_fit_is_told_by_its_name() {
        for (body, told) in [
            ("", "`name` is missing"),
            ("[]", "no JSON object"),
            ("{", "no JSON"),
            (r#"{"name":"123456789"}"#, "`name` is to be a text of at most 8"),
            (r#"{"name":"a\u0000"}"#, "without NUL"),
            (r#"{"name":"a","clients":["b\u0000"]}"#, "`clients` is to be"),
            (r#"{"name":"a","most":10}"#, "`most` is to be a whole number from 0 to 9"),
            (r#"{"name":"a","most":-1}"#, "`most`"),
            (r#"{"name":"a","yes":"true"}"#, "`yes` is to be true or false"),
            (r#"{"name":"a","role":"root"}"#, "one of owner, device"),
            (r#"{"name":"a","clients":["b","c","d"]}"#, "at most 2 texts"),
            (r#"{"name":"a","pasword":"x"}"#, "`password` may be meant"),
        ] {
            let said = problem(body);
            assert!(said.contains(told), "{body}: {said}");
        }
    }

    #[test]
    fn a_query_is_read_by_the_same_fields() {
        let given = Given::of_query("name=a%20b+c&most=7&yes=true", FIELDS).unwrap();
        assert_eq!((given.text("name"), given.number("most")), ("a b c", Some(7)));
        assert!(given.flag("yes"));
        for wrong in
            ["", "name=%", "name=%zz", "name=%ff", "name=%00", "name=a&most=x", "name=a&yes=1"]
        {
            assert!(Given::of_query(wrong, FIELDS).is_err(), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn no_input_breaks_the_reading(bytes: Vec<u8>, query: String) {
            let _ = Given::of_body(&bytes, FIELDS);
            let _ = Given::of_query(&query, FIELDS);
        }
    }
}
