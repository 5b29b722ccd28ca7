//! Calls behind which a person stands, and calls behind which none does.

use std::sync::Arc;

use futures_util::future::BoxFuture;

use super::harness::{Recorder, pair, tree_with_one_of_each};
use crate::{
    Action, Authorize, AuthorizeError, Caller, Client, ClientError, Place, Refusal, RefusalKind,
    VerifyOptions,
};

/// Allows what a password could be asked for, as if it had been typed.
#[derive(Debug)]
struct IfAskable;

impl Authorize for IfAskable {
    fn allowed<'a>(
        &'a self,
        caller: &'a Caller,
        _action: Action,
    ) -> BoxFuture<'a, Result<bool, AuthorizeError>> {
        Box::pin(async { Ok(caller.interactive) })
    }
}

#[tokio::test]
async fn a_password_is_asked_for_only_if_somebody_is_there_to_type_it() {
    let (stream, connection) = pair().await;
    let recorder = Arc::new(Recorder::default());
    let tree = tree_with_one_of_each();
    let _serving = tree.serve(stream, recorder, Arc::new(IfAskable)).await.unwrap();
    let client = Client::over(connection);
    let job = Place::Job(7);
    let refused: Result<(), ClientError> = client.call(&job, "Cancel", &()).await;
    let Err(ClientError::Call(error)) = refused else { panic!("{refused:?}") };
    assert_eq!(Refusal::of(&error).unwrap().kind, RefusalKind::NotPermitted);
    let client = client.with_person(true);
    client.call::<_, ()>(&job, "Cancel", &()).await.unwrap();
    let options = VerifyOptions::default();
    let begun = client.begin(&Place::Pool, "Verify", &(options.arguments(),)).await;
    assert_eq!(begun.unwrap(), job);
}
