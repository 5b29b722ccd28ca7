//! `holdfast verify`: read everything, check it, heal what one disk has wrong.

use crate::arguments::Verify;
use crate::failure::Failure;
use crate::output::Output;

pub(crate) fn run(_arguments: &Verify, _output: &Output) -> Result<(), Failure> {
    Err(Failure::new("verify", "wait"))
}
