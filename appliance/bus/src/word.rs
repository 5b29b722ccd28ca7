//! Closed sets of words, as the states of objects are: an enum here, a string on the bus.

/// An enum whose variants are words. The first one is the default.
macro_rules! words {
    ($(
        $(#[doc = $about:literal])+
        $name:ident { $($(#[doc = $doc:literal])* $variant:ident = $word:literal,)+ }
    )+) => {
        $(
            $(#[doc = $about])+
            #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
            #[derive(serde::Serialize, serde::Deserialize)]
            pub enum $name {
                #[default]
                $($(#[doc = $doc])* #[serde(rename = $word)] $variant,)+
            }

            impl $name {
                /// All of them, in order.
                pub const ALL: &[Self] = &[$(Self::$variant),+];

                /// The word on the bus.
                pub fn as_str(self) -> &'static str {
                    match self {
                        $(Self::$variant => $word,)+
                    }
                }
            }

            impl std::fmt::Display for $name {
                fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                    f.pad(self.as_str())
                }
            }

            impl $crate::value::Value for $name {
                const SIGNATURE: &'static str = "s";
                const WORDS: &'static [&'static str] = &[$($word),+];

                fn to_variant(&self) -> zbus::Variant<'_> {
                    self.as_str().into()
                }

                fn from_variant(variant: &zbus::Variant<'_>) -> Option<Self> {
                    let word = <&str>::try_from(variant).ok()?;
                    Self::ALL.iter().copied().find(|value| value.as_str() == word)
                }
            }
        )+
    };
}

pub(crate) use words;
