//! Calls of our own methods: check, authorise, run, reply. In that order, so that nothing of a
//! caller's is done or read before it is known to be allowed.

use zbus::message::{Body, Header};
use zbus::{Message, Signature};

use super::fault::Fault;
use super::service::Service;
use crate::authorize::Action;
use crate::caller::Caller;
use crate::command::{Fate, PastScrub, Reply};
use crate::method::{Argument, Method};
use crate::place::Place;
use crate::refusal::{Refusal, RefusalKind};

impl Service {
    pub(super) async fn call(
        &self,
        message: &Message,
        header: &Header<'_>,
        place: &Place,
        method: &'static Method,
    ) -> Result<Message, Fault> {
        let body = message.body();
        fits(method, &body)?;
        let draft = (method.parse)(place, &body)?;
        let caller = Caller::of(&self.connection, header).await;
        if let Some(action) = method.action {
            self.permit(&caller, action, method).await?;
        }
        let command = draft.finish().await?;
        let reply = self.commands.run(caller, command).await?;
        if reply.signature() != signature(method.gives) {
            log::error!("{} was answered with {reply:?}", method.name);
            return Err(misfit(method).into());
        }
        written(header, &reply).map_err(|error| Fault::failed(&error))
    }

    async fn permit(
        &self,
        caller: &Caller,
        action: Action,
        method: &Method,
    ) -> Result<(), Refusal> {
        let problem = match self.authorize.allowed(caller, action).await {
            Ok(true) => return Ok(()),
            Ok(false) => format!("{} needs leave for {}", method.name, action.id()),
            Err(error) => format!("{} needs leave for {}, but {error}", method.name, action.id()),
        };
        log::info!("refused to user {:?}, process {:?}: {problem}", caller.uid, caller.pid);
        let next_step = "call as a user who may do that, or allow a password to be asked for";
        Err(Refusal::new(RefusalKind::NotPermitted, problem, next_step))
    }
}

/// Refuses what is too large or of the wrong types before anything looks at it.
fn fits(method: &Method, body: &Body) -> Result<(), Refusal> {
    if body.len() > method.body_max {
        let problem = format!("{} bytes of arguments are more than it takes", body.len());
        return Err(Refusal::invalid(problem, format!("give at most {}", method.body_max)));
    }
    let wanted = signature(method.takes);
    if Signature::try_from(wanted.as_str()).is_ok_and(|wanted| *body.signature() == wanted) {
        return Ok(());
    }
    let problem = format!("the arguments have the types `{}`", body.signature());
    Err(Refusal::invalid(problem, format!("give `{wanted}`")))
}

/// The signatures of arguments, one behind the other.
pub(super) fn signature(arguments: &[Argument]) -> String {
    arguments.iter().map(|(_, signature)| *signature).collect()
}

fn misfit(method: &Method) -> Refusal {
    let problem = format!("{} was carried out and has no reply of the right type", method.name);
    Refusal::new(RefusalKind::Failed, problem, "list the jobs, and report this")
}

fn written(header: &Header<'_>, reply: &Reply) -> zbus::Result<Message> {
    let builder = Message::method_return(header);
    match reply {
        Reply::Done => builder.build(&()),
        Reply::Object(place) => builder.build(&place.path()),
        Reply::Text(text) => builder.build(text),
        Reply::Scrubs(scrubs) => {
            builder.build(&scrubs.iter().map(PastScrub::fields).collect::<Vec<_>>())
        }
        Reply::Fates(fates) => builder.build(&fates.iter().map(Fate::fields).collect::<Vec<_>>()),
        Reply::Times(times) => builder.build(times),
    }
}
