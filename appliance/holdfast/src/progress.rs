//! A line that tells how far a long work is: bytes, rate, time left.

use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use model::{Bytes, Span};
use record::Progress;

use crate::output::Output;

/// How often the line is drawn anew.
const TICK: Duration = Duration::from_millis(250);

/// Seconds without a step after which somebody wants to know.
const STALLED: u64 = 10;

/// Characters of a line: the narrowest terminal, with room for the cursor.
const WIDTH: usize = 79;

/// Runs `work` and shows its progress meanwhile, if anybody watches.
pub(crate) fn shown<T>(
    output: &Output,
    verb: &str,
    progress: &Progress,
    work: impl FnOnce() -> T,
) -> T {
    if !output.shows_progress() {
        return work();
    }
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let drawer = scope.spawn(|| {
            let began = Instant::now();
            while !done.load(Ordering::Acquire) {
                std::thread::park_timeout(TICK);
                let so_far = so_far(verb, progress.done(), progress.total(), began.elapsed());
                draw(&format!("{so_far}  {} written", Bytes(progress.added())));
            }
            clear();
        });
        let result = work();
        done.store(true, Ordering::Release);
        drawer.thread().unpark();
        result
    })
}

/// The line of a work that is done elsewhere.
#[derive(Debug, Default)]
pub(crate) struct Line {
    /// When it was first seen at work.
    began: Option<Instant>,
}

/// What is to be seen of a work that is done elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Shown {
    /// It does nothing yet, and why.
    Words(String),
    Work {
        verb: String,
        done: u64,
        /// 0 if nobody knows.
        total: u64,
        /// Seconds since the last step.
        stalled: u64,
    },
}

impl Line {
    /// Draws it, if anybody watches.
    pub(crate) fn draw(&mut self, output: &Output, shown: &Shown) {
        if !output.shows_progress() {
            return;
        }
        match shown {
            Shown::Words(words) => draw(&words.chars().take(WIDTH).collect::<String>()),
            Shown::Work { verb, done, total, stalled } => {
                let began = *self.began.get_or_insert_with(Instant::now);
                let mut line = so_far(verb, *done, *total, began.elapsed());
                if *stalled >= STALLED {
                    line.push_str(&format!("  nothing for {}", Span(*stalled)));
                }
                draw(&line);
            }
        }
    }

    /// Takes it away.
    pub(crate) fn clear(output: &Output) {
        if output.shows_progress() {
            clear();
        }
    }
}

fn so_far(verb: &str, done: u64, total: u64, elapsed: Duration) -> String {
    let rate = done as f64 / elapsed.as_secs_f64().max(0.001);
    let left = (total.saturating_sub(done)) as f64 / rate.max(1.0);
    let left = match done {
        0 => "…".to_owned(),
        _ => format!("{}:{:02} left", left as u64 / 60, left as u64 % 60),
    };
    let share = done as f64 * 100.0 / total.max(1) as f64;
    let (done, total, rate) = (Bytes(done), Bytes(total), Bytes(rate as u64));
    format!("{verb} {share:3.0} %  {done} of {total}  {rate}/s  {left}")
}

fn draw(line: &str) {
    let _ = write!(std::io::stderr(), "\r\x1b[K{line}");
    let _ = std::io::stderr().flush();
}

fn clear() {
    let _ = write!(std::io::stderr(), "\r\x1b[K");
}
