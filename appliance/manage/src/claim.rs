//! Whose the box is: who types the code that its console shows becomes its owner.
//!
//! The code is made anew at each start, is never kept, and is told to the console alone, by a file
//! that only the console's group can read. After 20 wrong ones there is none until the next start,
//! which is for somebody who stands before the box.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use model::Fingerprint;
use serde_json::json;

use crate::error::{ManageError, Result};
use crate::secret::{Secret, code, plain_code, same};

/// Wrong codes after which there is none.
const WRONG: u32 = 20;

/// What a code that was typed is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Judged {
    Right,
    Wrong,
    /// Too many were wrong.
    Locked,
    /// The box has an owner.
    Claimed,
}

/// The claim of the box.
#[derive(Debug)]
pub(crate) struct Claim {
    file: PathBuf,
    addresses: Vec<String>,
    fingerprint: Fingerprint,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    code: Option<Secret>,
    wrong: u32,
    claimed: bool,
}

impl Claim {
    /// Tells the console how things stand; with a new code if nobody has claimed the box.
    pub(crate) fn begin(
        runtime: &Path,
        claimed: bool,
        addresses: Vec<String>,
        fingerprint: Fingerprint,
    ) -> Result<Self> {
        let code = (!claimed).then(code).transpose()?;
        let inner = Mutex::new(Inner { code, wrong: 0, claimed });
        let claim = Self { file: runtime.join("claim.json"), addresses, fingerprint, inner };
        claim.tell(&claim.inner.lock().unwrap_or_else(PoisonError::into_inner))?;
        Ok(claim)
    }

    /// Where the portal is found, for people.
    pub(crate) fn addresses(&self) -> &[String] {
        &self.addresses
    }

    /// Whether the box has an owner.
    pub(crate) fn is_claimed(&self) -> bool {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner).claimed
    }

    /// Judges a code; `take` makes the owner if it is right. Two at once cannot both be right.
    pub(crate) fn claim<E>(
        &self,
        typed: &str,
        take: impl FnOnce() -> std::result::Result<(), E>,
    ) -> std::result::Result<Judged, E> {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        if inner.claimed {
            return Ok(Judged::Claimed);
        }
        let Some(code) = &inner.code else { return Ok(Judged::Locked) };
        let (code, typed) = (plain_code(code.expose()), plain_code(typed));
        if !same(code.as_bytes(), typed.as_bytes()) {
            inner.wrong += 1;
            if inner.wrong >= WRONG {
                inner.code = None;
                log::warn!("{WRONG} wrong claim codes: there is none until the next start");
            }
            self.try_to_tell(&inner);
            return Ok(Judged::Wrong);
        }
        take()?;
        (inner.code, inner.claimed) = (None, true);
        self.try_to_tell(&inner);
        Ok(Judged::Right)
    }

    /// The console then shows what it was told before, which opens nothing.
    fn try_to_tell(&self, inner: &Inner) {
        if let Err(error) = self.tell(inner) {
            log::error!("{error}");
        }
    }

    fn tell(&self, inner: &Inner) -> Result<()> {
        let text = json!({
            "format": 1,
            "claimed": inner.claimed,
            "locked": !inner.claimed && inner.code.is_none(),
            "code": inner.code.as_ref().map(Secret::expose),
            "addresses": self.addresses,
            "fingerprint": self.fingerprint.to_string(),
        });
        let part = self.file.with_extension("json.part");
        let written = || {
            let mut options = File::options();
            let file = options.write(true).create(true).truncate(true).mode(0o640).open(&part);
            file.and_then(|mut file| writeln!(file, "{text}"))?;
            fs::rename(&part, &self.file)
        };
        written().map_err(|source| ManageError::File { path: self.file.clone(), source })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn told(folder: &Path) -> Value {
        serde_json::from_slice(&fs::read(folder.join("claim.json")).unwrap()).unwrap()
    }

    fn begin(folder: &Path, claimed: bool) -> Claim {
        let addresses = vec!["https://192.0.2.7/".to_owned()];
        Claim::begin(folder, claimed, addresses, Fingerprint([7; 32])).unwrap()
    }

    fn taken() -> std::result::Result<(), ()> {
        Ok(())
    }

    #[test]
    fn the_code_of_the_console_makes_an_owner_once() {
        let folder = tempfile::tempdir().unwrap();
        let claim = begin(folder.path(), false);
        let code = told(folder.path())["code"].as_str().unwrap().to_owned();
        assert_eq!(claim.claim("AAAA-AAAA-AAAA", || Err(())), Ok(Judged::Wrong));
        assert_eq!(claim.claim(&code, || Err("full")), Err("full"));
        assert_eq!(claim.claim(&code.to_lowercase(), taken), Ok(Judged::Right));
        assert_eq!(claim.claim(&code, || Err(())), Ok(Judged::Claimed));
        assert!(told(folder.path())["claimed"] == true && told(folder.path())["code"].is_null());
    }

    #[test]
    fn twenty_wrong_codes_lock_the_claim_until_the_next_start() {
        let folder = tempfile::tempdir().unwrap();
        let claim = begin(folder.path(), false);
        let code = told(folder.path())["code"].as_str().unwrap().to_owned();
        for _ in 0..20 {
            assert_eq!(claim.claim("", taken), Ok(Judged::Wrong));
        }
        assert_eq!(claim.claim(&code, taken), Ok(Judged::Locked));
        assert_eq!(told(folder.path())["locked"], true);
        begin(folder.path(), false);
        let again = told(folder.path());
        assert!(again["locked"] == false && again["code"] != code.as_str());
    }

    #[test]
    fn a_box_with_an_owner_has_no_code() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(begin(folder.path(), true).claim("", taken), Ok(Judged::Claimed));
        let told = told(folder.path());
        assert!(told["claimed"] == true && told["locked"] == false && told["code"].is_null());
    }
}
