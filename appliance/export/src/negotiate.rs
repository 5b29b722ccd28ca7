//! The option phase as a state machine without I/O: option in, reply and next step out.

use crate::wire::{
    BASE_ALLOCATION, BlockSizes, ClientFlags, InfoRequest, MAX_NAME, MetaRequest, OptionCode,
    OptionHeader, OptionReplies, REQUEST, Refusal, Request, export_name_reply, transmission,
};

/// The longest data of an option, in bytes. The protocol's own options need less than 10 KiB; a
/// client that announces more is cut off.
pub(crate) const MAX_OPTION: u32 = 64 << 10;

/// The longest payload of a write, and the longest read, in bytes: the protocol's default, so that
/// clients which do not ask are right.
pub(crate) const MAX_PAYLOAD: u32 = 32 << 20;

const BLOCK_SIZES: BlockSizes =
    BlockSizes { minimum: 1, preferred: model::BLOCK as u32, maximum: MAX_PAYLOAD };

/// The number under which `base:allocation` is replied, when it was selected.
pub(crate) const ALLOCATION_CONTEXT: u32 = 1;

/// An export as the option phase sees it.
#[derive(Debug)]
pub(crate) struct Offer {
    pub(crate) name: String,
    /// In bytes.
    pub(crate) size: u64,
    pub(crate) writable: bool,
    pub(crate) readable: bool,
}

/// Whether a connection is or has to be encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tls {
    /// Not on this socket.
    Off,
    /// Nothing else is answered before it.
    Required,
    On,
}

/// The state of one connection's option phase.
#[derive(Debug)]
pub(crate) struct Negotiation<'a> {
    offers: &'a [Offer],
    client: ClientFlags,
    tls: Tls,
    structured: bool,
    /// The export, by number, for which `base:allocation` is selected.
    allocation_of: Option<usize>,
}

/// The reply to an option and what comes after it.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) reply: Vec<u8>,
    pub(crate) then: Then,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Then {
    NextOption,
    /// The TLS handshake, and then options from the start.
    StartTls,
    Transmit(Agreed),
    /// The client is done.
    Close,
    /// The client asked for something that the protocol has no refusal for.
    Drop,
}

/// What both sides have agreed on when the option phase ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Agreed {
    /// Number of the export.
    pub(crate) export: usize,
    pub(crate) structured: bool,
    pub(crate) allocation: bool,
}

impl<'a> Negotiation<'a> {
    pub(crate) fn new(offers: &'a [Offer], client: ClientFlags, tls: Tls) -> Self {
        Self { offers, client, tls, structured: false, allocation_of: None }
    }

    /// Answers one option with its data. Every data is legal input.
    pub(crate) fn answer(&mut self, code: OptionCode, data: &[u8]) -> Answer {
        let replies = OptionReplies::to(code);
        match code {
            OptionCode::ABORT => Answer { reply: replies.acknowledge(), then: Then::Close },
            OptionCode::START_TLS => self.start_tls(replies, data),
            OptionCode::EXPORT_NAME => self.export_name(data),
            _ if self.tls == Tls::Required => refuse(replies, Refusal::TlsRequired),
            OptionCode::LIST => self.list(replies, data),
            OptionCode::INFO => self.info(replies, data, false),
            OptionCode::GO => self.info(replies, data, true),
            OptionCode::STRUCTURED_REPLY => self.structured_reply(replies, data),
            OptionCode::LIST_META_CONTEXT => self.list_contexts(replies, data),
            OptionCode::SET_META_CONTEXT => self.set_contexts(replies, data),
            _ => refuse(replies, Refusal::Unsupported),
        }
    }

    fn start_tls(&mut self, replies: OptionReplies, data: &[u8]) -> Answer {
        if self.tls == Tls::Off {
            return refuse(replies, Refusal::Policy);
        }
        if self.tls == Tls::On || !data.is_empty() || !self.client.fixed_newstyle {
            return refuse(replies, Refusal::Invalid);
        }
        // What was agreed in the clear may have been changed on the way: it is forgotten.
        *self = Self::new(self.offers, self.client, Tls::On);
        Answer { reply: replies.acknowledge(), then: Then::StartTls }
    }

    fn export_name(&self, data: &[u8]) -> Answer {
        let name = std::str::from_utf8(data).ok().filter(|_| self.tls != Tls::Required);
        let found = name.and_then(|name| self.find(name));
        let Some((number, offer)) = found else {
            return Answer { reply: Vec::new(), then: Then::Drop };
        };
        let reply = export_name_reply(offer.size, self.flags(offer), self.client.no_zeroes);
        Answer { reply, then: Then::Transmit(self.agreed(number)) }
    }

    fn list(&self, mut replies: OptionReplies, data: &[u8]) -> Answer {
        if !data.is_empty() {
            return refuse(replies, Refusal::Invalid);
        }
        for offer in self.offers {
            replies.export(&offer.name);
        }
        acknowledge(replies)
    }

    fn info(&self, mut replies: OptionReplies, data: &[u8], go: bool) -> Answer {
        let Some(request) = InfoRequest::parse(data) else {
            return refuse(replies, Refusal::Invalid);
        };
        let Some((number, offer)) = self.find(request.name) else {
            return refuse(replies, Refusal::UnknownExport);
        };
        replies.export_info(offer.size, self.flags(offer));
        if request.block_size {
            replies.block_sizes(BLOCK_SIZES);
        }
        let then = if go { Then::Transmit(self.agreed(number)) } else { Then::NextOption };
        Answer { reply: replies.acknowledge(), then }
    }

    fn structured_reply(&mut self, replies: OptionReplies, data: &[u8]) -> Answer {
        if !data.is_empty() {
            return refuse(replies, Refusal::Invalid);
        }
        self.structured = true;
        acknowledge(replies)
    }

    fn list_contexts(&self, mut replies: OptionReplies, data: &[u8]) -> Answer {
        let Some(request) = MetaRequest::parse(data).filter(|_| self.structured) else {
            return refuse(replies, Refusal::Invalid);
        };
        let Some((_, offer)) = self.find(request.name) else {
            return refuse(replies, Refusal::UnknownExport);
        };
        let all = request.queries.is_empty();
        let asked =
            all || request.queries.iter().any(|query| matches!(*query, "base:" | BASE_ALLOCATION));
        if asked && offer.readable {
            replies.meta_context(0, BASE_ALLOCATION);
        }
        acknowledge(replies)
    }

    fn set_contexts(&mut self, mut replies: OptionReplies, data: &[u8]) -> Answer {
        self.allocation_of = None;
        let Some(request) = MetaRequest::parse(data).filter(|_| self.structured) else {
            return refuse(replies, Refusal::Invalid);
        };
        let Some((number, offer)) = self.find(request.name) else {
            return refuse(replies, Refusal::UnknownExport);
        };
        if offer.readable && request.queries.contains(&BASE_ALLOCATION) {
            self.allocation_of = Some(number);
            replies.meta_context(ALLOCATION_CONTEXT, BASE_ALLOCATION);
        }
        acknowledge(replies)
    }

    fn find(&self, name: &str) -> Option<(usize, &Offer)> {
        self.offers.iter().enumerate().find(|(_, offer)| offer.name == name)
    }

    fn agreed(&self, export: usize) -> Agreed {
        let allocation = self.allocation_of == Some(export);
        Agreed { export, structured: self.structured, allocation }
    }

    /// A flush or a durable write covers all connections, so several may be used.
    fn flags(&self, offer: &Offer) -> u16 {
        use transmission as can;
        let always = can::HAS_FLAGS | can::SEND_FLUSH | can::SEND_FUA | can::CAN_MULTI_CONN;
        let writing = if offer.writable {
            can::SEND_TRIM | can::SEND_WRITE_ZEROES | can::SEND_FAST_ZERO
        } else {
            can::READ_ONLY
        };
        let reading = match (offer.readable, self.structured) {
            (false, _) => 0,
            (true, false) => can::SEND_CACHE,
            (true, true) => can::SEND_CACHE | can::SEND_DF,
        };
        always | writing | reading
    }
}

fn acknowledge(replies: OptionReplies) -> Answer {
    Answer { reply: replies.acknowledge(), then: Then::NextOption }
}

fn refuse(replies: OptionReplies, refusal: Refusal) -> Answer {
    Answer { reply: replies.refuse(refusal), then: Then::NextOption }
}

/// Feeds `bytes` to everything that parses what a client sends, as if they had come on a fresh
/// connection. For fuzzing: it must return, whatever the bytes.
pub fn fuzz_client(bytes: &[u8]) {
    let offers = [Offer { name: "disk".to_owned(), size: 1 << 30, writable: true, readable: true }];
    let Some((flags, mut rest)) = bytes.split_first_chunk::<4>() else { return };
    let Some(client) = ClientFlags::parse(*flags) else { return };
    let mut negotiation = Negotiation::new(&offers, client, Tls::Off);
    while let Some((header, behind)) = rest.split_first_chunk::<{ OptionHeader::SIZE }>() {
        let Some(header) = OptionHeader::parse(header) else { break };
        let length = header.length.min(MAX_OPTION) as usize;
        let (data, behind) = behind.split_at(length.min(behind.len()));
        let answer = negotiation.answer(header.code, data);
        assert!(answer.reply.len() <= data.len() + 64 + MAX_NAME, "a reply that amplifies");
        rest = behind;
        if !matches!(answer.then, Then::NextOption) {
            break;
        }
    }
    while let Some((request, behind)) = rest.split_first_chunk::<REQUEST>() {
        let Some(request) = Request::parse(request) else { break };
        let payload = (request.payload() as usize).min(behind.len());
        rest = behind.split_at(payload).1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INVALID: u32 = Refusal::Invalid as u32;

    fn offers() -> Vec<Offer> {
        vec![
            Offer { name: "point".into(), size: 5000, writable: false, readable: true },
            Offer { name: "machine".into(), size: 8192, writable: true, readable: true },
        ]
    }

    fn client() -> ClientFlags {
        ClientFlags { fixed_newstyle: true, no_zeroes: true }
    }

    fn named(name: &str, rest: &[u8]) -> Vec<u8> {
        [&(name.len() as u32).to_be_bytes()[..], name.as_bytes(), rest].concat()
    }

    fn allocation(name: &str) -> Vec<u8> {
        let query = named(BASE_ALLOCATION, &[]);
        named(name, &[&1u32.to_be_bytes()[..], &query].concat())
    }

    /// The type of the last reply.
    fn last_kind(reply: &[u8]) -> u32 {
        let mut rest = reply;
        loop {
            let kind = u32::from_be_bytes(rest[12..16].try_into().unwrap());
            let length = u32::from_be_bytes(rest[16..20].try_into().unwrap());
            rest = &rest[20 + length as usize..];
            if rest.is_empty() {
                return kind;
            }
        }
    }

    #[test]
    fn before_tls_nothing_is_told_when_it_is_required() {
        let offers = offers();
        let mut negotiation = Negotiation::new(&offers, client(), Tls::Required);
        let go = named("point", &[0, 0]);
        for (code, data) in
            [(3, vec![]), (6, go.clone()), (7, go.clone()), (8, vec![]), (99, vec![])]
        {
            let answer = negotiation.answer(OptionCode(code), &data);
            assert_eq!(last_kind(&answer.reply), Refusal::TlsRequired as u32);
            assert_eq!(answer.then, Then::NextOption);
        }
        assert_eq!(negotiation.answer(OptionCode::EXPORT_NAME, b"point").then, Then::Drop);
        assert_eq!(negotiation.answer(OptionCode::START_TLS, &[]).then, Then::StartTls);
        let again = negotiation.answer(OptionCode::START_TLS, &[]);
        assert_eq!(last_kind(&again.reply), INVALID);
        assert!(matches!(negotiation.answer(OptionCode::GO, &go).then, Then::Transmit(_)));
    }

    #[test]
    fn tls_forgets_what_was_agreed_in_the_clear() {
        let offers = offers();
        let mut negotiation = Negotiation::new(&offers, client(), Tls::Off);
        negotiation.answer(OptionCode::STRUCTURED_REPLY, &[]);
        negotiation.answer(OptionCode::SET_META_CONTEXT, &allocation("point"));
        negotiation.tls = Tls::Required;
        negotiation.answer(OptionCode::START_TLS, &[]);
        let answer = negotiation.answer(OptionCode::GO, &named("point", &[0, 0]));
        let agreed = Agreed { export: 0, structured: false, allocation: false };
        assert_eq!(answer.then, Then::Transmit(agreed));
    }

    #[test]
    fn contexts_count_for_the_export_that_they_were_selected_for() {
        let offers = offers();
        for (selected, allocation_agreed) in [("point", false), ("machine", true)] {
            let mut negotiation = Negotiation::new(&offers, client(), Tls::Off);
            let early = negotiation.answer(OptionCode::SET_META_CONTEXT, &allocation(selected));
            assert_eq!(last_kind(&early.reply), INVALID, "structured replies come first");
            negotiation.answer(OptionCode::STRUCTURED_REPLY, &[]);
            negotiation.answer(OptionCode::SET_META_CONTEXT, &allocation(selected));
            let answer = negotiation.answer(OptionCode::GO, &named("machine", &[0, 0]));
            let Then::Transmit(agreed) = answer.then else { panic!("no transmission") };
            assert_eq!(agreed.allocation, allocation_agreed);
        }
    }

    #[test]
    fn a_failed_selection_clears_the_one_before() {
        let offers = offers();
        let mut negotiation = Negotiation::new(&offers, client(), Tls::Off);
        negotiation.answer(OptionCode::STRUCTURED_REPLY, &[]);
        negotiation.answer(OptionCode::SET_META_CONTEXT, &allocation("point"));
        negotiation.answer(OptionCode::SET_META_CONTEXT, &[1, 2, 3]);
        let answer = negotiation.answer(OptionCode::GO, &named("point", &[0, 0]));
        let Then::Transmit(agreed) = answer.then else { panic!("no transmission") };
        assert!(!agreed.allocation);
    }

    #[test]
    fn the_old_way_in_works_and_pads_for_clients_that_want_it() {
        let offers = offers();
        let old = ClientFlags { fixed_newstyle: false, no_zeroes: false };
        let answer =
            Negotiation::new(&offers, old, Tls::Off).answer(OptionCode::EXPORT_NAME, b"point");
        assert_eq!(answer.reply.len(), 134);
        assert_eq!(answer.reply[..8], 5000u64.to_be_bytes());
        let answer =
            Negotiation::new(&offers, client(), Tls::Off).answer(OptionCode::EXPORT_NAME, b"point");
        assert_eq!(answer.reply.len(), 10);
    }

    #[test]
    fn flags_say_what_an_export_can_do() {
        let offers = offers();
        let negotiation = Negotiation::new(&offers, client(), Tls::Off);
        let [point, machine] = [&offers[0], &offers[1]].map(|offer| negotiation.flags(offer));
        let writing = transmission::SEND_TRIM | transmission::SEND_WRITE_ZEROES;
        assert_eq!(point & (transmission::READ_ONLY | writing), transmission::READ_ONLY);
        assert_eq!(machine & (transmission::READ_ONLY | writing), writing);
        assert_eq!((point | machine) & transmission::SEND_DF, 0, "only with structured replies");
    }
}
