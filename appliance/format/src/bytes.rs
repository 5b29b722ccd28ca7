//! Reading lists out of bytes that may be anything: every length is checked against what is there
//! before anything is allocated.

use crate::FormatError;
use crate::layout::Fixed;

/// Takes values from the front of a byte slice.
#[derive(Debug)]
pub(crate) struct Taker<'a> {
    rest: &'a [u8],
    structure: &'static str,
}

impl<'a> Taker<'a> {
    pub(crate) fn new(bytes: &'a [u8], structure: &'static str) -> Self {
        Self { rest: bytes, structure }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub(crate) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    pub(crate) fn bytes(&mut self, length: usize) -> Result<&'a [u8], FormatError> {
        let Some((taken, rest)) = self.rest.split_at_checked(length) else {
            return Err(self.invalid("length"));
        };
        self.rest = rest;
        Ok(taken)
    }

    pub(crate) fn value<T: Fixed>(&mut self) -> Result<T, FormatError> {
        self.bytes(T::SIZE).map(T::load)
    }

    pub(crate) fn list<T: Fixed>(&mut self, count: usize) -> Result<Vec<T>, FormatError> {
        let length = count.checked_mul(T::SIZE).ok_or_else(|| self.invalid("count"))?;
        Ok(self.bytes(length)?.chunks_exact(T::SIZE).map(T::load).collect())
    }

    pub(crate) fn invalid(&self, field: &'static str) -> FormatError {
        FormatError::Invalid { structure: self.structure, field }
    }
}

/// Appends a value to the end of a byte vector.
pub(crate) fn put<T: Fixed>(to: &mut Vec<u8>, value: &T) {
    let start = to.len();
    to.resize(start + T::SIZE, 0);
    if let Some(room) = to.get_mut(start..) {
        value.save(room);
    }
}
