//! What connects the console with the world: keys and news go in, effects are done.
//!
//! Nothing here waits for the bus: a task follows the engine, and each effect has one of its own.

mod engine;
mod facts;
mod perform;
mod system;
mod terminal;

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crossterm::event::{Event, EventStream};
use futures_util::StreamExt;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::time::MissedTickBehavior;

use crate::config::Config;
use crate::error::{ConsoleError, Result};
use crate::key::Key;
use crate::state::{Clock, Console, Effect, Input};
use engine::Engine;
use perform::Performer;
use terminal::Screen;

/// News that wait to be shown. Who has more waits.
const QUEUE: usize = 1024;

/// How often the time on the screen goes on.
const TICK: Duration = Duration::from_secs(1);

/// Threads for the bus and for files.
const WORKERS: usize = 2;

/// Shows the console on the terminal that is standard input, until somebody ends it.
pub fn run(config: &Config) -> Result<()> {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = runtime.worker_threads(WORKERS).enable_all().build();
    let runtime = runtime.map_err(ConsoleError::Runtime)?;
    let ended = runtime.block_on(show(config));
    // What it has begun is the engine's.
    runtime.shutdown_background();
    ended
}

async fn show(config: &Config) -> Result<()> {
    let stop = daemon::stopped().map_err(ConsoleError::Terminal)?;
    let screen = Screen::open()?;
    let (to, news) = channel(QUEUE);
    let engine = Engine::follow(config.bus.clone(), to.clone());
    let claim = tokio::spawn(facts::follow_claim(config.claim.clone(), to.clone()));
    let (interfaces, wanted) = (config.interfaces.clone(), config.network.clone());
    let network = tokio::spawn(facts::follow_network(interfaces, wanted, to.clone()));
    let performer = Performer::new(config.clone(), engine, to.clone());
    let console = Console::new(config.quit, terminal::is_utf8());
    let shown = tokio::select! {
        () = stop => Ok(()),
        shown = Shown { console, screen, performer, to }.go_on(news) => shown,
    };
    claim.abort();
    network.abort();
    shown
}

/// The console on its terminal.
struct Shown {
    console: Console,
    screen: Screen,
    performer: Performer,
    to: Sender<Input>,
}

impl Shown {
    async fn go_on(mut self, mut news: Receiver<Input>) -> Result<()> {
        let keys = tokio::spawn(read_keys(self.to.clone()));
        let began = Instant::now();
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut taken = Vec::with_capacity(QUEUE);
        loop {
            tokio::select! {
                _ = ticks.tick() => taken.push(Input::Tick(clock(began))),
                _ = news.recv_many(&mut taken, QUEUE) => {}
            }
            for input in taken.drain(..) {
                match self.console.update(input) {
                    Some(Effect::Quit) => {
                        keys.abort();
                        return Ok(());
                    }
                    Some(Effect::Redraw) => self.screen.forget(),
                    Some(effect) => self.performer.begin(effect),
                    None => {}
                }
            }
            if keys.is_finished() {
                return Err(ConsoleError::Terminal(std::io::ErrorKind::UnexpectedEof.into()));
            }
            self.screen.draw(&self.console)?;
        }
    }
}

/// Passes keys on until the terminal is gone. A terminal of another size is drawn anew.
async fn read_keys(to: Sender<Input>) {
    let mut events = EventStream::new();
    while let Some(Ok(event)) = events.next().await {
        let key = match event {
            Event::Key(event) => Key::of(&event),
            Event::Resize(..) => Some(Key::Redraw),
            _ => None,
        };
        if let Some(key) = key
            && to.send(Input::Key(key)).await.is_err()
        {
            return;
        }
    }
}

fn clock(began: Instant) -> Clock {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_secs());
    Clock { now, up: began.elapsed().as_secs() }
}
