//! The option phase on a connection, with TLS when it is asked for, and the hand-over to the
//! transmission phase.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsAcceptor;

use super::Fault;
use super::transmit::Transmission;
use crate::ends::EndsTeller;
use crate::execute::{Served, Session};
use crate::negotiate::{Agreed, MAX_OPTION, Negotiation, Offer, Then, Tls};
use crate::stop::Stop;
use crate::wire::{ClientFlags, OptionHeader, greeting};

/// How long a client may take from connecting to its first request. People who type options by hand
/// in a debugger need minutes; nobody else needs a second.
const HANDSHAKE_TIME: Duration = Duration::from_secs(60);

/// What a connection can get to.
#[derive(Debug)]
pub(crate) struct Door {
    pub(crate) offers: Vec<Offer>,
    /// In the order of `offers`.
    pub(crate) served: Vec<Arc<Served>>,
    pub(crate) ends: Arc<EndsTeller>,
}

/// Serves one client until it is done, misbehaves, or the server stops; then requests under way are
/// finished first.
pub(crate) async fn serve<S>(
    mut stream: S,
    tls: Option<TlsAcceptor>,
    door: &Door,
    mut stop: Stop,
) -> Result<(), Fault>
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    let deadline = Instant::now() + HANDSHAKE_TIME;
    let state = if tls.is_some() { Tls::Required } else { Tls::Off };
    let begin = in_time(deadline, begin(&mut stream, door, state));
    let Some((mut negotiation, then)) = unless(&mut stop, begin).await? else { return Ok(()) };
    match (then, tls) {
        (Then::Transmit(agreed), _) => transmit(stream, door, agreed, stop).await,
        (Then::StartTls, Some(tls)) => {
            let secure = in_time(deadline, async {
                let mut stream = tls.accept(stream).await.map_err(|_| Fault::Tls)?;
                let then = options(&mut stream, &mut negotiation).await?;
                Ok((stream, then))
            });
            match unless(&mut stop, secure).await? {
                Some((stream, Then::Transmit(agreed))) => {
                    transmit(stream, door, agreed, stop).await
                }
                _ => Ok(()),
            }
        }
        _ => Ok(()),
    }
}

/// Greets the client and haggles up to the point where something else begins.
async fn begin<'a, S>(
    stream: &mut S,
    door: &'a Door,
    tls: Tls,
) -> Result<(Negotiation<'a>, Then), Fault>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    send(stream, &greeting()).await?;
    let mut flags = [0; 4];
    stream.read_exact(&mut flags).await?;
    let client = ClientFlags::parse(flags).ok_or(Fault::NotNbd)?;
    let mut negotiation = Negotiation::new(&door.offers, client, tls);
    let then = options(stream, &mut negotiation).await?;
    Ok((negotiation, then))
}

/// Answers options until one ends the phase. Not a byte is read beyond that option: what follows
/// belongs to TLS or to the first request.
async fn options<S>(stream: &mut S, negotiation: &mut Negotiation<'_>) -> Result<Then, Fault>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    loop {
        let mut header = [0; OptionHeader::SIZE];
        stream.read_exact(&mut header).await?;
        let header = OptionHeader::parse(&header).ok_or(Fault::NotNbd)?;
        if header.length > MAX_OPTION {
            return Err(Fault::OptionTooLong { length: header.length });
        }
        let mut data = vec![0; header.length as usize];
        stream.read_exact(&mut data).await?;
        let answer = negotiation.answer(header.code, &data);
        let sent = send(stream, &answer.reply).await;
        match answer.then {
            // A client that takes its leave need not wait for the reply.
            Then::Close => return Ok(Then::Close),
            Then::Drop => return Err(Fault::NoSuchExport),
            Then::NextOption => sent?,
            then => return sent.map(|()| then).map_err(Fault::from),
        }
    }
}

async fn send<S: AsyncWrite + Unpin>(stream: &mut S, bytes: &[u8]) -> io::Result<()> {
    stream.write_all(bytes).await?;
    stream.flush().await
}

async fn transmit<S>(stream: S, door: &Door, agreed: Agreed, stop: Stop) -> Result<(), Fault>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let served = door.served.get(agreed.export).ok_or(Fault::NoSuchExport)?.clone();
    let session = Session { served, structured: agreed.structured, allocation: agreed.allocation };
    let mut end = door.ends.open();
    let left = Transmission::new(stream, Arc::new(session)).run_until(stop).await?;
    if left {
        end.said_goodbye();
    }
    Ok(())
}

async fn in_time<T>(
    deadline: Instant,
    work: impl Future<Output = Result<T, Fault>>,
) -> Result<T, Fault> {
    timeout_at(deadline, work).await.unwrap_or(Err(Fault::HandshakeTimeout))
}

/// Drops `work` and returns nothing when the server stops: before its first request a client has
/// nothing to lose.
async fn unless<T>(
    stop: &mut Stop,
    work: impl Future<Output = Result<T, Fault>>,
) -> Result<Option<T>, Fault> {
    tokio::select! {
        biased;
        () = stop.wait() => Ok(None),
        result = work => result.map(Some),
    }
}
