//! The transmission phase: requests in, replies out, in whatever order they get ready.
//!
//! One task does it all for a connection: it reads requests, carries out at once those that need
//! not wait, and sends their replies together. Only a request that has to wait for a disk becomes a
//! task of its own. So a read from memory costs one system call in and one out, and no switch of
//! threads.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::task::JoinSet;
use tokio::time::{Instant, Sleep, sleep, timeout};

use super::Fault;
use super::input::{Inbox, Payload};
use super::output::Outbox;
use crate::budget::{Buffer, Share};
use crate::execute::Session;
use crate::image::BoxFuture;
use crate::negotiate::MAX_PAYLOAD;
use crate::stats::Counters;
use crate::stop::Stop;
use crate::wire::{Command, Errno, Request};

/// Requests of a connection that are under way, their replies not all sent. Clients use 16 to 64.
const MAX_IN_FLIGHT: usize = 64;
/// As soon as this many bytes are ready they are sent, before more requests are carried out.
const SEND_AT: usize = 256 << 10;
/// No request is carried out ahead of a client that leaves this many bytes unread.
const SEND_MAX: usize = 2 << 20;
/// How long a client may leave a reply unread or a payload unsent. It holds memory meanwhile that
/// other clients wait for.
const STALL_TIME: Duration = Duration::from_secs(60);
/// How long the end of a connection may take.
const GOODBYE_TIME: Duration = Duration::from_secs(5);

pub(super) struct Transmission<S> {
    stream: S,
    session: Arc<Session>,
    inbox: Inbox,
    stage: Stage,
    outbox: Outbox,
    /// The client's side takes no more bytes for now.
    is_full: bool,
    in_flight: usize,
    waiting: JoinSet<Buffer>,
    /// The client said that it leaves.
    has_left: bool,
    stall: Option<Pin<Box<Sleep>>>,
    stall_is_armed: bool,
}

/// What is expected from the client next.
enum Stage {
    Request,
    /// Nothing: memory for this request has to come first.
    Memory(Request, BoxFuture<'static, Option<Share>>),
    Payload(Payload, Option<Share>),
    /// The rest of a payload that nobody wants.
    Unwanted {
        request: Request,
        left: u32,
        error: Errno,
    },
    /// Nothing any more.
    Ended,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Transmission<S> {
    pub(super) fn new(stream: S, session: Arc<Session>) -> Self {
        Self {
            stream,
            session,
            inbox: Inbox::new(),
            stage: Stage::Request,
            outbox: Outbox::default(),
            is_full: false,
            in_flight: 0,
            waiting: JoinSet::new(),
            has_left: false,
            stall: None,
            stall_is_armed: false,
        }
    }

    /// Runs until the client ends the connection, or until it is time to stop. Every request that
    /// was taken is carried out to its end, also when the client is gone. Whether the client said
    /// that it leaves, and got all of its replies.
    pub(super) async fn run_until(mut self, mut stop: Stop) -> Result<bool, Fault> {
        let mut result = tokio::select! {
            biased;
            result = self.run() => Some(result),
            () = stop.wait() => None,
        };
        if result.is_none() {
            self.stage = Stage::Ended;
            result = Some(self.run().await);
        }
        while self.waiting.join_next().await.is_some() {}
        // The client may be gone; then there is nobody to say goodbye to.
        let _ = timeout(GOODBYE_TIME, self.stream.shutdown()).await;
        result.unwrap_or(Ok(())).map(|()| self.has_left)
    }

    async fn run(&mut self) -> Result<(), Fault> {
        loop {
            self.take_requests()?;
            let is_idle = self.waiting.is_empty() && self.outbox.is_empty();
            if is_idle && matches!(self.stage, Stage::Ended) {
                return Ok(());
            }
            poll_fn(|cx| self.poll_progress(cx)).await?;
        }
    }

    /// Carries out what came, as far as the bounds allow.
    fn take_requests(&mut self) -> Result<(), Fault> {
        loop {
            match std::mem::replace(&mut self.stage, Stage::Ended) {
                Stage::Request if self.may_take() => {
                    let Some(request) = self.inbox.next_request() else {
                        self.stage = Stage::Request;
                        return Ok(());
                    };
                    self.stage = self.accept(request.ok_or(Fault::BadRequest)?)?;
                }
                Stage::Payload(mut payload, share) => {
                    payload.take_from(&mut self.inbox);
                    if !payload.is_complete() {
                        self.stage = Stage::Payload(payload, share);
                        return Ok(());
                    }
                    let (request, buffer) = payload.into_parts();
                    self.start(request, Some(buffer), share);
                    self.stage = Stage::Request;
                }
                Stage::Unwanted { request, left, error } => {
                    let left = left - self.inbox.skip(left);
                    if left > 0 {
                        self.stage = Stage::Unwanted { request, left, error };
                        return Ok(());
                    }
                    self.outbox.push(self.session.error(&request, error));
                    self.stage = Stage::Request;
                }
                other => {
                    self.stage = other;
                    return Ok(());
                }
            }
        }
    }

    fn may_take(&self) -> bool {
        let room = if self.is_full { SEND_MAX } else { SEND_AT };
        self.in_flight < MAX_IN_FLIGHT && self.outbox.bytes < room
    }

    /// Takes one request on, up to where its payload or its memory has to be waited for.
    fn accept(&mut self, request: Request) -> Result<Stage, Fault> {
        if request.command == Command::Disconnect {
            self.has_left = true;
            return Ok(Stage::Ended);
        }
        if request.payload() > MAX_PAYLOAD {
            return Err(Fault::PayloadTooLong { length: request.length });
        }
        self.in_flight += 1;
        Counters::add(&self.session.served.counters.requests, 1);
        if let Err(error) = self.session.check(&request) {
            return Ok(Stage::Unwanted { request, left: request.payload(), error });
        }
        let memory = self.session.memory(&request);
        if memory == 0 {
            return Ok(self.proceed(request, None));
        }
        let budget = &self.session.served.budget;
        match budget.try_share(memory) {
            Some(share) => Ok(self.proceed(request, Some(share))),
            None => Ok(Stage::Memory(request, Box::pin(budget.clone().share(memory)))),
        }
    }

    /// Goes on with a request that has its memory.
    fn proceed(&mut self, request: Request, share: Option<Share>) -> Stage {
        if request.command == Command::Write {
            let buffer = self.session.served.budget.buffer(request.length as usize);
            return Stage::Payload(Payload::new(request, buffer), share);
        }
        self.start(request, None, share);
        Stage::Request
    }

    /// Carries out a request: at once if it can be, else as a task of its own.
    fn start(&mut self, request: Request, payload: Option<Buffer>, share: Option<Share>) {
        let session = self.session.clone();
        let mut work = Box::pin(session.execute(request, payload, share));
        // Whoever has to wait is polled again by its own task, which then is the one to wake.
        match work.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(reply) => self.outbox.push(reply),
            Poll::Pending => {
                self.waiting.spawn(work);
            }
        }
    }

    /// Ready when something happened that may let the connection go on.
    fn poll_progress(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Fault>> {
        let mut moved = self.poll_finished(cx)?;
        moved |= self.poll_send(cx)?;
        moved |= self.poll_receive(cx)?;
        if moved {
            self.stall_is_armed = false;
            return Poll::Ready(Ok(()));
        }
        self.poll_stall(cx)
    }

    /// Takes the replies of requests that had to wait.
    fn poll_finished(&mut self, cx: &mut Context<'_>) -> Result<bool, Fault> {
        let mut moved = false;
        while let Poll::Ready(Some(finished)) = self.waiting.poll_join_next(cx) {
            self.outbox.push(finished.map_err(|_| Fault::Failed)?);
            moved = true;
        }
        Ok(moved)
    }

    fn poll_send(&mut self, cx: &mut Context<'_>) -> Result<bool, Fault> {
        let mut moved = false;
        let was_full = std::mem::take(&mut self.is_full);
        while !self.outbox.is_empty() {
            match self.outbox.poll_send(&mut self.stream, cx) {
                Poll::Ready(finished) => {
                    self.in_flight -= finished?;
                    moved = true;
                }
                Poll::Pending => {
                    self.is_full = true;
                    // A moment to carry out requests ahead.
                    return Ok(moved || !was_full);
                }
            }
        }
        Ok(moved)
    }

    fn poll_receive(&mut self, cx: &mut Context<'_>) -> Result<bool, Fault> {
        let received = match &mut self.stage {
            Stage::Memory(request, share) => {
                let Poll::Ready(share) = share.as_mut().poll(cx) else { return Ok(false) };
                let request = *request;
                self.stage = self.proceed(request, share);
                return Ok(true);
            }
            Stage::Payload(payload, _) => payload.poll_fill(&mut self.stream, cx),
            Stage::Unwanted { .. } => self.inbox.poll_fill(&mut self.stream, cx),
            Stage::Request if !self.inbox.has_request() => {
                self.inbox.poll_fill(&mut self.stream, cx)
            }
            Stage::Request | Stage::Ended => return Ok(false),
        };
        match received {
            Poll::Pending => Ok(false),
            Poll::Ready(Ok(0)) => self.end_of_stream().map(|()| true),
            Poll::Ready(received) => received.map(|_| true).map_err(Fault::from),
        }
    }

    /// A client may leave without a word between two requests.
    fn end_of_stream(&mut self) -> Result<(), Fault> {
        let between = matches!(self.stage, Stage::Request) && self.inbox.is_empty();
        self.stage = Stage::Ended;
        between.then_some(()).ok_or(Fault::CutShort)
    }

    /// Nothing moves: a fault if it is the client that does not for too long.
    fn poll_stall(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Fault>> {
        let is_mid_request = matches!(self.stage, Stage::Payload(..) | Stage::Unwanted { .. });
        if self.outbox.is_empty() && !is_mid_request {
            return Poll::Pending;
        }
        let stall = self.stall.get_or_insert_with(|| Box::pin(sleep(STALL_TIME)));
        if !self.stall_is_armed {
            stall.as_mut().reset(Instant::now() + STALL_TIME);
            self.stall_is_armed = true;
        }
        stall.as_mut().poll(cx).map(|()| Err(Fault::Stalled))
    }
}
