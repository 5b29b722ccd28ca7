//! What is looked at again and again because nobody tells when it changes.

use std::path::PathBuf;
use std::time::Duration;

use tokio::sync::mpsc::Sender;
use tokio::time::sleep;

use crate::claim::Claim;
use crate::network;
use crate::state::Input;

/// How often the claim and the network are looked at.
const EVERY: Duration = Duration::from_secs(2);

pub(super) async fn follow_claim(path: PathBuf, to: Sender<Input>) {
    follow(move || Claim::read(&path), Input::Claim, to).await;
}

pub(super) async fn follow_network(folder: PathBuf, wanted: PathBuf, to: Sender<Input>) {
    follow(move || network::read(&folder, &wanted), Input::Network, to).await;
}

/// Reads on a thread that may wait, and passes on what is not as before.
async fn follow<T, R>(read: R, input: fn(T) -> Input, to: Sender<Input>)
where
    T: Clone + PartialEq + Send + 'static,
    R: Fn() -> T + Clone + Send + 'static,
{
    let mut before = None;
    loop {
        let read = read.clone();
        if let Ok(now) = tokio::task::spawn_blocking(read).await
            && before.as_ref() != Some(&now)
        {
            before = Some(now.clone());
            if to.send(input(now)).await.is_err() {
                return;
            }
        }
        sleep(EVERY).await;
    }
}
