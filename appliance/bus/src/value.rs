//! What a property or an option can hold, and how it stands in a variant.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use zbus::{ObjectPath, OwnedObjectPath, Variant};

/// A type of properties and options.
pub(crate) trait Value: Sized {
    /// The D-Bus signature.
    const SIGNATURE: &'static str;

    /// What it can be, if that is one of a few words.
    const WORDS: &'static [&'static str] = &[];

    fn to_variant(&self) -> Variant<'_>;

    /// None if the variant holds another type.
    fn from_variant(variant: &Variant<'_>) -> Option<Self>;
}

macro_rules! plain {
    ($($type:ty, $signature:literal;)+) => {
        $(impl Value for $type {
            const SIGNATURE: &'static str = $signature;

            fn to_variant(&self) -> Variant<'_> {
                (*self).into()
            }

            fn from_variant(variant: &Variant<'_>) -> Option<Self> {
                variant.try_into().ok()
            }
        })+
    };
}

plain! {
    bool, "b";
    u32, "u";
    i32, "i";
    u64, "t";
}

impl Value for String {
    const SIGNATURE: &'static str = "s";

    fn to_variant(&self) -> Variant<'_> {
        self.as_str().into()
    }

    fn from_variant(variant: &Variant<'_>) -> Option<Self> {
        variant.try_into().ok()
    }
}

impl Value for OwnedObjectPath {
    const SIGNATURE: &'static str = "o";

    fn to_variant(&self) -> Variant<'_> {
        ObjectPath::from(self).into()
    }

    fn from_variant(variant: &Variant<'_>) -> Option<Self> {
        match variant {
            Variant::ObjectPath(path) => Some(path.to_owned().into()),
            _ => None,
        }
    }
}

impl Value for Vec<String> {
    const SIGNATURE: &'static str = "as";

    fn to_variant(&self) -> Variant<'_> {
        self.into()
    }

    fn from_variant(variant: &Variant<'_>) -> Option<Self> {
        items(variant)?.iter().map(|item| item.try_into().ok()).collect()
    }
}

/// Number, name and bytes of each volume of a recovery point.
impl Value for Vec<(u32, String, u64)> {
    const SIGNATURE: &'static str = "a(ust)";

    fn to_variant(&self) -> Variant<'_> {
        self.clone().into()
    }

    fn from_variant(variant: &Variant<'_>) -> Option<Self> {
        let volume = |item: &Variant<'_>| match item {
            Variant::Structure(fields) => match fields.fields() {
                [Variant::U32(number), Variant::Str(name), Variant::U64(bytes)] => {
                    Some((*number, name.to_string(), *bytes))
                }
                _ => None,
            },
            _ => None,
        };
        items(variant)?.iter().map(volume).collect()
    }
}

fn items<'a>(variant: &'a Variant<'_>) -> Option<&'a [Variant<'a>]> {
    match variant {
        Variant::Array(array) => Some(array.inner()),
        _ => None,
    }
}

/// One fact of an outcome: for people and programs, without a schema.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Fact {
    Flag(bool),
    Number(u64),
    Text(String),
    Texts(Vec<String>),
}

/// Facts by name, as in the `--json` output of the command line. What is not known is not there.
pub type Facts = BTreeMap<String, Fact>;

impl Fact {
    fn to_variant(&self) -> Variant<'_> {
        match self {
            Self::Flag(flag) => Value::to_variant(flag),
            Self::Number(number) => Value::to_variant(number),
            Self::Text(text) => Value::to_variant(text),
            Self::Texts(texts) => Value::to_variant(texts),
        }
    }

    fn from_variant(variant: &Variant<'_>) -> Option<Self> {
        match variant {
            Variant::Variant(inner) => Self::from_variant(inner),
            Variant::Bool(flag) => Some(Self::Flag(*flag)),
            Variant::U64(number) => Some(Self::Number(*number)),
            Variant::Str(text) => Some(Self::Text(text.to_string())),
            other => <Vec<String>>::from_variant(other).map(Self::Texts),
        }
    }
}

impl Value for Facts {
    const SIGNATURE: &'static str = "a{sv}";

    fn to_variant(&self) -> Variant<'_> {
        let facts = self.iter().map(|(name, fact)| (name.as_str(), fact.to_variant()));
        facts.collect::<BTreeMap<_, _>>().into()
    }

    fn from_variant(variant: &Variant<'_>) -> Option<Self> {
        let Variant::Dict(facts) = variant else { return None };
        let fact = |(name, fact): (&Variant<'_>, &Variant<'_>)| {
            Some((String::from_variant(name)?, Fact::from_variant(fact)?))
        };
        facts.iter().map(fact).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn comes_back<T: Value + PartialEq + std::fmt::Debug>(value: T) {
        let variant = value.to_variant();
        assert_eq!(variant.value_signature().to_string(), T::SIGNATURE);
        assert_eq!(T::from_variant(&variant), Some(value));
    }

    #[test]
    fn a_value_comes_back_from_its_variant() {
        comes_back(true);
        comes_back(7_u32);
        comes_back(-7_i32);
        comes_back(u64::MAX);
        comes_back("ü".to_owned());
        comes_back(crate::Place::Pool.path());
        comes_back(vec!["a".to_owned(), String::new()]);
        comes_back(Vec::<String>::new());
        comes_back(vec![(1_u32, "disk".to_owned(), 4096_u64)]);
        comes_back(Facts::new());
        comes_back(Facts::from([
            ("lost".into(), Fact::Number(3)),
            ("done".into(), Fact::Flag(true)),
            ("disks".into(), Fact::Texts(vec!["a".into()])),
            ("error".into(), Fact::Text("none".into())),
        ]));
    }

    #[test]
    fn another_type_is_no_value() {
        assert_eq!(u64::from_variant(&7_u32.into()), None);
        assert_eq!(String::from_variant(&7_u32.into()), None);
        assert_eq!(<Vec<String>>::from_variant(&vec![7_u32].into()), None);
        assert_eq!(Facts::from_variant(&"text".into()), None);
    }
}
