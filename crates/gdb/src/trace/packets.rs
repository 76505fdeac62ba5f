//! What gdb says of tracing, as packets: `QT...` and `qT...`. Text in, text out; the guest is not asked here.
//!
//! | packet | |
//! |---|---|
//! | `QTinit` | forget all tracepoints and frames |
//! | `QTDP:n:addr:E\|D:step:pass[:Xlen,code][-]` | a tracepoint; `QTDP:-n:addr:ACTIONS[-]` has what it collects, `S` before what its steps do |
//! | `QTDV:n:value:builtin:name` | a trace variable |
//! | `QTStart` `QTStop` | begin, end |
//! | `QTFrame:n`, `pc:`, `tdp:`, `range:`, `outside:` | look at a frame: the one with a number, or the next one that fits; all ones: at none |
//! | `QTBuffer:circular:`, `QTBuffer:size:` | the buffer |
//! | `QTro` `QTNotes` `QTDisconnected` | taken and not needed |
//! | `qTStatus` `qTP` `qTV` `qTfP` `qTsP` `qTfV` `qTsV` | what there is |

use super::{
    Action, BUFFER, Key, LARGEST_BUFFER, MOST, State, Stopped, Tracepoint, Tracing, Variable, microseconds,
};
use crate::agent::Expression;
use crate::hex;
use crate::int::index;

/// What a client wants of tracing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum TraceRequest {
    Forget,
    /// `QTDP:` and `QTDV:` with what follows.
    Define(Vec<u8>),
    DefineVariable(Vec<u8>),
    Start,
    Stop,
    /// `QTFrame:` with what follows.
    Frame(Vec<u8>),
    Circular(bool),
    /// None inside is the usual size.
    Size(Option<u64>),
    /// Nothing has to be done.
    Note,
    Status,
    /// Hits and room of a tracepoint.
    Point(Key),
    Variable(u32),
    /// The list of trace variables, one in each answer.
    Variables {
        is_first: bool,
    },
    /// The list of tracepoints: a client that comes later makes its own.
    Rest,
}

/// The request in a packet. None if it is no packet of tracing; none inside if it makes no sense.
pub(crate) fn parse(body: &[u8]) -> Option<Option<TraceRequest>> {
    let (name, rest) = match body.iter().position(|byte| *byte == b':') {
        Some(at) => (body.get(..at)?, body.get(at + 1..)?),
        None => (body, b"".as_slice()),
    };
    Some(match name {
        b"QTinit" => Some(TraceRequest::Forget),
        b"QTDP" => Some(TraceRequest::Define(rest.to_vec())),
        b"QTDV" => Some(TraceRequest::DefineVariable(rest.to_vec())),
        b"QTStart" => Some(TraceRequest::Start),
        b"QTStop" => Some(TraceRequest::Stop),
        b"QTFrame" => Some(TraceRequest::Frame(rest.to_vec())),
        b"QTBuffer" => buffer(rest),
        b"QTro" | b"QTNotes" | b"QTDisconnected" => Some(TraceRequest::Note),
        b"qTStatus" => Some(TraceRequest::Status),
        b"qTP" => point(rest),
        b"qTV" => number(rest).map(TraceRequest::Variable),
        b"qTfV" | b"qTsV" => Some(TraceRequest::Variables { is_first: name == b"qTfV" }),
        b"qTfP" | b"qTsP" => Some(TraceRequest::Rest),
        _ => return None,
    })
}

fn buffer(rest: &[u8]) -> Option<TraceRequest> {
    if let Some(flag) = rest.strip_prefix(b"circular:") {
        return number(flag).map(|flag| TraceRequest::Circular(flag != 0));
    }
    match rest.strip_prefix(b"size:")? {
        b"-1" => Some(TraceRequest::Size(None)),
        size => hex::number(size).map(|size| TraceRequest::Size(Some(size))),
    }
}

fn point(rest: &[u8]) -> Option<TraceRequest> {
    let at = rest.iter().position(|byte| *byte == b':')?;
    Some(TraceRequest::Point((number(rest.get(..at)?)?, hex::number(rest.get(at + 1..)?)?)))
}

fn number(text: &[u8]) -> Option<u32> {
    u32::try_from(hex::number(text)?).ok()
}

impl Tracing {
    /// Answers what is only about tracing itself. None if it makes no sense.
    pub(crate) fn answer(&self, request: &TraceRequest) -> Option<String> {
        let mut state = self.state();
        let done = |done: Option<()>| done.map(|()| "OK".to_owned());
        match request {
            TraceRequest::Define(text) => done(define(&mut state, text)),
            TraceRequest::DefineVariable(text) => done(define_variable(&mut state, text)),
            TraceRequest::Frame(text) => select(&mut state, text),
            TraceRequest::Circular(is_circular) => {
                state.is_circular = *is_circular;
                done(Some(()))
            }
            TraceRequest::Size(size) => {
                state.size = size.unwrap_or(BUFFER).min(LARGEST_BUFFER);
                done(Some(()))
            }
            TraceRequest::Status => Some(status(&state)),
            TraceRequest::Point(key) => Some(
                state
                    .points
                    .get(key)
                    .map_or_else(|| "V0:0".to_owned(), |point| format!("V{:x}:{:x}", point.hits, point.used)),
            ),
            TraceRequest::Variables { is_first } => {
                state.listed = if *is_first { 0 } else { state.listed + 1 };
                Some(listed_variable(&state))
            }
            TraceRequest::Rest => Some("l".to_owned()),
            TraceRequest::Variable(number) => {
                drop(state);
                Some(self.variable(*number).map_or_else(|| "U".to_owned(), |value| format!("V{value:x}")))
            }
            // The guest has a part in those.
            TraceRequest::Forget | TraceRequest::Start | TraceRequest::Stop | TraceRequest::Note => {
                done(Some(()))
            }
        }
    }
}

/// `n:addr:E:step:pass[:Xlen,code]`, or `-n:addr:ACTIONS`; a `-` at the end says that more comes.
fn define(state: &mut State, text: &[u8]) -> Option<()> {
    let text = text.strip_suffix(b"-").unwrap_or(text);
    let (is_more, text) = match text.strip_prefix(b"-") {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let mut fields = text.splitn(3, |byte| *byte == b':');
    let key = (number(fields.next()?)?, hex::number(fields.next()?)?);
    let rest = fields.next()?;
    if is_more {
        let point = state.points.get_mut(&key)?;
        let (begins_steps, actions) = match rest.strip_prefix(b"S") {
            Some(actions) => (true, actions),
            None => (false, rest),
        };
        point.is_stepping |= begins_steps;
        let list = if point.is_stepping { &mut point.step_actions } else { &mut point.actions };
        list.extend(parse_actions(actions)?);
        return (list.len() <= MOST).then_some(());
    }
    let mut fields = rest.split(|byte| *byte == b':');
    let is_enabled = match fields.next()? {
        b"E" => true,
        b"D" => false,
        _ => return None,
    };
    let (steps, passes) = (hex::number(fields.next()?)?, hex::number(fields.next()?)?);
    let mut condition = None;
    for option in fields {
        match option.split_first()? {
            (b'X', code) => condition = Some(expression(&mut { code })?),
            // A fast tracepoint is one like any other here.
            (b'F', _) => {}
            _ => return None,
        }
    }
    if state.points.len() >= MOST {
        return None;
    }
    state.points.insert(key, Tracepoint { is_enabled, steps, passes, condition, ..Tracepoint::default() });
    Some(())
}

/// `R` and a mask, `M` and base, offset and length, `X` and an expression; one behind the other.
fn parse_actions(text: &[u8]) -> Option<Vec<Action>> {
    let mut actions = Vec::new();
    let mut rest = text;
    while let Some((kind, after)) = rest.split_first() {
        rest = after;
        actions.push(match kind {
            b'R' => Action::Registers(mask(digits(&mut rest))?),
            b'M' => {
                let base = until_comma(&mut rest)?;
                let base = match base {
                    b"-1" => None,
                    base => {
                        number(base).filter(|base| *base != u32::MAX).map(u16::try_from).transpose().ok()?
                    }
                };
                let offset = hex::number(until_comma(&mut rest)?)?;
                Action::Memory { base, offset, length: hex::number(digits(&mut rest))? }
            }
            b'X' => Action::Expression(expression(&mut rest)?),
            _ => return None,
        });
    }
    Some(actions)
}

/// `len,code`, of which `rest` is what follows.
fn expression(rest: &mut &[u8]) -> Option<Expression> {
    let length = index(hex::number(until_comma(rest)?)?).checked_mul(2)?;
    let (code, after) = rest.split_at_checked(length)?;
    *rest = after;
    Expression::parse(&hex::bytes(code)?)
}

fn until_comma<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let at = rest.iter().position(|byte| *byte == b',')?;
    let (before, after) = rest.split_at_checked(at)?;
    *rest = after.get(1..)?;
    Some(before)
}

/// Digits in hexadecimal, as many as there are.
fn digits<'a>(rest: &mut &'a [u8]) -> &'a [u8] {
    let count = rest.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
    let (digits, after) = rest.split_at_checked(count).unwrap_or((b"", rest));
    *rest = after;
    digits
}

/// The numbers of the bits that are set, the highest digit first.
fn mask(digits: &[u8]) -> Option<Vec<usize>> {
    if digits.len() > 64 {
        return None;
    }
    let mut numbers = Vec::new();
    for (place, digit) in digits.iter().rev().enumerate() {
        let value = hex::number(std::slice::from_ref(digit))?;
        numbers.extend((0..4).filter(|bit| value >> bit & 1 == 1).map(|bit| place * 4 + bit));
    }
    Some(numbers)
}

/// `n:value:builtin:name`.
fn define_variable(state: &mut State, text: &[u8]) -> Option<()> {
    let mut fields = text.splitn(4, |byte| *byte == b':');
    let (key, start) = (number(fields.next()?)?, hex::number(fields.next()?)?);
    let is_builtin = hex::number(fields.next()?)? != 0;
    let name = String::from_utf8(fields.next()?.to_vec()).ok()?;
    hex::bytes(name.as_bytes())?;
    if state.variables.len() >= MOST {
        return None;
    }
    state.variables.insert(key, Variable { name, start, value: start, is_builtin });
    Some(())
}

/// Chooses the frame that the client looks at.
fn select(state: &mut State, text: &[u8]) -> Option<String> {
    let mut fields = text.split(|byte| *byte == b':');
    let kind = fields.next()?;
    let next = state.selected.map_or(0, |selected| selected + 1);
    let found = match kind {
        b"pc" => {
            let pc = hex::number(fields.next()?)?;
            (next..state.frames.len())
                .find(|frame| state.frames.get(*frame).is_some_and(|frame| frame.pc == pc))
        }
        b"tdp" => {
            let point = number(fields.next()?)?;
            (next..state.frames.len())
                .find(|frame| state.frames.get(*frame).is_some_and(|frame| frame.tracepoint == point))
        }
        b"range" | b"outside" => {
            let (low, high) = (hex::number(fields.next()?)?, hex::number(fields.next()?)?);
            let wants_inside = kind == b"range";
            let is_it = |pc: u64| (low..=high).contains(&pc) == wants_inside;
            (next..state.frames.len())
                .find(|frame| state.frames.get(*frame).is_some_and(|frame| is_it(frame.pc)))
        }
        wanted => {
            let wanted = hex::number(wanted)?;
            if wanted >= u64::from(u32::MAX) {
                state.selected = None;
                return Some("OK".to_owned());
            }
            Some(index(wanted)).filter(|frame| *frame < state.frames.len())
        }
    };
    let Some(found) = found else { return Some("F-1".to_owned()) };
    state.selected = Some(found);
    let point = state.frames.get(found).map_or(0, |frame| frame.tracepoint);
    Some(format!("F{found:x}T{point:x}"))
}

fn status(state: &State) -> String {
    let why = match &state.stopped {
        _ if state.is_running => String::new(),
        Stopped::NotRun => "tnotrun:0;".to_owned(),
        Stopped::ByClient => "tstop::0;".to_owned(),
        Stopped::Full => "tfull:0;".to_owned(),
        Stopped::Passes(point) => format!("tpasscount:{point:x};"),
        Stopped::Left => "tdisconnected:0;".to_owned(),
    };
    let times = state.started.map_or_else(String::new, |started| {
        let ended = state.ended.map_or(0, microseconds);
        format!(";starttime:{:x};stoptime:{ended:x}", microseconds(started))
    });
    format!(
        "T{};{why}tframes:{:x};tcreated:{:x};tsize:{:x};tfree:{:x};circular:{:x};disconn:0{times}",
        u8::from(state.is_running),
        state.frames.len(),
        state.created,
        state.size,
        state.size.saturating_sub(state.used),
        u8::from(state.is_circular),
    )
}

/// The variable that is next in the list.
fn listed_variable(state: &State) -> String {
    match state.variables.iter().nth(state.listed) {
        None => "l".to_owned(),
        Some((number, Variable { name, start, is_builtin, .. })) => {
            format!("{number:x}:{start:x}:{:x}:{name}", u8::from(*is_builtin))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(tracing: &Tracing, packet: &str) -> Option<String> {
        tracing.answer(&parse(packet.as_bytes()).unwrap().unwrap())
    }

    #[test]
    fn tracepoints_are_defined_in_pieces() {
        let tracing = Tracing::default();
        assert_eq!(ask(&tracing, "QTDP:1:e0000100:E:2:0:X3,260006-").as_deref(), Some("OK"));
        assert_eq!(
            ask(&tracing, "QTDP:-1:e0000100:R10041M6,fffffff0,4X3,22012700-"),
            None,
            "one digit too many"
        );
        assert_eq!(
            ask(&tracing, "QTDP:-1:e0000100:R10041M6,FFFFFFF0,4X00000003,220127-").as_deref(),
            Some("OK")
        );
        assert_eq!(ask(&tracing, "QTDP:-1:e0000100:SM-1,10,2").as_deref(), Some("OK"));
        let state = tracing.state();
        let point = &state.points[&(1, 0xe000_0100)];
        assert_eq!(point.steps, 2);
        assert_eq!(point.actions[0], Action::Registers(vec![0, 6, 16]));
        assert_eq!(point.actions[1], Action::Memory { base: Some(6), offset: 0xffff_fff0, length: 4 });
        assert_eq!(point.step_actions, [Action::Memory { base: None, offset: 0x10, length: 2 }]);
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let tracing = Tracing::default();
        for packet in [
            "QTDP:1",
            "QTDP:1:0:X:0:0",
            "QTDP:-9:0:R1",
            "QTDV:1:0",
            "QTFrame:",
            "QTFrame:pc",
            "QTDP:1:0:E:0:0:X9,27",
        ] {
            assert_eq!(ask(&tracing, packet), None, "{packet}");
        }
        for packet in ["qTV:", "qTP:1", "QTBuffer:size:x", "QTBuffer:"] {
            assert_eq!(parse(packet.as_bytes()), Some(None), "{packet}");
        }
        assert_eq!(parse(b"qTMinFTPILen"), None);
    }

    #[test]
    fn the_status_says_what_there_is() {
        let tracing = Tracing::default();
        let status = ask(&tracing, "qTStatus").unwrap();
        assert_eq!(
            status,
            "T0;tnotrun:0;tframes:0;tcreated:0;tsize:500000;tfree:500000;circular:0;disconn:0"
        );
        assert_eq!(ask(&tracing, "QTBuffer:size:400").as_deref(), Some("OK"));
        assert_eq!(ask(&tracing, "QTBuffer:circular:1").as_deref(), Some("OK"));
        tracing.start();
        assert!(
            ask(&tracing, "qTStatus")
                .unwrap()
                .starts_with("T1;tframes:0;tcreated:0;tsize:400;tfree:400;circular:1")
        );
        tracing.stop();
        assert!(ask(&tracing, "qTStatus").unwrap().starts_with("T0;tstop::0;"));
        assert_eq!(ask(&tracing, "QTFrame:0").as_deref(), Some("F-1"));
        assert_eq!(ask(&tracing, "QTFrame:ffffffff").as_deref(), Some("OK"));
    }

    #[test]
    fn trace_variables_have_values() {
        let tracing = Tracing::default();
        assert_eq!(ask(&tracing, "QTDV:1:5:0:636f756e74").as_deref(), Some("OK"));
        assert_eq!(ask(&tracing, "qTV:1").as_deref(), Some("V5"));
        assert_eq!(ask(&tracing, "qTV:2").as_deref(), Some("U"));
        assert_eq!(ask(&tracing, "qTfV").as_deref(), Some("1:5:0:636f756e74"));
        assert_eq!(ask(&tracing, "qTsV").as_deref(), Some("l"));
    }
}
