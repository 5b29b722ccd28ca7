//! The deliverer: all channels at once, one message at a time in each.

use std::collections::BTreeSet;
use std::pin::pin;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::sleep;

use super::Notifier;
use crate::error::{Result, SendError};
use crate::outbox::{Failed, Queued};
use crate::send::send;

/// Hours, reminders and pauses are looked at so often.
const TICK: Duration = Duration::from_secs(10);

/// What a message has come to.
type Sent = (Queued, std::result::Result<(), SendError>);

impl Notifier {
    /// Delivers until `stop` is there. What is under way then is given up and sent again by the
    /// next run, under the same name.
    pub async fn run(&self, stop: impl Future<Output = ()>) {
        let mut stop = pin!(stop);
        let mut sending: JoinSet<Sent> = JoinSet::new();
        let mut busy: BTreeSet<String> = BTreeSet::new();
        // Channels whose last message went, and could not be noted: not to be sent on and on.
        let mut unnoted: Vec<String> = Vec::new();
        loop {
            if let Err(error) = self.start(&mut sending, &mut busy) {
                log::error!("alerts cannot be told: {error}");
            }
            tokio::select! {
                () = &mut stop => return,
                () = self.wake.notified() => {}
                () = sleep(TICK) => {
                    unnoted.drain(..).for_each(|name| {
                        busy.remove(&name);
                    });
                }
                Some(sent) = sending.join_next() => unnoted.extend(self.ended(sent, &mut busy)),
            }
        }
    }

    /// Looks at what is due, and begins the first delivery of each channel that has none.
    fn start(&self, sending: &mut JoinSet<Sent>, busy: &mut BTreeSet<String>) -> Result<()> {
        let (mut inner, now) = (self.inner(), self.now());
        let dead = inner.outbox.dead(now)?;
        inner.change(|router| router.channels(&dead, now), now)?;
        let channels = inner.router.settings().channels.clone();
        for channel in channels {
            if busy.contains(&channel.name) {
                continue;
            }
            let Some(queued) = inner.outbox.due(&channel.name, now)? else { continue };
            busy.insert(channel.name.clone());
            let here = self.here();
            sending.spawn(async move {
                let sent = send(&channel, &queued, &here).await;
                (queued, sent)
            });
        }
        Ok(())
    }

    /// Notes what a message has come to; gives the name of the channel if that was not possible.
    fn ended(
        &self,
        sent: std::result::Result<Sent, tokio::task::JoinError>,
        busy: &mut BTreeSet<String>,
    ) -> Option<String> {
        let Ok((queued, sent)) = sent else {
            // Which one it was is not known; all that are under way are marked as idle, and at
            // worst sent twice.
            log::error!("a delivery ended without a result");
            busy.clear();
            return None;
        };
        if let Err(error) = self.note(&queued, sent) {
            log::error!("what became of a message is not kept: {error}");
            return Some(queued.channel);
        }
        busy.remove(&queued.channel);
        None
    }

    fn note(&self, queued: &Queued, sent: std::result::Result<(), SendError>) -> Result<()> {
        let (mut inner, now) = (self.inner(), self.now());
        let Some(audience) = inner.router.settings().channel(&queued.channel).map(|it| it.audience)
        else {
            return Ok(());
        };
        let channel = &queued.channel;
        match sent {
            Ok(()) => inner.outbox.delivered(queued, audience, now),
            Err(error) => {
                match inner.outbox.failed(queued, &error, now)? {
                    Failed::Later(pause) => {
                        log::warn!("channel {channel}: {error}; again in {pause} s");
                    }
                    Failed::GivenUp => {
                        log::error!("channel {channel}: {error}; the message is given up");
                    }
                }
                Ok(())
            }
        }
    }
}
