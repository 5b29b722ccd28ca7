//! One connection to an export.

use std::io::Write;
use std::ops::Range;
use std::time::Duration;

use super::address::NbdAddress;
use super::error::SourceError;
use super::extents::Extents;
use super::fault::Fault;
use super::negotiate::{Export, negotiate};
use super::socket::{CONNECT_TIMEOUT, IO_TIMEOUT, Socket};
use super::transfer::Transfer;
use super::wire::{Context, disconnect};

#[derive(Debug)]
pub(crate) struct Connection {
    socket: Socket,
    export: Export,
    cookie: u64,
}

impl Connection {
    /// Connects and asks to be told what holds data.
    pub(crate) fn open(address: &NbdAddress) -> Result<Self, SourceError> {
        Self::open_asking(address, &Context::Allocation)
    }

    /// Connects and asks to be told the status of this kind.
    pub(crate) fn open_asking(
        address: &NbdAddress,
        context: &Context,
    ) -> Result<Self, SourceError> {
        let server = address.server();
        let socket = Socket::connect(server)
            .map_err(|source| SourceError::Connect { server: server.to_string(), source })?;
        Self::over(socket, address, context, CONNECT_TIMEOUT)
    }

    /// Chooses the export over a socket to its server, which may take `patience` for each answer.
    pub(crate) fn over(
        mut socket: Socket,
        address: &NbdAddress,
        context: &Context,
        patience: Duration,
    ) -> Result<Self, SourceError> {
        let mut prepare = || {
            socket.set_timeout(patience)?;
            let export = negotiate(&mut socket, address.export(), context)?;
            socket.set_timeout(IO_TIMEOUT)?;
            Ok(export)
        };
        let export = prepare().map_err(|fault| name(fault, address))?;
        Ok(Self { socket, export, cookie: 0 })
    }

    pub(crate) fn export(&self) -> &Export {
        &self.export
    }

    /// Fills `buffer` from `offset`; the range is inside the volume.
    pub(crate) fn read(&mut self, offset: u64, buffer: &mut [u8]) -> Result<(), Fault> {
        let wanted = offset..offset + buffer.len() as u64;
        let whole = self.blocks(&wanted);
        if whole == wanted {
            return self.transfer().read(offset, buffer);
        }
        let mut bytes = vec![0; (whole.end - whole.start) as usize];
        self.transfer().read(whole.start, &mut bytes)?;
        let skipped = (offset - whole.start) as usize;
        let bytes = bytes.get(skipped..skipped + buffer.len()).unwrap_or_default();
        buffer.copy_from_slice(bytes);
        Ok(())
    }

    /// What is known from the start of a range on; possibly less or more than the range.
    pub(crate) fn status(&mut self, range: Range<u64>) -> Result<Extents, Fault> {
        let (whole, size) = (self.blocks(&range), self.export.size);
        match self.export.status.clone() {
            Some(context) => self.transfer().status(&context, whole, size),
            None => Ok(Extents::unknown(whole)),
        }
    }

    /// Tells the server that this was all, and leaves.
    pub(crate) fn close(mut self) {
        // The server finds out by itself when it does not hear this.
        let _ = self.socket.write_all(&disconnect());
    }

    fn transfer(&mut self) -> Transfer<'_, Socket> {
        Transfer { stream: &mut self.socket, export: &self.export, cookie: &mut self.cookie }
    }

    /// The whole blocks around a range. The last one may be cut short by the end of the volume.
    fn blocks(&self, range: &Range<u64>) -> Range<u64> {
        let block = u64::from(self.export.block_sizes.min);
        range.start - range.start % block..range.end.next_multiple_of(block).min(self.export.size)
    }
}

/// Names the server and the export in what went wrong.
pub(crate) fn name(fault: Fault, address: &NbdAddress) -> SourceError {
    let (server, export) = (address.server().to_string(), address.export().to_owned());
    match fault {
        Fault::Broken(source) => SourceError::Lost { server, source },
        Fault::Violation(violation) => SourceError::Protocol { server, violation },
        Fault::Refused { refusal, message } => {
            SourceError::Refused { server, export, refusal, message }
        }
        Fault::Failed { errno, message } => {
            SourceError::Unreadable { server, export, errno, message }
        }
    }
}
