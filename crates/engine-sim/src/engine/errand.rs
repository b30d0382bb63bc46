//! One request on its way: latency, a fault perhaps, and the wait for the answer.

use super::{Shared, World};
use crate::{
    CallFault, Refusal, Request, Why,
    model::desk::{Failure, Look, Outcome, Ticket},
    model::event::short,
};
use std::{future::pending, time::Duration};
use tokio::time::{sleep, sleep_until, timeout_at};

/// What has become of a request when it is sent.
enum Sent {
    /// It is on the agenda.
    UnderWay(Ticket),
    /// It fails after so long, and did nothing.
    Fails(Duration, Failure),
    /// Nothing will be heard of it.
    Silence,
}

impl Shared {
    /// Sends a request and waits for what comes of it, without a deadline.
    pub(super) async fn send(&self, request: Request) -> Outcome {
        let (number, sent) = self.with(|world| world.dispatch(request));
        let mut errand = Errand { shared: self, number, ticket: None, is_over: false };
        let outcome = match sent {
            Sent::UnderWay(ticket) => {
                errand.ticket = Some(ticket);
                errand.wait(ticket).await
            }
            Sent::Fails(after, failure) => {
                sleep(after).await;
                Err(failure)
            }
            Sent::Silence => pending().await,
        };
        errand.is_over = true;
        self.with(|world| world.model.note(format!("#{number} {}", words(&outcome))));
        outcome
    }
}

impl World {
    fn dispatch(&mut self, request: Request) -> (u64, Sent) {
        let (kind, subject) = (request.kind(), short(request.subject()).to_owned());
        let names = self.model.names_of(request.subject());
        let (number, fault) = self.faults.draw_call(&request, &names, &mut self.chance.calls);
        let to = self.latency.draw(kind, &mut self.chance.latency);
        let back = self.latency.draw_back(&mut self.chance.latency);
        let suffix = fault.as_ref().map(|fault| format!(" but {fault:?}")).unwrap_or_default();
        self.model.note(format!("#{number} {kind:?} {subject}{suffix}"));
        if !self.model.is_reachable() {
            return (number, Sent::Fails(to, Failure::Unreachable));
        }
        let sent = match fault {
            None => self.post(request, to, back, None),
            Some(CallFault::Delay(delay)) => self.post(request, to + delay, back, None),
            Some(CallFault::DropAfter) => self.post(request, to, back, Some(Failure::Broken)),
            Some(CallFault::Truncate) => self.post(request, to, back, Some(Failure::CutShort)),
            Some(CallFault::LeaveDead) => {
                if let Request::Remove { container, .. } = &request {
                    // One that is gone cannot cling.
                    let _ = self.model.make_cling(container);
                }
                self.post(request, to, back, None)
            }
            Some(CallFault::DropBefore) => Sent::Fails(to, Failure::Broken),
            Some(CallFault::Error { status, message }) => {
                Sent::Fails(to + back, Failure::Refused(made_up(status, message)))
            }
            Some(CallFault::Hang { done }) => {
                if done && let Sent::UnderWay(ticket) = self.post(request, to, back, None) {
                    self.model.forget(ticket);
                }
                Sent::Silence
            }
        };
        (number, sent)
    }

    fn post(
        &mut self,
        request: Request,
        to: Duration,
        back: Duration,
        spoilt: Option<Failure>,
    ) -> Sent {
        let at = self.model.uptime().saturating_add(to);
        Sent::UnderWay(self.model.submit(at, request, back, spoilt))
    }
}

fn made_up(status: u16, message: String) -> Refusal {
    let why = match status {
        404 => Why::Gone,
        409 => Why::WrongState,
        500.. => Why::Fault,
        _ => Why::Invalid,
    };
    Refusal { status, message, why }
}

fn words(outcome: &Outcome) -> String {
    match outcome {
        Ok(_) => "is answered".to_owned(),
        Err(Failure::Refused(refusal)) => format!("is refused: {refusal}"),
        Err(failure) => format!("fails: {failure:?}"),
    }
}

/// Somebody who waits for an answer. When it goes away before, the request is carried out all the same.
struct Errand<'a> {
    shared: &'a Shared,
    number: u64,
    ticket: Option<Ticket>,
    is_over: bool,
}

impl Errand<'_> {
    async fn wait(&self, ticket: Ticket) -> Outcome {
        let shared = self.shared;
        loop {
            let mut bell = std::pin::pin!(shared.bell.notified());
            // From here on no ring is missed.
            bell.as_mut().enable();
            let (look, next) =
                shared.with(|world| (world.model.look(ticket), world.model.next_due()));
            match (look, next) {
                (Look::Answered(outcome), _) => return outcome,
                (Look::NotBefore(at), _) => sleep_until(shared.instant(at)).await,
                (Look::Open, Some(next)) => {
                    // Either way there is something to look at.
                    let _ = timeout_at(shared.instant(next), bell).await;
                }
                (Look::Open, None) => bell.await,
            }
        }
    }
}

impl Drop for Errand<'_> {
    fn drop(&mut self) {
        if self.is_over {
            return;
        }
        let (number, ticket) = (self.number, self.ticket);
        self.shared.with(|world| {
            world.model.note(format!("#{number} is given up"));
            if let Some(ticket) = ticket {
                world.model.forget(ticket);
            }
        });
    }
}
