//! Passphrases: from a file, or typed without being seen.

use std::io::{BufRead, IsTerminal, Write};
use std::path::Path;

use nix::sys::termios::{LocalFlags, SetArg, tcgetattr, tcsetattr};

use crate::failure::Failure;

/// Longest file that is taken for a passphrase or a kit, in bytes.
const FILE_MAX: u64 = 4096;

/// The first line of a file.
pub(crate) fn from_file(path: &Path) -> Result<String, Failure> {
    let text = small_file(path)?;
    Ok(text.lines().next().unwrap_or_default().to_owned())
}

/// The whole of a small text file.
pub(crate) fn small_file(path: &Path) -> Result<String, Failure> {
    let bytes = std::fs::metadata(path).map_err(|error| Failure::file(path, &error))?.len();
    if bytes > FILE_MAX {
        let what = format!("{} has {bytes} bytes, more than a secret has", path.display());
        return Err(Failure::new(what, "name the file with the passphrase or kit"));
    }
    std::fs::read_to_string(path).map_err(|error| Failure::file(path, &error))
}

/// Asks for a passphrase; twice when it is a new one.
pub(crate) fn ask(new: bool) -> Result<String, Failure> {
    if !std::io::stdin().is_terminal() {
        return Err(Failure::new(
            "no passphrase and nobody to ask for it",
            "use --passphrase-file or --kit-file",
        ));
    }
    let first = hidden("Passphrase: ")?;
    if new && hidden("Once more: ")? != first {
        return Err(Failure::new("the two passphrases differ", "try again"));
    }
    Ok(first)
}

fn hidden(prompt: &str) -> Result<String, Failure> {
    let failed = |error: std::io::Error| Failure::new(error, "use --passphrase-file");
    let stdin = std::io::stdin();
    let shown = tcgetattr(&stdin).map_err(|error| failed(error.into()))?;
    let mut hidden = shown.clone();
    hidden.local_flags.remove(LocalFlags::ECHO);
    hidden.local_flags.insert(LocalFlags::ECHONL);
    let _ = write!(std::io::stderr(), "{prompt}");
    let _ = std::io::stderr().flush();
    tcsetattr(&stdin, SetArg::TCSAFLUSH, &hidden).map_err(|error| failed(error.into()))?;
    let mut line = String::new();
    let read = stdin.lock().read_line(&mut line);
    tcsetattr(&stdin, SetArg::TCSAFLUSH, &shown).map_err(|error| failed(error.into()))?;
    read.map_err(failed)?;
    Ok(line.trim_end_matches(['\n', '\r']).to_owned())
}
