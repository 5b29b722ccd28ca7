//! Writes into an intake: an NBD client on its Unix socket that never asks to read.
//!
//! A task owns the connection, so that a request that is given up half way leaves no half of a
//! message behind. When a connection breaks, what was written on it and not flushed may be gone:
//! each connection is a [`Session`] of its own, by which agents notice.

use std::io::{Error, ErrorKind, Result};
use std::path::PathBuf;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use crate::intakes::{Body, Fault, Session};

const MAGIC: u64 = u64::from_be_bytes(*b"NBDMAGIC");
const OPTION_MAGIC: u64 = u64::from_be_bytes(*b"IHAVEOPT");
const OPTION_REPLY: u64 = 0x0003_e889_0455_65a9;
const REQUEST: u32 = 0x2560_9513;
const REPLY: u32 = 0x6744_6698;

/// The server speaks of options in a fixed way, and leaves out 124 zeroes.
const FIXED_NO_ZEROES: u16 = 3;
const GO: u32 = 7;
const ACK: u32 = 1;
/// Replies to an option with this bit are refusals.
const REFUSAL: u32 = 1 << 31;

const WRITE: u16 = 1;
const FLUSH: u16 = 3;
const WRITE_ZEROES: u16 = 6;

const NO_SPACE: u32 = 28;
const INVALID: u32 = 22;

/// Longest reply to an option that is read, in bytes: the server is ours, and says little.
const MAX_OPTION: u32 = 4096;

/// Most bytes of zeroes in one request; the length is a number of 32 bits.
const MAX_ZEROES: u64 = 1 << 30;

/// Orders that wait: those of all connections of one agent fit.
const QUEUE: usize = 4;

/// A connection that nobody wants anything of ends after so long.
const IDLE: Duration = Duration::from_secs(600);

/// One intake, to be written. The connection is made when it is first needed, and again when it
/// broke.
#[derive(Debug, Clone)]
pub struct Writer {
    orders: mpsc::Sender<Order>,
}

#[derive(Debug)]
struct Order {
    work: Work,
    reply: oneshot::Sender<std::result::Result<Session, Fault>>,
}

#[derive(Debug)]
enum Work {
    Write { offset: u64, body: Body },
    Zero { offset: u64, bytes: u64 },
    Flush,
}

impl Writer {
    /// Writes to the server at this socket. To be called on a tokio runtime.
    pub fn new(socket: PathBuf) -> Self {
        let (orders, taken) = mpsc::channel(QUEUE);
        tokio::spawn(work(socket, taken));
        Self { orders }
    }

    /// Writes bytes. They are kept, with their room, until that is done, whoever waits for it.
    pub async fn write(&self, offset: u64, body: Body) -> std::result::Result<Session, Fault> {
        self.order(Work::Write { offset, body }).await
    }

    /// Writes zeroes.
    pub async fn zero(&self, offset: u64, bytes: u64) -> std::result::Result<Session, Fault> {
        self.order(Work::Zero { offset, bytes }).await
    }

    /// Makes durable what was written in the session that it gives.
    pub async fn flush(&self) -> std::result::Result<Session, Fault> {
        self.order(Work::Flush).await
    }

    async fn order(&self, work: Work) -> std::result::Result<Session, Fault> {
        let gone = || Fault::Unavailable { what: "the intake is not served any more".to_owned() };
        let (reply, answer) = oneshot::channel();
        self.orders.send(Order { work, reply }).await.map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }
}

/// Does orders one after the other until nobody can give any more.
async fn work(socket: PathBuf, mut orders: mpsc::Receiver<Order>) {
    let mut connection: Option<Connection> = None;
    loop {
        let order = match timeout(IDLE, orders.recv()).await {
            Ok(Some(order)) => order,
            Ok(None) => return,
            Err(_) => {
                connection = None;
                continue;
            }
        };
        let made = match connection.take() {
            Some(connection) => Ok(connection),
            None => Connection::open(&socket).await,
        };
        let done = match made {
            Ok(mut made) => {
                let done = made.act(&order.work).await;
                if done.is_ok() {
                    connection = Some(made);
                }
                done
            }
            Err(error) => Err(error),
        };
        let Order { work, reply } = order;
        // Its room is there again before that is known.
        drop(work);
        // Nobody waits for it any more when the agent has gone.
        let _ = reply.send(match done {
            Ok(done) => done,
            Err(error) => Err(Fault::Unavailable { what: format!("the intake: {error}") }),
        });
    }
}

struct Connection {
    stream: UnixStream,
    session: Session,
    next: u64,
}

impl Connection {
    async fn open(socket: &PathBuf) -> Result<Self> {
        let mut stream = UnixStream::connect(socket).await?;
        if stream.read_u64().await? != MAGIC || stream.read_u64().await? != OPTION_MAGIC {
            return Err(unexpected("no NBD server answers"));
        }
        if stream.read_u16().await? & FIXED_NO_ZEROES != FIXED_NO_ZEROES {
            return Err(unexpected("the NBD server is too old"));
        }
        let mut hello = Vec::new();
        hello.extend(u32::from(FIXED_NO_ZEROES).to_be_bytes());
        hello.extend(OPTION_MAGIC.to_be_bytes());
        hello.extend(GO.to_be_bytes());
        // The default export, and nothing to be told of it.
        hello.extend(6_u32.to_be_bytes());
        hello.extend([0; 6]);
        stream.write_all(&hello).await?;
        while !acknowledged(&mut stream).await? {}
        Ok(Self { stream, session: Session::fresh(), next: 0 })
    }

    /// Does one piece of work. An error ends the connection; a refusal does not.
    async fn act(&mut self, work: &Work) -> Result<std::result::Result<Session, Fault>> {
        match work {
            Work::Write { offset, body } => {
                let length = u32::try_from(body.len()).map_err(|_| unexpected("too long"))?;
                self.request(WRITE, *offset, length, body).await
            }
            Work::Zero { offset, bytes } => self.zero(*offset, *bytes).await,
            Work::Flush => self.request(FLUSH, 0, 0, &[]).await,
        }
    }

    async fn zero(
        &mut self,
        mut offset: u64,
        mut bytes: u64,
    ) -> Result<std::result::Result<Session, Fault>> {
        while bytes > 0 {
            let piece = bytes.min(MAX_ZEROES);
            let done = self.request(WRITE_ZEROES, offset, piece as u32, &[]).await?;
            if done.is_err() {
                return Ok(done);
            }
            offset += piece;
            bytes -= piece;
        }
        Ok(Ok(self.session))
    }

    async fn request(
        &mut self,
        kind: u16,
        offset: u64,
        length: u32,
        data: &[u8],
    ) -> Result<std::result::Result<Session, Fault>> {
        self.next += 1;
        let mut head = Vec::with_capacity(28);
        head.extend(REQUEST.to_be_bytes());
        head.extend(0_u16.to_be_bytes());
        head.extend(kind.to_be_bytes());
        head.extend(self.next.to_be_bytes());
        head.extend(offset.to_be_bytes());
        head.extend(length.to_be_bytes());
        self.stream.write_all(&head).await?;
        self.stream.write_all(data).await?;
        if self.stream.read_u32().await? != REPLY {
            return Err(unexpected("a reply does not begin as one"));
        }
        let error = self.stream.read_u32().await?;
        if self.stream.read_u64().await? != self.next {
            return Err(unexpected("a reply is not to what was asked"));
        }
        Ok(judged(error).map(|()| self.session))
    }
}

/// Reads one reply to an option: whether it was the last.
async fn acknowledged(stream: &mut UnixStream) -> Result<bool> {
    let is_reply = stream.read_u64().await? == OPTION_REPLY && stream.read_u32().await? == GO;
    let (kind, length) = (stream.read_u32().await?, stream.read_u32().await?);
    if !is_reply || length > MAX_OPTION {
        return Err(unexpected("a reply to an option does not begin as one"));
    }
    let mut rest = vec![0; length as usize];
    stream.read_exact(&mut rest).await?;
    match kind {
        ACK => Ok(true),
        kind if kind & REFUSAL != 0 => Err(unexpected("the intake is not served")),
        _ => Ok(false),
    }
}

fn judged(error: u32) -> std::result::Result<(), Fault> {
    let refused = |what: &str, next: &str| {
        Err(Fault::Refused { what: what.to_owned(), next: next.to_owned() })
    };
    match error {
        0 => Ok(()),
        NO_SPACE => refused("the box has no room left", "add a disk to it or keep less"),
        INVALID => refused("the intake does not take this range", "begin it anew"),
        error => Err(Fault::Unavailable { what: format!("the intake fails with error {error}") }),
    }
}

fn unexpected(what: &str) -> Error {
    Error::new(ErrorKind::InvalidData, what)
}
