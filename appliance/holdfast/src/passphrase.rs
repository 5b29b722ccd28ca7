//! Passphrases that are typed without being seen.

use std::io::{BufRead, IsTerminal, Write};

use nix::sys::termios::{LocalFlags, SetArg, tcgetattr, tcsetattr};

use operations::Failure;

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
