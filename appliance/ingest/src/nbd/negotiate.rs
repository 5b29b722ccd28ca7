//! The handshake: from the greeting to an export that can be read.
//!
//! Structured replies and block status are asked for first, because they only count when agreed
//! before the export is chosen. A server that knows neither still gives its bytes; one that does
//! not even know how to refuse an option gets the only option that it must know.

use std::io::{self, Read, Write};

use super::fault::Fault;
use super::wire::{
    BlockSizes, Context, EXPORT_REPLY, GREETING, Greeting, Info, OPTION_REPLY, OptionCode,
    OptionReply, Refusal, ReplyKind, Violation, clean_text, client_flags, export_name,
    export_reply, go_payload, info, meta_payload, option,
};

/// Bytes of the payload of an option reply: four times the longest text of the protocol.
const MAX_PAYLOAD: u32 = 16 << 10;

/// Replies to one option, its end included. Servers send one for each piece of information.
const MAX_REPLIES: u32 = 64;

/// Zeroes that follow the answer to the oldest way of choosing an export.
const PADDING: usize = 124;

/// What was agreed about an export.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Export {
    /// Bytes of the volume.
    pub(crate) size: u64,
    pub(crate) block_sizes: BlockSizes,
    /// Reads are answered in chunks.
    pub(crate) structured: bool,
    /// What status replies are about and the number that they have for it, when the server tells
    /// the status.
    pub(crate) status: Option<(Context, u32)>,
}

/// Asks for the export of this name, and to be told the status of its ranges.
pub(crate) fn negotiate<S: Read + Write>(
    stream: &mut S,
    name: &str,
    context: &Context,
) -> Result<Export, Fault> {
    let mut bytes = [0; GREETING];
    stream.read_exact(&mut bytes)?;
    let greeting = Greeting::decode(&bytes)?;
    stream.write_all(&client_flags(greeting))?;
    if !greeting.fixed {
        return oldest_way(stream, name, greeting, false);
    }
    let structured = ask(stream, OptionCode::StructuredReply, &[], |_, _| Ok(()))?.is_ok();
    let mut status = None;
    if structured {
        let asked = ask(
            stream,
            OptionCode::SetMetaContext,
            &meta_payload(name, context),
            |kind, payload| {
                if kind == ReplyKind::MetaContext {
                    status = context.number(payload)?.or(status);
                }
                Ok(())
            },
        )?;
        if asked.is_err() {
            status = None;
        }
    }
    let status = status.map(|number| (context.clone(), number));
    match go(stream, name)? {
        Ok((size, block_sizes)) => Ok(Export { size, block_sizes, structured, status }),
        Err((Refusal::Unsupported, _)) => oldest_way(stream, name, greeting, structured),
        Err((refusal, message)) => Err(Fault::Refused { refusal, message }),
    }
}

/// What a server declines, it may explain in its own words.
type Answer<T> = Result<T, (Refusal, String)>;

fn go<S: Read + Write>(stream: &mut S, name: &str) -> Result<Answer<(u64, BlockSizes)>, Fault> {
    let (mut size, mut block_sizes) = (None, BlockSizes::default());
    let answer = ask(stream, OptionCode::Go, &go_payload(name), |kind, payload| {
        if kind == ReplyKind::Info {
            match info(payload)? {
                Info::Export(bytes) => size = Some(bytes),
                Info::BlockSizes(sizes) => block_sizes = sizes,
                Info::Other => {}
            }
        }
        Ok(())
    })?;
    match answer {
        Ok(()) => Ok(Ok((size.ok_or(Violation::NoSize)?, block_sizes))),
        Err(refused) => Ok(Err(refused)),
    }
}

/// Sends an option and takes all its replies, of which `each` sees those before the last.
fn ask<S: Read + Write>(
    stream: &mut S,
    code: OptionCode,
    payload: &[u8],
    mut each: impl FnMut(ReplyKind, &[u8]) -> Result<(), Violation>,
) -> Result<Answer<()>, Fault> {
    stream.write_all(&option(code, payload))?;
    for _ in 0..MAX_REPLIES {
        let mut head = [0; OPTION_REPLY];
        stream.read_exact(&mut head)?;
        let reply = OptionReply::decode(&head, code)?;
        let payload = read_bounded(stream, reply.length, MAX_PAYLOAD)?;
        match reply.kind {
            ReplyKind::Ack => return Ok(Ok(())),
            ReplyKind::Refused(refusal) => return Ok(Err((refusal, clean_text(&payload)))),
            kind => each(kind, &payload)?,
        }
    }
    Err(Violation::TooManyReplies { limit: MAX_REPLIES }.into())
}

/// Chooses the export by the option that has no reply: a server that lacks it hangs up.
fn oldest_way<S: Read + Write>(
    stream: &mut S,
    name: &str,
    greeting: Greeting,
    structured: bool,
) -> Result<Export, Fault> {
    stream.write_all(&export_name(name))?;
    let mut reply = [0; EXPORT_REPLY];
    stream.read_exact(&mut reply).map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset => {
            Fault::Refused { refusal: Refusal::Closed, message: String::new() }
        }
        _ => Fault::Broken(error),
    })?;
    if !greeting.no_zeroes {
        stream.read_exact(&mut [0; PADDING])?;
    }
    let block_sizes = BlockSizes::default();
    Ok(Export { size: export_reply(&reply)?, block_sizes, structured, status: None })
}

/// Reads a payload whose length the server chose.
pub(crate) fn read_bounded<S: Read>(
    stream: &mut S,
    length: u32,
    limit: u32,
) -> Result<Vec<u8>, Fault> {
    if length > limit {
        return Err(Violation::TooLong { length: length.into(), limit: limit.into() }.into());
    }
    let mut payload = vec![0; length as usize];
    stream.read_exact(&mut payload)?;
    Ok(payload)
}
