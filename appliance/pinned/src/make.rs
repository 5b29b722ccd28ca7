//! Makes a key and its self-signed certificate, once.
//!
//! When one of the two files is there nothing is made: a new certificate would lock the other side
//! out, and a file that is away for a moment is no reason. Both are whole and durable beside their
//! places before either takes its place, so who is killed between the two renames has left what the
//! next one ends. What the administrator makes is for the user whose folder it is in: a key that
//! the service cannot read would keep it from starting.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, fchown};
use std::path::{Path, PathBuf};

use rcgen::{CertificateParams, DnType, KeyPair};

use crate::error::{Result, failed, wrong};

/// Makes both files where both are missing, with `name` in the certificate; whether it did. They
/// belong to the owner of their folder, and only that user can read them.
pub fn make(certificate: &Path, key: &Path, name: &str) -> Result<bool> {
    if exists(certificate)? && exists(key)? {
        return Ok(false);
    }
    let _alone = alone(&folder_of(certificate))?;
    make_folder(&folder_of(key))?;
    let (new_certificate, new_key) = (aside(certificate), aside(key));
    let begun = exists(key)? && exists(&new_certificate)? && !exists(&new_key)?;
    match (exists(certificate)?, exists(key)?) {
        (false, false) => {
            let (signed, secret) = pair(certificate, name)?;
            write(&new_key, &secret)?;
            write(&new_certificate, &signed)?;
            take_place(&new_key, key)?;
        }
        // Somebody was killed before the other rename.
        (false, true) if begun => {}
        _ => return Ok(false),
    }
    take_place(&new_certificate, certificate)?;
    Ok(true)
}

fn exists(path: &Path) -> Result<bool> {
    path.try_exists().map_err(failed(path))
}

/// Where a file is written before it takes its place.
fn aside(path: &Path) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(".new");
    name.into()
}

fn folder_of(path: &Path) -> PathBuf {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    folder.unwrap_or(Path::new(".")).to_owned()
}

fn make_folder(folder: &Path) -> Result<()> {
    match fs::create_dir_all(folder) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(failed(folder)(error)),
        _ => Ok(()),
    }
}

/// Makes the folder, and keeps others away who make a pair in it, until this is dropped.
fn alone(folder: &Path) -> Result<File> {
    make_folder(folder)?;
    let file = File::open(folder).map_err(failed(folder))?;
    file.lock().map_err(failed(folder))?;
    Ok(file)
}

/// A certificate and its key, in PEM.
fn pair(at: &Path, name: &str) -> Result<(String, String)> {
    let failed = |error: rcgen::Error| wrong(at, &error);
    let pair = KeyPair::generate().map_err(failed)?;
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    let signed = params.self_signed(&pair).map_err(failed)?;
    Ok((signed.pem(), pair.serialize_pem()))
}

/// Writes a file, durably, that only the owner of its folder can read.
fn write(path: &Path, text: &str) -> Result<()> {
    let folder = folder_of(path);
    let written = || {
        match fs::remove_file(path) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        let (own, owner) = (file.metadata()?, fs::metadata(&folder)?);
        if own.uid() != owner.uid() {
            fchown(&file, Some(owner.uid()), Some(owner.gid()))?;
        }
        file.write_all(text.as_bytes())?;
        file.sync_all()
    };
    written().map_err(failed(path))
}

fn take_place(new: &Path, place: &Path) -> Result<()> {
    fs::rename(new, place).map_err(failed(place))?;
    let folder = folder_of(place);
    File::open(&folder).and_then(|folder| folder.sync_all()).map_err(failed(&folder))
}
