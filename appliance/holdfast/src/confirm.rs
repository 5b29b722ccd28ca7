//! Asking before something that cannot be undone.

use std::io::{BufRead, IsTerminal, Write};

use operations::Failure;

/// Goes on if `yes` was typed with the command, or is now. `refusal` says what would happen, in
/// the line of a failure; `warning` what will, to the person who is asked.
pub(crate) fn confirm(refusal: &str, warning: &str, yes: bool) -> Result<(), Failure> {
    if yes {
        return Ok(());
    }
    let refused = |why: &str| {
        let what = format!("{refusal}{why}");
        Err(Failure::new(what, "add --yes if that is meant"))
    };
    if !std::io::stdin().is_terminal() {
        return refused(" and there is nobody to ask");
    }
    let _ = write!(std::io::stderr(), "{warning}. Type the word yes to go on: ");
    let mut answer = String::new();
    match std::io::stdin().lock().read_line(&mut answer) {
        Ok(_) if answer.trim() == "yes" => Ok(()),
        _ => refused(""),
    }
}
