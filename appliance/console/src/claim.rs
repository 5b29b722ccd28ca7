//! What the management daemon says about claiming the box, in a file.
//!
//! The daemon faces the network: whoever takes it over writes this file. So nothing of it is
//! believed before it has been looked at, and a file that makes no sense is said to make none.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use nix::fcntl::OFlag;
use serde::Deserialize;

/// Longest file, in bytes.
const MAX_BYTES: u64 = 16 << 10;

/// Most addresses that are kept, and the longest, in bytes.
const MAX_ADDRESSES: usize = 8;
const MAX_ADDRESS: usize = 200;

/// What is known about the claim.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Claim {
    /// The management daemon has not written anything yet.
    #[default]
    Absent,
    /// There is something that cannot be used, and why.
    Unusable(String),
    /// Somebody owns the box.
    Claimed,
    /// Too many wrong codes were tried.
    Locked,
    /// It waits for somebody who types the code.
    Open(Open),
}

/// What somebody needs who wants to claim the box.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Open {
    /// Three groups of four letters and digits.
    pub code: String,
    /// Of the portal, as in `https://192.0.2.7:8443/`.
    pub addresses: Vec<String>,
    /// Of the portal's certificate: 64 hexadecimal digits.
    pub fingerprint: String,
}

#[derive(Deserialize)]
struct Contents {
    format: u32,
    claimed: bool,
    locked: bool,
    code: Option<String>,
    addresses: Vec<String>,
    fingerprint: String,
}

impl Claim {
    /// Reads the file.
    pub fn read(path: &Path) -> Self {
        let mut text = Vec::new();
        // A link would lead elsewhere, a pipe would never end.
        let flags = (OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK).bits();
        let file = File::options().read(true).custom_flags(flags).open(path);
        let read = file.and_then(|file| file.take(MAX_BYTES + 1).read_to_end(&mut text));
        match read {
            Ok(_) => Self::parse(&text),
            Err(error) if error.kind() == ErrorKind::NotFound => Self::Absent,
            Err(error) => Self::Unusable(format!("{} cannot be read: {error}", path.display())),
        }
    }

    /// Total: any bytes give a claim.
    pub fn parse(bytes: &[u8]) -> Self {
        let unusable = |why: &str| Self::Unusable(why.to_owned());
        if bytes.len() as u64 > MAX_BYTES {
            return unusable("the file is longer than 16 KiB");
        }
        let Ok(contents) = serde_json::from_slice::<Contents>(bytes) else {
            return unusable("the file is cut, or is not what a claim is written as");
        };
        match contents {
            Contents { format, .. } if format != 1 => unusable("the file is of another version"),
            Contents { claimed: true, .. } => Self::Claimed,
            Contents { locked: true, .. } => Self::Locked,
            Contents { code: Some(code), addresses, fingerprint, .. } => {
                Self::open(code, addresses, fingerprint)
            }
            _ => unusable("the file says neither who owns the box nor a code"),
        }
    }

    fn open(code: String, mut addresses: Vec<String>, fingerprint: String) -> Self {
        if !is_code(&code) {
            return Self::Unusable("the code is not of the form XXXX-XXXX-XXXX".into());
        }
        if fingerprint.len() != 64 || !fingerprint.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Self::Unusable("the fingerprint is not of 64 hexadecimal digits".into());
        }
        addresses.retain(|address| is_address(address));
        addresses.truncate(MAX_ADDRESSES);
        Self::Open(Open { code, addresses, fingerprint })
    }
}

impl Open {
    /// What a telephone opens: the portal, with the code already typed.
    pub fn link(&self) -> Option<String> {
        Some(format!("{}#claim={}", self.addresses.first()?, self.code))
    }
}

fn is_code(code: &str) -> bool {
    let group = |group: &str| {
        group.len() == 4 && group.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
    };
    code.split('-').count() == 3 && code.split('-').all(group)
}

fn is_address(address: &str) -> bool {
    let rest = address.strip_prefix("https://").unwrap_or_default();
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:[]/%".contains(&byte);
    !rest.is_empty() && address.len() <= MAX_ADDRESS && rest.bytes().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const OPEN: &str = r#"{"format":1,"claimed":false,"locked":false,"code":"AB12-CD34-EF56",
        "addresses":["https://192.0.2.7:8443/","javascript:x","https://a\u001b[2J/"],
        "fingerprint":"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"}"#;

    #[test]
    fn an_open_claim_has_a_code_a_link_and_only_addresses_of_portals() {
        let Claim::Open(open) = Claim::parse(OPEN.as_bytes()) else { panic!("it is open") };
        assert_eq!(open.addresses, ["https://192.0.2.7:8443/"]);
        assert_eq!(open.link().unwrap(), "https://192.0.2.7:8443/#claim=AB12-CD34-EF56");
    }

    #[test]
    fn who_owns_the_box_is_told_without_a_code() {
        let text = OPEN.replace("\"claimed\":false", "\"claimed\":true");
        assert_eq!(Claim::parse(text.as_bytes()), Claim::Claimed);
        let text = OPEN.replace("\"locked\":false", "\"locked\":true");
        assert_eq!(Claim::parse(text.as_bytes()), Claim::Locked);
    }

    #[test]
    fn codes_fingerprints_and_versions_that_are_none_are_not_shown() {
        let forms = [
            ("AB12-CD34-EF56", "AB12-CD34-EF5\\u001b"),
            ("AB12-CD34-EF56", "AB12-CD34"),
            ("0123456789abcdef0123", "0123456789abcdef012"),
            ("\"format\":1", "\"format\":2"),
            ("\"AB12-CD34-EF56\"", "null"),
        ];
        for (from, to) in forms {
            let text = OPEN.replace(from, to);
            assert!(matches!(Claim::parse(text.as_bytes()), Claim::Unusable(_)), "{to}");
        }
    }

    #[test]
    fn files_that_are_absent_cut_or_too_long_are_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("claim.json");
        assert_eq!(Claim::read(&path), Claim::Absent);
        let long = OPEN.to_owned() + &" ".repeat(16 << 10);
        std::fs::write(&path, long).unwrap();
        assert_eq!(Claim::read(&path), Claim::Unusable("the file is longer than 16 KiB".into()));
        for length in 0..OPEN.len() {
            assert!(matches!(Claim::parse(&OPEN.as_bytes()[..length]), Claim::Unusable(_)));
        }
        assert!(matches!(Claim::read(folder.path()), Claim::Unusable(_)));
        let link = folder.path().join("link.json");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        std::fs::write(&path, OPEN).unwrap();
        assert!(matches!(Claim::read(&path), Claim::Open(_)));
        assert!(matches!(Claim::read(&link), Claim::Unusable(_)));
    }

    proptest! {
        #[test]
        fn any_bytes_give_a_claim(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = Claim::parse(&bytes);
        }
    }
}
