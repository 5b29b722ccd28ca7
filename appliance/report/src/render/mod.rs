//! One module for each form that a report is written in.

pub(crate) mod csv;
pub(crate) mod html;
pub(crate) mod json;
mod text;
