//! The variables of a frame by their names in the source: which are in scope at an operator, and where each one is.
//!
//! Places come as DWARF expressions over the frame image that `dwarf::Layout` describes. Here that image exists only
//! as an answer to reads: the frame pointer is a number, and what lies below it is looked up by slot. What a value of
//! a type looks like is `values`.

use addr2line::gimli::{
    self, AttributeValue, EvaluationResult, Location, Reader as _, UnitOffset, UnitRef, Value,
};
use frame_table::ModulePc;

use crate::debug_info::{DebugInfo, GLOBALS, Reader, address};
use crate::values::{self, Bytes};

/// The frame pointer of the frame that is looked at.
const FRAME: u64 = 0x7f00_0000_0000;

/// Bytes of a slot of the frame, or of a global.
const SLOT: u64 = 16;

/// More operations than any compiler's location has.
const MAX_OPERATIONS: u32 = 10_000;

/// Variables beyond this many of one function are not shown.
const MAX_VARIABLES: usize = 100;

/// What a frame holds.
pub(crate) trait State {
    /// Number of locals and operands.
    fn slots(&self) -> usize;
    /// A local, or after them an operand, filled up with zeros.
    fn slot(&self, slot: usize) -> Option<[u8; 16]>;
    /// A global, filled up with zeros.
    fn global(&self, index: u32) -> Option<[u8; 16]>;
    /// Bytes of the main memory. None if not all of them are there.
    fn memory(&self, address: u64, length: usize) -> Option<Vec<u8>>;
}

/// Names and values of one function's variables.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Variables {
    /// In order.
    pub(crate) parameters: Vec<(String, String)>,
    /// Those of enclosing blocks first.
    pub(crate) locals: Vec<(String, String)>,
}

/// The variables in scope at an operator, for each function that it belongs to, innermost first. Empty if nothing is
/// known of any.
#[must_use]
pub(crate) fn at(info: &DebugInfo<'_>, pc: ModulePc, state: &dyn State) -> Vec<Variables> {
    let mut headers = info.dwarf.units();
    while let Ok(Some(header)) = headers.next() {
        let Ok(unit) = info.dwarf.unit(header) else { continue };
        let unit = unit.unit_ref(&info.dwarf);
        let mut search = Search::new(unit, pc, state);
        // An unreadable entry ends the search in its unit; what was found before it is good.
        let _complete = search.unit();
        if !search.found.is_empty() {
            search.found.reverse();
            return search.found;
        }
    }
    Vec::new()
}

/// Where the debug info has the variables that names mean at an operator.
#[derive(Clone, Debug)]
pub(crate) struct Scope {
    unit: gimli::DebugInfoOffset,
    /// The function that the operator is in.
    function: UnitOffset,
    pc: ModulePc,
}

/// One variable of a [`Scope`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Variable(UnitOffset);

impl Scope {
    /// None if nothing is known of the operator.
    #[must_use]
    pub(crate) fn at(dwarf: &gimli::Dwarf<Reader<'_>>, pc: ModulePc) -> Option<Self> {
        let mut headers = dwarf.units();
        while let Some(header) = headers.next().ok()? {
            let Ok(unit) = dwarf.unit(header) else { continue };
            let unit_ref = unit.unit_ref(dwarf);
            let search = Search::new(unit_ref, pc, &Nowhere);
            let mut entries = unit_ref.entries();
            while let Ok(Some(entry)) = entries.next_dfs() {
                if entry.tag() == gimli::DW_TAG_subprogram && search.covers(entry).ok()? == Some(true) {
                    return Some(Self { unit: header.debug_info_offset()?, function: entry.offset(), pc });
                }
            }
        }
        None
    }

    /// The variable that a name means: the innermost one of the function, else one of the file.
    #[must_use]
    pub(crate) fn find(&self, dwarf: &gimli::Dwarf<Reader<'_>>, name: &str) -> Option<Variable> {
        self.with(dwarf, &Nowhere, |search| {
            let mut tree = search.unit.entries_tree(Some(self.function)).ok()?;
            let local = search.named(tree.root().ok()?, name);
            if let Some(found) = local {
                return Some(Variable(found));
            }
            let mut tree = search.unit.entries_tree(None).ok()?;
            search.named(tree.root().ok()?, name).map(Variable)
        })?
    }

    /// Shows a variable's type, and its bytes in a frame that is at the operator.
    pub(crate) fn look<R>(
        &self,
        dwarf: &gimli::Dwarf<Reader<'_>>,
        state: &dyn State,
        look: impl FnOnce(&Looking<'_, '_>) -> R,
    ) -> Option<R> {
        self.with(dwarf, state, |search| look(&Looking(search)))
    }

    fn with<R>(
        &self,
        dwarf: &gimli::Dwarf<Reader<'_>>,
        state: &dyn State,
        act: impl FnOnce(&Search<'_, '_>) -> R,
    ) -> Option<R> {
        let unit = dwarf.unit(dwarf.unit_header(self.unit).ok()?).ok()?;
        let unit = unit.unit_ref(dwarf);
        let mut search = Search::new(unit, self.pc, state);
        if let Some(AttributeValue::Exprloc(base)) =
            unit.entry(self.function).ok()?.attr_value(gimli::DW_AT_frame_base)
        {
            search.frame_base = Some(base);
        }
        Some(act(&search))
    }
}

/// The variables of a [`Scope`] in a frame.
pub(crate) struct Looking<'a, 'd>(&'a Search<'a, 'd>);

impl<'d> Looking<'_, 'd> {
    /// A variable's type, and its bytes if all are known, with their address if they are in memory.
    #[must_use]
    pub(crate) fn variable(&self, Variable(offset): Variable) -> Option<(UnitOffset, Vec<u8>, Option<u64>)> {
        let search = self.0;
        let entry = search.unit.entry(offset).ok()?;
        let Some(AttributeValue::UnitRef(ty)) = search.attribute(&entry, gimli::DW_AT_type, 0) else {
            return None;
        };
        let size = self.types(|types| types.size(ty))?;
        let bytes: Option<Vec<u8>> = search.bytes(&entry, size)?.into_iter().collect();
        Some((ty, bytes?, search.address(&entry)))
    }

    /// The types that the variables have.
    pub(crate) fn types<R>(&self, look: impl FnOnce(&values::Types<'_, 'd>) -> R) -> R {
        let memory = |address, length| self.0.read(address, length);
        look(&values::Types { unit: self.0.unit, memory: &memory })
    }
}

/// No frame.
struct Nowhere;

impl State for Nowhere {
    fn slots(&self) -> usize {
        0
    }

    fn slot(&self, _slot: usize) -> Option<[u8; 16]> {
        None
    }

    fn global(&self, _index: u32) -> Option<[u8; 16]> {
        None
    }

    fn memory(&self, _address: u64, _length: usize) -> Option<Vec<u8>> {
        None
    }
}

struct Search<'a, 'd> {
    unit: UnitRef<'a, Reader<'d>>,
    pc: u64,
    state: &'a dyn State,
    frame_base: Option<gimli::Expression<Reader<'d>>>,
    /// Outermost first.
    found: Vec<Variables>,
}

type Node<'d, 'a, 'e> = gimli::EntriesTreeNode<'a, 'e, Reader<'d>>;
type Entry<'d> = gimli::DebuggingInformationEntry<Reader<'d>>;

impl<'a, 'd> Search<'a, 'd> {
    fn new(unit: UnitRef<'a, Reader<'d>>, pc: ModulePc, state: &'a dyn State) -> Self {
        Self { unit, pc: address(pc), state, frame_base: None, found: Vec::new() }
    }

    /// The innermost variable with a name below an entry, of what covers the operator. Functions are not entered from a unit.
    fn named(&self, node: Node<'d, '_, '_>, name: &str) -> Option<UnitOffset> {
        let is_unit = node.entry().tag() == gimli::DW_TAG_compile_unit;
        let mut found = None;
        let mut children = node.children();
        while let Ok(Some(child)) = children.next() {
            let entry = child.entry();
            match entry.tag() {
                gimli::DW_TAG_formal_parameter | gimli::DW_TAG_variable => {
                    let own = self.attribute(entry, gimli::DW_AT_name, 0);
                    let own = own.and_then(|own| self.unit.attr_string(own).ok());
                    let has_value = entry.attr_value(gimli::DW_AT_location).is_some()
                        || entry.attr_value(gimli::DW_AT_const_value).is_some();
                    if has_value && own.is_some_and(|own| own.slice() == name.as_bytes()) {
                        found = Some(entry.offset());
                    }
                }
                gimli::DW_TAG_inlined_subroutine | gimli::DW_TAG_lexical_block
                    if !is_unit && self.covers(entry).is_ok_and(|covers| covers == Some(true)) =>
                {
                    found = self.named(child, name).or(found);
                }
                gimli::DW_TAG_namespace => found = self.named(child, name).or(found),
                _ => {}
            }
        }
        found
    }

    fn unit(&mut self) -> gimli::Result<()> {
        let unit = self.unit;
        let mut tree = unit.entries_tree(None)?;
        let root = tree.root()?;
        if self.covers(root.entry())? == Some(false) {
            return Ok(());
        }
        self.children(root)
    }

    fn children(&mut self, node: Node<'d, '_, '_>) -> gimli::Result<()> {
        let mut children = node.children();
        while let Some(child) = children.next()? {
            self.entry(child)?;
        }
        Ok(())
    }

    fn entry(&mut self, node: Node<'d, '_, '_>) -> gimli::Result<()> {
        let entry = node.entry();
        match entry.tag() {
            gimli::DW_TAG_subprogram | gimli::DW_TAG_inlined_subroutine => {
                if self.covers(entry)? != Some(true) {
                    return Ok(());
                }
                if let Some(AttributeValue::Exprloc(base)) = entry.attr_value(gimli::DW_AT_frame_base) {
                    self.frame_base = Some(base);
                }
                self.found.push(Variables::default());
                self.children(node)
            }
            gimli::DW_TAG_lexical_block if self.covers(entry)? == Some(true) => self.children(node),
            // Functions are in these as well.
            gimli::DW_TAG_namespace | gimli::DW_TAG_structure_type | gimli::DW_TAG_class_type => {
                self.children(node)
            }
            gimli::DW_TAG_formal_parameter | gimli::DW_TAG_variable if !self.found.is_empty() => {
                self.variable(entry);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Whether the entry's code has the operator. None if it has no code.
    fn covers(&self, entry: &Entry<'d>) -> gimli::Result<Option<bool>> {
        let mut ranges = self.unit.die_ranges(entry)?;
        let mut has_code = None;
        while let Some(range) = ranges.next()? {
            has_code = Some(false);
            if (range.begin..range.end).contains(&self.pc) {
                return Ok(Some(true));
            }
        }
        Ok(has_code)
    }

    fn variable(&mut self, entry: &Entry<'d>) {
        let Some(name) = self.attribute(entry, gimli::DW_AT_name, 0) else { return };
        let Some(name) = self.unit.attr_string(name).ok() else { return };
        let name = name.to_string_lossy().into_owned();
        let value = match self.attribute(entry, gimli::DW_AT_type, 0) {
            Some(AttributeValue::UnitRef(ty)) => self.value(entry, ty),
            _ => "<of unknown type>".to_owned(),
        };
        let is_parameter = entry.tag() == gimli::DW_TAG_formal_parameter;
        let Some(variables) = self.found.last_mut() else { return };
        let list = if is_parameter { &mut variables.parameters } else { &mut variables.locals };
        if list.len() < MAX_VARIABLES {
            list.push((name, value));
        }
    }

    fn value(&self, entry: &Entry<'d>, ty: UnitOffset) -> String {
        let memory = |address, length| self.read(address, length);
        let types = values::Types { unit: self.unit, memory: &memory };
        let Some(size) = types.size(ty) else { return "<of unknown size>".to_owned() };
        match self.bytes(entry, size) {
            Some(bytes) => types.show(ty, &bytes),
            None => "<optimized out>".to_owned(),
        }
    }

    /// An attribute of an entry, or of the one that it is an instance of.
    fn attribute(
        &self,
        entry: &Entry<'d>,
        name: gimli::DwAt,
        depth: u8,
    ) -> Option<AttributeValue<Reader<'d>>> {
        if let Some(value) = entry.attr_value(name) {
            return Some(value);
        }
        let origin = entry.attr_value(gimli::DW_AT_abstract_origin);
        match origin.or_else(|| entry.attr_value(gimli::DW_AT_specification)) {
            Some(AttributeValue::UnitRef(origin)) if depth < 4 => {
                self.attribute(&self.unit.entry(origin).ok()?, name, depth + 1)
            }
            _ => None,
        }
    }

    /// The variable's bytes. Bytes that are nowhere are `None` each.
    fn bytes(&self, entry: &Entry<'d>, size: usize) -> Option<Bytes> {
        if let Some(constant) = entry.attr_value(gimli::DW_AT_const_value) {
            return constant_bytes(&constant, size);
        }
        self.pieces(self.location(entry)?, size)
    }

    /// The variable's address in the main memory, if it is there as a whole.
    fn address(&self, entry: &Entry<'d>) -> Option<u64> {
        let pieces = self.evaluate(self.location(entry)?, true)?;
        match pieces.as_slice() {
            [piece] => match piece.location {
                Location::Address { address } if address < FRAME.min(GLOBALS) => Some(address),
                _ => None,
            },
            _ => None,
        }
    }

    /// Where the variable is while the operator runs.
    fn location(&self, entry: &Entry<'d>) -> Option<gimli::Expression<Reader<'d>>> {
        match entry.attr_value(gimli::DW_AT_location)? {
            AttributeValue::Exprloc(expression) => Some(expression),
            other => {
                let mut list = self.unit.attr_locations(other).ok()??;
                loop {
                    let entry = list.next().ok()??;
                    if (entry.range.begin..entry.range.end).contains(&self.pc) {
                        return Some(entry.data);
                    }
                }
            }
        }
    }

    fn pieces(&self, expression: gimli::Expression<Reader<'d>>, size: usize) -> Option<Bytes> {
        let pieces = self.evaluate(expression, true)?;
        let mut bytes = Bytes::new();
        for piece in pieces {
            let left = size.saturating_sub(bytes.len());
            let length =
                piece.size_in_bits.and_then(|bits| usize::try_from(bits / 8).ok()).unwrap_or(left).min(left);
            let known = match piece.location {
                Location::Address { address } => self.read(address, length),
                Location::Value { value } => Some(value_bytes(value, length)),
                Location::Bytes { value } => value.to_slice().ok().map(|bytes| bytes.into_owned()),
                _ => None,
            };
            match known {
                Some(known) => bytes.extend(known.into_iter().take(length).map(Some)),
                None => bytes.resize(bytes.len() + length, None),
            }
        }
        bytes.resize(size, None);
        if size > 0 && bytes.iter().all(Option::is_none) { None } else { Some(bytes) }
    }

    /// Evaluates an expression. A frame base may not refer to itself.
    fn evaluate(
        &self,
        expression: gimli::Expression<Reader<'d>>,
        has_frame_base: bool,
    ) -> Option<Vec<gimli::Piece<Reader<'d>>>> {
        let mut evaluation = expression.evaluation(self.unit.encoding());
        evaluation.set_max_iterations(MAX_OPERATIONS);
        let mut state = evaluation.evaluate().ok()?;
        loop {
            state = match state {
                EvaluationResult::Complete => return Some(evaluation.result()),
                EvaluationResult::RequiresMemory { address, size, base_type, .. } => {
                    let bytes = self.read(address, usize::from(size))?;
                    evaluation.resume_with_memory(self.typed(base_type, &bytes)?)
                }
                EvaluationResult::RequiresRegister { register: gimli::X86_64::RBP, .. } => {
                    evaluation.resume_with_register(Value::Generic(FRAME))
                }
                EvaluationResult::RequiresFrameBase if has_frame_base => {
                    evaluation.resume_with_frame_base(self.frame_base()?)
                }
                EvaluationResult::RequiresCallFrameCfa => evaluation.resume_with_call_frame_cfa(FRAME + SLOT),
                EvaluationResult::RequiresRelocatedAddress(address) => {
                    evaluation.resume_with_relocated_address(address)
                }
                EvaluationResult::RequiresIndexedAddress { index, .. } => {
                    evaluation.resume_with_indexed_address(self.unit.address(index).ok()?)
                }
                EvaluationResult::RequiresBaseType(offset) => evaluation.resume_with_base_type(
                    gimli::ValueType::from_entry(&self.unit.entry(offset).ok()?).ok()??,
                ),
                _ => return None,
            }
            .ok()?;
        }
    }

    fn typed(&self, base_type: UnitOffset, bytes: &[u8]) -> Option<Value> {
        if base_type.0 == 0 {
            return Some(Value::Generic(values::unsigned(bytes)?));
        }
        let ty = gimli::ValueType::from_entry(&self.unit.entry(base_type).ok()?).ok()??;
        Value::parse(ty, gimli::EndianSlice::new(bytes, gimli::LittleEndian)).ok()
    }

    fn frame_base(&self) -> Option<u64> {
        let pieces = self.evaluate(self.frame_base?, false)?;
        match pieces.first()?.location {
            Location::Address { address } => Some(address),
            Location::Value { value } => value.to_u64(u64::MAX).ok(),
            Location::Register { register: gimli::X86_64::RBP } => Some(FRAME),
            _ => None,
        }
    }

    /// Bytes at an address of the image: slots of the frame, globals, memory.
    fn read(&self, address: u64, length: usize) -> Option<Vec<u8>> {
        let below = FRAME.wrapping_sub(address);
        let frame = (self.state.slots() as u64).saturating_mul(SLOT);
        let (slot, at) = if (1..=frame).contains(&below) {
            let slot = (below - 1) / SLOT;
            (self.state.slot(usize::try_from(slot).ok()?)?, SLOT * (slot + 1) - below)
        } else if let Some(beyond) = address.checked_sub(GLOBALS) {
            (self.state.global(u32::try_from(beyond / SLOT).ok()?)?, beyond % SLOT)
        } else {
            return self.state.memory(address, length);
        };
        let at = usize::try_from(at).ok()?;
        Some(slot.get(at..at.checked_add(length)?)?.to_vec())
    }
}

fn value_bytes(value: Value, length: usize) -> Vec<u8> {
    let bits = match value {
        Value::F32(value) => u64::from(value.to_bits()),
        Value::F64(value) => value.to_bits(),
        other => other.to_u64(u64::MAX).unwrap_or_default(),
    };
    let mut bytes = bits.to_le_bytes().to_vec();
    bytes.resize(length, 0);
    bytes
}

fn constant_bytes(constant: &AttributeValue<Reader<'_>>, size: usize) -> Option<Bytes> {
    if let AttributeValue::Block(block) = constant {
        return Some(block.to_slice().ok()?.iter().copied().map(Some).collect());
    }
    let bits = constant.sdata_value().map(i64::cast_unsigned).or_else(|| constant.udata_value())?;
    let mut bytes: Bytes = bits.to_le_bytes().into_iter().map(Some).collect();
    bytes.resize(size, Some(0));
    Some(bytes)
}
