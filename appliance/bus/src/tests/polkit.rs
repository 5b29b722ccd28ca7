//! Asking polkit, with somebody else in its place.

use std::collections::HashMap;
use std::os::unix::net::UnixStream;

use futures_util::StreamExt;
use zbus::{Connection, Guid, Message, MessageStream, Variant, connection};

use crate::{Action, Authorize, AuthorizeError, Caller, Polkit};

/// What polkit was asked, in short.
type Asked = (String, Vec<String>, String, u32);

async fn with_polkit() -> (Connection, MessageStream) {
    let (left, right) = UnixStream::pair().unwrap();
    let polkit = connection::Builder::unix_stream(left).server(Guid::generate()).p2p();
    let ours = connection::Builder::unix_stream(right).p2p();
    let (polkit, ours) = tokio::try_join!(polkit.build(), ours.build()).unwrap();
    (ours, polkit.into())
}

/// Answers one question.
async fn answer(mut polkit: MessageStream, authorized: bool) -> Asked {
    let message: Message = polkit.next().await.unwrap().unwrap();
    let body = message.body();
    type Question<'a> =
        ((String, HashMap<&'a str, Variant<'a>>), String, HashMap<&'a str, &'a str>, u32, &'a str);
    let ((kind, details), action, _, flags, _): Question<'_> = body.deserialize().unwrap();
    let mut details: Vec<String> = details.keys().map(|key| (*key).to_owned()).collect();
    details.sort();
    let reply = (authorized, false, HashMap::<String, String>::new());
    let connection = Connection::from(&polkit);
    connection.reply(&message.header(), &reply).await.unwrap();
    (kind, details, action, flags)
}

fn caller(name: Option<&str>, uid: u32, interactive: bool) -> Caller {
    let name = name.map(|name| name.try_into().unwrap());
    Caller { name, uid: Some(uid), pid: Some(std::process::id()), interactive }
}

#[tokio::test]
async fn a_caller_on_the_bus_is_asked_about_by_name() {
    for authorized in [true, false] {
        let (ours, polkit) = with_polkit().await;
        let polkit_of = Polkit::new(ours);
        let caller = caller(Some(":1.7"), 1000, true);
        let asking = polkit_of.allowed(&caller, Action::RemovePoints);
        let (allowed, asked) = tokio::join!(asking, answer(polkit, authorized));
        assert_eq!(allowed.unwrap(), authorized);
        let action = "org.holdfast.points.remove".to_owned();
        assert_eq!(asked, ("system-bus-name".into(), vec!["name".into()], action, 1));
    }
}

#[tokio::test]
async fn a_caller_without_a_bus_is_asked_about_by_process_start_and_user() {
    let (ours, polkit) = with_polkit().await;
    let polkit_of = Polkit::new(ours);
    let caller = caller(None, 1000, false);
    let asking = polkit_of.allowed(&caller, Action::Unlock);
    let (allowed, (kind, details, _, flags)) = tokio::join!(asking, answer(polkit, true));
    assert!(allowed.unwrap());
    assert_eq!((kind.as_str(), flags), ("unix-process", 0));
    assert_eq!(details, ["pid", "start-time", "uid"]);
}

#[tokio::test]
async fn root_may_even_when_polkit_is_gone_and_nobody_else() {
    let (ours, polkit) = with_polkit().await;
    Connection::from(&polkit).close().await.unwrap();
    let polkit_of = Polkit::new(ours);
    assert!(polkit_of.allowed(&caller(Some(":1.7"), 0, false), Action::Lock).await.unwrap());
    let denied = polkit_of.allowed(&caller(Some(":1.7"), 1000, false), Action::Lock).await;
    assert!(matches!(denied, Err(AuthorizeError::Polkit(_))), "{denied:?}");
    let nobody = Caller { name: None, uid: None, pid: None, interactive: true };
    let denied = polkit_of.allowed(&nobody, Action::Lock).await;
    assert!(matches!(denied, Err(AuthorizeError::UnknownCaller)), "{denied:?}");
}
