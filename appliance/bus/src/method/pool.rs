//! Methods of the pool.

use super::{Method, PLAIN, arguments, descriptor, ready};
use crate::authorize::Action;
use crate::command::{
    self, Command, IngestOptions, Options, PAST_SCRUBS, ReclaimOptions, ResyncOptions,
    ScrubOptions, StreamOptions, VerifyOptions,
};

pub(crate) const METHODS: &[Method] = &[
    Method {
        name: "Scrub",
        takes: &[("options", "a{sv}")],
        gives: &[("job", "o")],
        action: Some(Action::ManagePool),
        options: ScrubOptions::KEYS,
        about: "Reads every copy of everything, compares it and heals what is damaged from \
            another disk. Goes on where the last one ended.",
        parse: |_, body| {
            let (options,) = arguments(body)?;
            ready(Command::Scrub(ScrubOptions::parse(options)?))
        },
        ..PLAIN
    },
    Method {
        name: "ListScrubs",
        gives: &[("scrubs", PAST_SCRUBS)],
        about: "All scrubs, oldest first, each with its number, the segment to go on from (0 when \
            it is done), below which segment all were read back from every disk since they were \
            written, the age of the pool in seconds at its begin and when it was written down \
            last, the clock at that moment in seconds since 1970, the bytes it read, how many bad \
            copies it healed, how many it could not heal of which another is good, and how many \
            records have no good copy.",
        parse: |_, _| ready(Command::ListScrubs),
        ..PLAIN
    },
    Method {
        name: "Reclaim",
        takes: &[("options", "a{sv}")],
        gives: &[("job", "o")],
        action: Some(Action::ManagePool),
        options: ReclaimOptions::KEYS,
        about: "Frees the room of what no recovery point needs any more.",
        parse: |_, body| {
            let (options,) = arguments(body)?;
            ready(Command::Reclaim(ReclaimOptions::parse(options)?))
        },
        ..PLAIN
    },
    Method {
        name: "Expire",
        takes: &[("dry_run", "b")],
        gives: &[("fates", "a(oss)")],
        action: Some(Action::ManagePool),
        about: "Applies retention and gives each recovery point with `stays`, `removed` or \
            `gone`, and why. With `dry_run` it only says what would happen.",
        parse: |_, body| {
            let (dry_run,) = arguments(body)?;
            ready(Command::Expire { dry_run })
        },
        ..PLAIN
    },
    Method {
        name: "Verify",
        takes: &[("options", "a{sv}")],
        gives: &[("job", "o")],
        action: Some(Action::ManagePool),
        options: VerifyOptions::KEYS,
        about: "Checks that all recovery points can be restored.",
        parse: |_, body| {
            let (options,) = arguments(body)?;
            ready(Command::Verify(VerifyOptions::parse(options)?))
        },
        ..PLAIN
    },
    Method {
        name: "Ingest",
        takes: &[("system", "s"), ("source", "s"), ("options", "a{sv}")],
        gives: &[("job", "o")],
        action: Some(Action::ManagePool),
        options: IngestOptions::KEYS,
        about: "Takes a source in as a recovery point of a protected system, whether a plan names \
            either or not. The source is an image or device of the appliance by its absolute path, \
            or the address of an NBD server.",
        parse: |_, body| {
            let (system, source, options) = arguments(body)?;
            ready(Command::Ingest {
                system: command::system(system)?,
                source: command::source(source)?,
                options: IngestOptions::parse(options)?,
            })
        },
        ..PLAIN
    },
    Method {
        name: "IngestStream",
        takes: &[("system", "s"), ("stream", "h"), ("end", "h"), ("options", "a{sv}")],
        gives: &[("job", "o")],
        action: Some(Action::AddPoints),
        options: StreamOptions::KEYS,
        about: "Takes what comes out of the pipe `stream` in as a recovery point of a protected \
            system, whether a plan names it or not: a dump, an archive. Nobody can tell from a \
            pipe whether its writer came to an end or died; so when the stream has ended as it \
            should, write the byte `w` to the other end of the pipe `end`. If that is closed \
            without, there will be no recovery point.",
        parse: |_, body| {
            let (system, stream, end, options) = arguments(body)?;
            ready(Command::IngestStream {
                system: command::system(system)?,
                options: StreamOptions::parse(options)?,
                stream: descriptor(stream),
                end: descriptor(end),
            })
        },
        ..PLAIN
    },
    Method {
        name: "Resync",
        takes: &[("options", "a{sv}")],
        gives: &[("job", "o")],
        action: Some(Action::ManageDisks),
        options: ResyncOptions::KEYS,
        about: "Copies what disks lack. The engine does that by itself when a disk comes or lacks \
            something; then its job goes on as the options say, and is the one that is given.",
        parse: |_, body| {
            let (options,) = arguments(body)?;
            ready(Command::Resync(ResyncOptions::parse(options)?))
        },
        ..PLAIN
    },
    Method {
        name: "AddDisk",
        takes: &[("device", "s")],
        gives: &[("job", "o")],
        action: Some(Action::ManageDisks),
        about: "Takes the empty disk at this absolute path into the pool and fills it.",
        parse: |_, body| {
            let (device,) = arguments(body)?;
            ready(Command::AddDisk { device: command::path("the device", device)? })
        },
        ..PLAIN
    },
];
