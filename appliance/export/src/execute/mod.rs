//! A request on an export, from its check to the bytes of its reply.

mod read;
mod status;

use std::sync::Arc;

use crate::budget::{Budget, Buffer, Share};
use crate::disk::Export;
use crate::ends::EndsTeller;
use crate::negotiate::MAX_PAYLOAD;
use crate::overlay::{Overlay, OverlayError};
use crate::stats::Counters;
use crate::wire::{Command, CommandFlags, Errno, Request, done, error_chunk, simple_head};

/// A cache request reads this much at a time, in bytes, and drops it again.
const CACHE_PIECE: u32 = 1 << 20;

/// An export with what all its connections share.
#[derive(Debug)]
pub(crate) struct Served {
    pub(crate) export: Export,
    pub(crate) budget: Arc<Budget>,
    pub(crate) counters: Arc<Counters>,
    pub(crate) ends: Arc<EndsTeller>,
}

/// One connection's view of an export.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) served: Arc<Served>,
    pub(crate) structured: bool,
    /// Block status was negotiated.
    pub(crate) allocation: bool,
}

impl Session {
    /// Whether the request may be carried out, as far as that can be said without doing it.
    pub(crate) fn check(&self, request: &Request) -> Result<(), Errno> {
        if !request.flags.only(self.flags_of(request.command)?) {
            return Err(Errno::Invalid);
        }
        use Command::{BlockStatus, Flush, Read, Trim, Write, WriteZeroes};
        let writes = matches!(request.command, Write | Trim | WriteZeroes);
        let reads = matches!(request.command, Read | BlockStatus | Command::Cache);
        if writes && self.overlay().is_none() || reads && !self.served.export.disk.readable() {
            return Err(Errno::NotPermitted);
        }
        let end = request.offset.checked_add(u64::from(request.length));
        let inside = end.is_some_and(|end| end <= self.served.export.disk.image().size());
        match request.command {
            Flush => Ok(()),
            Write | WriteZeroes if !inside => Err(Errno::NoSpace),
            _ if !inside => Err(Errno::Invalid),
            Read if request.length > MAX_PAYLOAD && self.structured => Err(Errno::Overflow),
            Read if request.length > MAX_PAYLOAD => Err(Errno::Invalid),
            BlockStatus if request.length == 0 => Err(Errno::Invalid),
            _ => Ok(()),
        }
    }

    /// The flags that a command may have here; an error if there is no such command.
    fn flags_of(&self, command: Command) -> Result<CommandFlags, Errno> {
        let own = match command {
            Command::Read if self.structured => CommandFlags::DF,
            Command::WriteZeroes => CommandFlags::NO_HOLE.with(CommandFlags::FAST_ZERO),
            Command::BlockStatus if self.allocation => CommandFlags::REQ_ONE,
            Command::BlockStatus | Command::Unknown(_) | Command::Disconnect => {
                return Err(Errno::Invalid);
            }
            Command::Read | Command::Write | Command::Flush | Command::Trim | Command::Cache => {
                CommandFlags(0)
            }
        };
        Ok(own.with(CommandFlags::FUA))
    }

    /// How much memory a request that passed its check needs, in bytes.
    pub(crate) fn memory(&self, request: &Request) -> u32 {
        match request.command {
            Command::Read | Command::Write => request.length,
            Command::Cache => request.length.min(CACHE_PIECE),
            Command::BlockStatus => status::MAX_REPLY,
            _ => 0,
        }
    }

    /// Carries out a request that passed its check; `payload` is what a write brings. Returns the
    /// whole reply, which holds `share` until it is sent.
    pub(crate) async fn execute(
        self: Arc<Self>,
        request: Request,
        payload: Option<Buffer>,
        share: Option<Share>,
    ) -> Buffer {
        let result = match (request.command, self.overlay()) {
            (Command::Read, _) => self.read(&request).await,
            (Command::BlockStatus, _) => self.status(&request).await,
            (Command::Cache, _) => self.cache(&request).await.map(|()| self.success(&request)),
            (_, Some(overlay)) => {
                self.change(overlay, &request, payload).await.map(|()| self.success(&request))
            }
            // A flush, and nothing was ever written.
            (_, None) => Ok(self.success(&request)),
        };
        result.unwrap_or_else(|error| self.error(&request, error)).with_share(share)
    }

    /// The reply to a request that failed.
    pub(crate) fn error(&self, request: &Request, error: Errno) -> Buffer {
        use Command::{BlockStatus, Cache, Read};
        // Zeroes that are no faster than a write are written instead.
        let is_asked_back = error == Errno::NotSupported;
        if !is_asked_back && !matches!(request.command, Read | BlockStatus | Cache) {
            self.served.ends.refused();
        }
        if self.structured {
            self.served.budget.copy(&error_chunk(request.cookie, error))
        } else {
            self.served.budget.copy(&simple_head(request.cookie, Some(error)))
        }
    }

    /// The reply to a request that succeeded and returns nothing.
    fn success(&self, request: &Request) -> Buffer {
        if self.structured {
            self.served.budget.copy(&done(request.cookie))
        } else {
            self.served.budget.copy(&simple_head(request.cookie, None))
        }
    }

    async fn change(
        &self,
        overlay: &Overlay,
        request: &Request,
        payload: Option<Buffer>,
    ) -> Result<(), Errno> {
        let (offset, length) = (request.offset, u64::from(request.length));
        let flags = request.flags;
        let changed = match (request.command, payload) {
            (Command::Write, Some(payload)) => {
                Counters::add(&self.served.counters.bytes_written, length);
                overlay.write(offset, payload).await
            }
            (Command::Trim, _) => overlay.discard(offset, length).await,
            (Command::WriteZeroes, _) if !flags.has(CommandFlags::NO_HOLE) => {
                overlay.write_zeroes(offset, length).await
            }
            // Space is taken by writing: no faster than a write.
            (Command::WriteZeroes, _) if flags.has(CommandFlags::FAST_ZERO) => {
                return Err(Errno::NotSupported);
            }
            (Command::WriteZeroes, _) => overlay.fill_with_zeroes(offset, length).await,
            (Command::Flush, _) => overlay.flush().await,
            _ => return Err(Errno::Invalid),
        };
        changed.map_err(|error| errno(&error))?;
        if flags.has(CommandFlags::FUA) {
            overlay.flush().await.map_err(|error| errno(&error))?;
        }
        Ok(())
    }

    /// Reads the range and drops it: what lies below an export keeps what was read lately. Of a
    /// longer range only the start is read, as the protocol allows.
    async fn cache(&self, request: &Request) -> Result<(), Errno> {
        let length = request.length.min(MAX_PAYLOAD);
        let end = request.offset + u64::from(length);
        let mut offset = request.offset;
        let mut buffer = self.served.budget.buffer(length.min(CACHE_PIECE) as usize);
        while offset < end {
            buffer.truncate(usize::try_from(end - offset).unwrap_or(usize::MAX));
            let read = self.served.export.disk.image().read(offset, buffer.as_mut()).await;
            read.map_err(|_| Errno::Io)?;
            offset += buffer.as_ref().len() as u64;
        }
        Ok(())
    }

    fn overlay(&self) -> Option<&Overlay> {
        self.served.export.writable().map(Arc::as_ref)
    }
}

fn errno(error: &OverlayError) -> Errno {
    match error {
        OverlayError::Full => Errno::NoSpace,
        OverlayError::OutOfRange { .. } => Errno::Invalid,
        _ => Errno::Io,
    }
}
