//! A line that tells how far a long work is: bytes, rate, time left.

use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use model::Bytes;
use record::Progress;

use crate::output::Output;

/// How often the line is drawn anew.
const TICK: Duration = Duration::from_millis(250);

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
                draw(verb, progress, began.elapsed());
            }
            let _ = write!(std::io::stderr(), "\r\x1b[K");
        });
        let result = work();
        done.store(true, Ordering::Release);
        drawer.thread().unpark();
        result
    })
}

fn draw(verb: &str, progress: &Progress, elapsed: Duration) {
    let (done, total) = (progress.done(), progress.total());
    let rate = done as f64 / elapsed.as_secs_f64().max(0.001);
    let left = (total.saturating_sub(done)) as f64 / rate.max(1.0);
    let left = match done {
        0 => "…".to_owned(),
        _ => format!("{}:{:02} left", left as u64 / 60, left as u64 % 60),
    };
    let share = done as f64 * 100.0 / total.max(1) as f64;
    let _ = write!(
        std::io::stderr(),
        "\r\x1b[K{verb} {share:3.0} %  {} of {}  {}/s  {left}  {} written",
        Bytes(done),
        Bytes(total),
        Bytes(rate as u64),
        Bytes(progress.added()),
    );
    let _ = std::io::stderr().flush();
}
