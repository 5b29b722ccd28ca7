//! The border to whatever holds the bytes: an export knows a recovery point only as an [`Image`].

use std::error::Error;
use std::fmt::Debug;
use std::pin::Pin;

/// A future behind a pointer, so that [`Image`] can be used as a trait object.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A disk image that can be read: what a recovery point looks like to an export, and what an
/// overlay above it looks like. Its size never changes.
///
/// Futures that can be answered from memory should be ready at the first poll: the server then
/// replies without handing the request to another thread.
pub trait Image: Send + Sync + Debug + 'static {
    /// Size in bytes; any value, also one that is no multiple of a block.
    fn size(&self) -> u64;

    /// Fills the whole `buffer` from `offset`; the range is inside the image. What an error leaves
    /// in `buffer` is not sent to anybody.
    fn read<'a>(
        &'a self,
        offset: u64,
        buffer: &'a mut [u8],
    ) -> BoxFuture<'a, Result<(), ImageError>>;

    /// Lists extents from `offset` on, in order and without gaps. They cover at most `length`
    /// bytes, may stop earlier, and are at least one when `length` is not 0.
    fn extents(&self, offset: u64, length: u64) -> BoxFuture<'_, Result<Vec<Extent>, ImageError>>;
}

/// A run of bytes that are alike. Its place follows from the extents before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extent {
    /// In bytes, at least 1.
    pub length: u64,
    pub content: Content,
}

/// What an extent holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content {
    /// Bytes that have to be read.
    Data,
    /// Takes no space and reads as zeroes.
    Hole,
}

/// Zeroes and nothing else: what lies below the first disk that somebody writes. Its size in bytes.
#[derive(Debug, Clone, Copy)]
pub struct Blank(pub u64);

impl Image for Blank {
    fn size(&self) -> u64 {
        self.0
    }

    fn read<'a>(
        &'a self,
        _offset: u64,
        buffer: &'a mut [u8],
    ) -> BoxFuture<'a, Result<(), ImageError>> {
        buffer.fill(0);
        Box::pin(std::future::ready(Ok(())))
    }

    fn extents(&self, _offset: u64, length: u64) -> BoxFuture<'_, Result<Vec<Extent>, ImageError>> {
        let all = (length > 0).then_some(Extent { length, content: Content::Hole });
        Box::pin(std::future::ready(Ok(all.into_iter().collect())))
    }
}

/// Bytes of an image that could not be had. A client sees an input/output error and nothing else.
#[derive(Debug, thiserror::Error)]
#[error("cannot read the disk at byte {offset}")]
pub struct ImageError {
    /// Where the read that failed started, in bytes.
    pub offset: u64,
    #[source]
    pub source: Box<dyn Error + Send + Sync>,
}

impl ImageError {
    pub fn new(offset: u64, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { offset, source: source.into() }
    }
}
