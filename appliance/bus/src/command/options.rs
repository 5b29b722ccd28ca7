//! Options of methods: dictionaries on the bus, structs here. What is not known is refused, and
//! the nearest known key named.

use std::collections::{BTreeMap, HashMap};

use model::Consistency;
use zbus::{OwnedVariant, Variant};

use super::check;
use crate::nearest::nearest;
use crate::refusal::Refusal;
use crate::value::Value;

/// One key of an options dictionary.
#[derive(Debug)]
#[cfg_attr(not(test), allow(dead_code, reason = "read where BUS.md is made"))]
pub(crate) struct OptionKey {
    pub(crate) name: &'static str,
    pub(crate) signature: &'static str,
    /// The text of BUS.md.
    pub(crate) about: &'static str,
}

/// A struct of options.
pub(crate) trait Options: Sized {
    const KEYS: &'static [OptionKey];

    /// Checked. The error names what is wrong.
    fn parse(given: HashMap<String, OwnedVariant>) -> Result<Self, Refusal>;
}

/// A field of options: absent keys leave it as it is by default.
trait Field: Sized {
    type Inner: Value;

    fn of(inner: Self::Inner) -> Self;
    fn given(&self) -> Option<Variant<'_>>;
}

impl<T: Value> Field for Option<T> {
    type Inner = T;

    fn of(inner: T) -> Self {
        Some(inner)
    }

    fn given(&self) -> Option<Variant<'_>> {
        self.as_ref().map(T::to_variant)
    }
}

impl Field for bool {
    type Inner = Self;

    fn of(inner: Self) -> Self {
        inner
    }

    fn given(&self) -> Option<Variant<'_>> {
        self.then(|| self.to_variant())
    }
}

macro_rules! options {
    ($(
        $(#[doc = $about:literal])+
        $name:ident checked by |$options:ident| $check:expr;
        { $($(#[doc = $doc:literal])+ $field:ident: $type:ty,)+ }
    )+) => {
        $(
            $(#[doc = $about])+
            #[derive(Debug, Clone, PartialEq, Eq, Default)]
            pub struct $name {
                $($(#[doc = $doc])+ pub $field: $type,)+
            }

            impl $name {
                /// As a proxy takes them.
                pub fn arguments(&self) -> BTreeMap<&'static str, Variant<'_>> {
                    let given = [$((stringify!($field), self.$field.given())),+];
                    given.into_iter().filter_map(|(key, value)| Some((key, value?))).collect()
                }
            }

            impl Options for $name {
                const KEYS: &'static [OptionKey] = &[$(OptionKey {
                    name: stringify!($field),
                    signature: <<$type as Field>::Inner as Value>::SIGNATURE,
                    about: concat!($($doc, "\n"),+),
                },)+];

                fn parse(given: HashMap<String, OwnedVariant>) -> Result<Self, Refusal> {
                    let mut $options = Self::default();
                    for (key, value) in &given {
                        match key.as_str() {
                            $(stringify!($field) => $options.$field = field(key, value)?,)+
                            _ => return Err(unknown(key, Self::KEYS)),
                        }
                    }
                    $check?;
                    Ok($options)
                }
            }
        )+
    };
}

options! {
    /// How to scrub.
    ScrubOptions checked by |options| percent("duty_percent", options.duty_percent); {
        /// Work for this share of the time at most, in percent. 100 if it is not given.
        duty_percent: Option<u32>,
        /// End after so many seconds and keep the place. At the end of the pool if not given.
        run_for_seconds: Option<u64>,
        /// Read only what was written since it was last read back.
        new: bool,
    }
    /// How to reclaim.
    ReclaimOptions checked by |options| percent("least_dead_percent", options.least_dead_percent); {
        /// Empty segments of which at least so many percent are of no use. 20 if not given.
        least_dead_percent: Option<u32>,
        /// Move at most so many bytes of what is needed. Without a bound if not given.
        most_bytes: Option<u64>,
        /// Use the room of segments again when they were retired so long ago, in running time. A
        /// day if not given.
        release_after_seconds: Option<u64>,
        /// Compress what only older recovery points need with Zstandard, where that saves a tenth.
        recompress: bool,
        /// Only say what would be done.
        dry_run: bool,
    }
    /// How to fill disks.
    ResyncOptions checked by |options| rate("bytes_per_second", options.bytes_per_second); {
        /// Copy at most so many bytes in a second. As fast as other work lets it if not given.
        bytes_per_second: Option<u64>,
    }
    /// How to verify.
    VerifyOptions checked by |options| anything(&options); {
        /// Decompress every record too, compare its digest, and then all blocks of all recovery
        /// points with their tags. Reads twice.
        deep: bool,
        /// Only tell what is wrong: write nothing to the disks.
        no_heal: bool,
    }
    /// How to ingest now.
    RunOptions checked by |options| text(&mut options.comment, check::comment); {
        /// Read everything, whatever the source says about what changed.
        full: bool,
        /// Why it is run now, for the history of jobs.
        comment: Option<String>,
    }
    /// What is to be written.
    ReceiveOptions checked by |options| name(&mut options.volume); {
        /// The name of the volume; `disk` if it is not given.
        volume: Option<String>,
        /// The size of the volume. Must be given.
        bytes: Option<u64>,
        /// Lay it above the newest recovery point of the system, if that has the volume in this
        /// size: only what changed has to be written. `Base` says whether it does.
        incremental: bool,
        /// Make a recovery point of it when `Finish` is called, not when clients disconnect. It
        /// then also outlives clients that vanish and the engine: what was flushed is there.
        explicit: bool,
    }
    /// What is to be said of what was written.
    FinishOptions checked by |options| consistency(options.consistency.as_deref()); {
        /// Of what moment it is: `inconsistent`, `crash`, `file-system` or `application`, as in
        /// `Consistency` of the recovery point. `unknown` if it is not given.
        consistency: Option<String>,
    }
    /// How to ingest something that no plan names.
    IngestOptions checked by |options| name(&mut options.volume); {
        /// The name of the volume. `disk` if not given.
        volume: Option<String>,
        /// Compare with no recovery point.
        full: bool,
    }
    /// How to take a stream in.
    StreamOptions checked by |options| name(&mut options.volume); {
        /// The name of the stream. `stream` if not given.
        volume: Option<String>,
    }
    /// How to serve a recovery point.
    ExportOptions checked by |options| {
        name(&mut options.volume).and_then(|()| listen(options.listen.as_deref()))
    }; {
        /// The name of the volume. Can be left out if there is only one.
        volume: Option<String>,
        /// Let clients write, into an overlay.
        writable: bool,
        /// Serve with TLS on this address and port too, as in `10.0.0.5:10809`.
        listen: Option<String>,
    }
    /// What to restore, and where to.
    RestoreOptions checked by |options| {
        name(&mut options.volume).and_then(|()| text(&mut options.target, check::path))
    }; {
        /// The name of the volume. Can be left out if there is only one.
        volume: Option<String>,
        /// A new file or a block device of the appliance, by its absolute path. Must be given.
        target: Option<String>,
        /// Write over a block device that holds something.
        overwrite: bool,
    }
}

fn field<T: Field>(key: &str, value: &Variant<'_>) -> Result<T, Refusal> {
    match T::Inner::from_variant(value) {
        Some(inner) => Ok(T::of(inner)),
        None => {
            let (wanted, found) = (T::Inner::SIGNATURE, value.value_signature());
            let problem = format!("option `{key}` has the type {found}");
            Err(Refusal::invalid(problem, format!("give it as {wanted}")))
        }
    }
}

fn unknown(key: &str, known: &'static [OptionKey]) -> Refusal {
    let shown: String = key.chars().filter(|c| !c.is_control()).take(64).collect();
    let next_step = match nearest(key, known.iter().map(|option| option.name)) {
        Some(near) => format!("`{near}` may be meant"),
        None => {
            let names: Vec<_> = known.iter().map(|option| option.name).collect();
            format!("known are {}", names.join(", "))
        }
    };
    Refusal::invalid(format!("there is no option `{shown}`"), next_step)
}

fn anything<T>(_options: &T) -> Result<(), Refusal> {
    Ok(())
}

fn percent(key: &str, value: Option<u32>) -> Result<(), Refusal> {
    match value {
        None | Some(1..=100) => Ok(()),
        Some(value) => {
            Err(Refusal::invalid(format!("`{key}` is {value}"), "give a share from 1 to 100"))
        }
    }
}

fn rate(key: &str, value: Option<u64>) -> Result<(), Refusal> {
    match value {
        Some(0) => {
            Err(Refusal::invalid(format!("`{key}` is 0"), "give 1 or more, or leave it out"))
        }
        _ => Ok(()),
    }
}

fn text(
    value: &mut Option<String>,
    checked: fn(&str, String) -> Result<String, Refusal>,
) -> Result<(), Refusal> {
    *value = value.take().map(|given| checked("the option", given)).transpose()?;
    Ok(())
}

fn name(value: &mut Option<String>) -> Result<(), Refusal> {
    *value = value.take().map(check::volume).transpose()?;
    Ok(())
}

fn consistency(word: Option<&str>) -> Result<(), Refusal> {
    match word.map(Consistency::parse) {
        None | Some(Some(_)) => Ok(()),
        Some(None) => {
            let known = Consistency::ALL.map(Consistency::as_str).join(", ");
            Err(Refusal::invalid("`consistency` is no known word", format!("known are {known}")))
        }
    }
}

fn listen(address: Option<&str>) -> Result<(), Refusal> {
    match address.map(str::parse::<std::net::SocketAddr>) {
        None | Some(Ok(_)) => Ok(()),
        Some(Err(_)) => {
            let problem = "`listen` is not an address with a port";
            Err(Refusal::invalid(problem, "give it as in 10.0.0.5:10809 or [fd00::5]:10809"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(pairs: &[(&str, Variant<'_>)]) -> HashMap<String, OwnedVariant> {
        let owned =
            |(key, value): &(&str, Variant<'_>)| ((*key).to_owned(), value.try_to_owned().unwrap());
        pairs.iter().map(owned).collect()
    }

    #[test]
    fn options_come_back_from_their_arguments() {
        let options = ScrubOptions { duty_percent: Some(25), new: true, ..Default::default() };
        let arguments: Vec<_> = options.arguments().into_iter().collect();
        assert_eq!(arguments.len(), 2);
        assert_eq!(ScrubOptions::parse(given(&arguments)), Ok(options));
        assert_eq!(ScrubOptions::parse(HashMap::new()), Ok(ScrubOptions::default()));
    }

    #[test]
    fn an_unknown_key_is_refused_with_the_nearest_known_one() {
        let refusal = ScrubOptions::parse(given(&[("duty_percnt", 25_u32.into())])).unwrap_err();
        let shown = refusal.to_string();
        assert_eq!(shown, "there is no option `duty_percnt`; `duty_percent` may be meant");
        let refusal = VerifyOptions::parse(given(&[("xyzzy", true.into())])).unwrap_err();
        assert_eq!(refusal.to_string(), "there is no option `xyzzy`; known are deep, no_heal");
    }

    #[test]
    fn a_wrong_type_or_share_is_refused() {
        let refusal = ScrubOptions::parse(given(&[("duty_percent", 25_u64.into())])).unwrap_err();
        assert_eq!(refusal.to_string(), "option `duty_percent` has the type t; give it as u");
        for share in [0_u32, 101] {
            assert!(ScrubOptions::parse(given(&[("duty_percent", share.into())])).is_err());
        }
        assert!(ResyncOptions::parse(given(&[("bytes_per_second", 0_u64.into())])).is_err());
        assert!(ResyncOptions::parse(given(&[("bytes_per_second", 1_u64.into())])).is_ok());
        assert!(ExportOptions::parse(given(&[("listen", "office".into())])).is_err());
        assert!(ExportOptions::parse(given(&[("listen", "10.0.0.5:10809".into())])).is_ok());
        assert!(RestoreOptions::parse(given(&[("target", "../x".into())])).is_err());
    }
}
