//! What a module's bytes say, read a second time and apart from the runtime: operators, the labels that branches go
//! to, heights of the operand stack, segments.

use std::collections::HashMap;
use std::ops::Range;

use bytes::Bytes;
use wasmparser::{
    BinaryReader, BlockType, Catch, CompositeInnerType, DataKind, ElementItems, FuncToValidate,
    FuncValidatorAllocations, FunctionBody, Operator, OperatorsReader, Parser, Payload, SubType,
    ValidPayload, Validator, ValidatorResources, WasmFeatures,
};

/// A module's code.
pub(crate) struct Code {
    bytes: Bytes,
    sites: HashMap<u32, Site>,
    labels: Vec<Label>,
    /// The label that an operator opens, by its PC.
    opened: HashMap<u32, usize>,
    pub(super) types: Vec<SubType>,
    /// Bytes of each data segment.
    pub(super) data: Vec<Range<usize>>,
    /// Items of each element segment.
    pub(super) elements: Vec<Vec<Item>>,
    pub(super) tags: Vec<u32>,
}

/// What is known before an operator that can be reached.
#[derive(Clone, Copy)]
struct Site {
    /// Height of the operand stack.
    height: usize,
    /// The innermost label.
    label: usize,
}

/// A block that is open, and where branches to it go.
#[derive(Clone, Debug)]
pub(super) struct Label {
    /// The label outside of it; none for a function's body.
    pub(super) outer: Option<usize>,
    pub(super) opens: Opens,
    /// PC after the operator that opens it.
    pub(super) start: u32,
    /// PC after its `else`.
    pub(super) otherwise: Option<u32>,
    /// PC after its `end`.
    pub(super) after: u32,
    /// Height of the operand stack below its parameters.
    pub(super) height: usize,
    pub(super) params: usize,
    pub(super) results: usize,
    /// PCs after the `catch`es of a legacy `try`, with their tags; `catch_all` has none.
    pub(super) handlers: Vec<(Option<u32>, u32)>,
}

/// What opens a block.
#[derive(Clone, Debug)]
pub(super) enum Opens {
    Function,
    Block,
    Loop,
    If,
    TryTable(Vec<Catch>),
    /// A legacy `try`, and the label that it delegates to, seen from the outside.
    Try(Option<u32>),
}

/// What an element segment holds at an index.
#[derive(Clone, Copy, Debug)]
pub(super) enum Item {
    Function(u32),
    Null(wasmparser::HeapType),
    /// Something that is computed.
    Other,
}

/// Everything that the runtime takes.
const FEATURES: WasmFeatures =
    WasmFeatures::WASM3.union(WasmFeatures::THREADS).union(WasmFeatures::LEGACY_EXCEPTIONS);

impl Code {
    pub(crate) fn read(bytes: &Bytes) -> Result<Self, String> {
        let mut code = Self {
            bytes: bytes.clone(),
            sites: HashMap::new(),
            labels: Vec::new(),
            opened: HashMap::new(),
            types: Vec::new(),
            data: Vec::new(),
            elements: Vec::new(),
            tags: Vec::new(),
        };
        code.sections().map_err(|error| error.to_string())?;
        Ok(code)
    }

    fn sections(&mut self) -> Result<(), wasmparser::BinaryReaderError> {
        let bytes = self.bytes.clone();
        let mut validator = Validator::new_with_features(FEATURES);
        let mut allocations = FuncValidatorAllocations::default();
        for payload in Parser::new(0).parse_all(&bytes) {
            let payload = payload?;
            if let ValidPayload::Func(function, body) = validator.payload(&payload)? {
                allocations = self.function(function, &body, allocations)?;
            }
            match payload {
                Payload::TypeSection(section) => {
                    for group in section {
                        self.types.extend(group?.into_types());
                    }
                }
                Payload::ImportSection(section) => {
                    for import in section.into_imports() {
                        if let wasmparser::TypeRef::Tag(tag) = import?.ty {
                            self.tags.push(tag.func_type_idx);
                        }
                    }
                }
                Payload::TagSection(section) => {
                    for tag in section {
                        self.tags.push(tag?.func_type_idx);
                    }
                }
                Payload::DataSection(section) => {
                    for data in section {
                        let data = data?;
                        let end = usize::try_from(data.range.end).unwrap_or(usize::MAX);
                        self.data.push(end - data.data.len()..end);
                        debug_assert!(matches!(data.kind, DataKind::Passive | DataKind::Active { .. }));
                    }
                }
                Payload::ElementSection(section) => {
                    for element in section {
                        self.elements.push(items(element?.items)?);
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Reads a body as the validator goes over it.
    fn function(
        &mut self,
        function: FuncToValidate<ValidatorResources>,
        body: &FunctionBody<'_>,
        allocations: FuncValidatorAllocations,
    ) -> Result<FuncValidatorAllocations, wasmparser::BinaryReaderError> {
        let results = self.arity(BlockType::FuncType(function.ty)).1;
        let mut validator = function.into_validator(allocations);
        validator.read_locals(&mut body.get_binary_reader())?;
        let mut reader = body.get_operators_reader()?;
        let mut open = Vec::new();
        self.open(&mut open, Opens::Function, pc(reader.original_position()), 0, (0, results));
        while !reader.eof() {
            let at = reader.original_position();
            let operator = reader.read()?;
            let next = pc(reader.original_position());
            let reachable = validator.get_control_frame(0).is_some_and(|frame| !frame.unreachable);
            let height = validator.operand_stack_height() as usize;
            if let Some(&label) = open.last().filter(|_| reachable) {
                self.sites.insert(pc(at), Site { height, label });
            }
            validator.op(at, &operator)?;
            let labels = self.labels.len();
            self.structure(&operator, &mut open, next, height);
            if self.labels.len() > labels {
                self.opened.insert(pc(at), labels);
            }
        }
        Ok(validator.into_allocations())
    }

    /// Follows blocks; `height` is that before the operator.
    fn structure(&mut self, operator: &Operator<'_>, open: &mut Vec<usize>, next: u32, height: usize) {
        let innermost = open.last().copied();
        let (opens, ty, pops) = match operator {
            Operator::Block { blockty } => (Opens::Block, *blockty, 0),
            Operator::Loop { blockty } => (Opens::Loop, *blockty, 0),
            Operator::If { blockty } => (Opens::If, *blockty, 1),
            Operator::Try { blockty } => (Opens::Try(None), *blockty, 0),
            Operator::TryTable { try_table } => (Opens::TryTable(try_table.catches.clone()), try_table.ty, 0),

            Operator::Else => {
                if let Some(label) = innermost {
                    self.labels[label].otherwise = Some(next);
                }
                return;
            }
            Operator::Catch { .. } | Operator::CatchAll => {
                let tag = if let Operator::Catch { tag_index } = operator { Some(*tag_index) } else { None };
                if let Some(label) = innermost {
                    self.labels[label].handlers.push((tag, next));
                }
                return;
            }
            Operator::End | Operator::Delegate { .. } => {
                if let Some(label) = open.pop() {
                    self.labels[label].after = next;
                    if let Operator::Delegate { relative_depth } = operator {
                        self.labels[label].opens = Opens::Try(Some(*relative_depth));
                    }
                }
                return;
            }
            _ => return,
        };
        let arity = self.arity(ty);
        self.open(open, opens, next, height.saturating_sub(pops + arity.0), arity);
    }

    fn open(
        &mut self,
        open: &mut Vec<usize>,
        opens: Opens,
        start: u32,
        height: usize,
        (params, results): (usize, usize),
    ) {
        let outer = open.last().copied();
        open.push(self.labels.len());
        let (otherwise, handlers) = (None, Vec::new());
        self.labels.push(Label {
            outer,
            opens,
            start,
            otherwise,
            after: 0,
            height,
            params,
            results,
            handlers,
        });
    }

    fn arity(&self, ty: BlockType) -> (usize, usize) {
        match ty {
            BlockType::Empty => (0, 0),
            BlockType::Type(_) => (0, 1),
            BlockType::FuncType(index) => self.signature(index),
        }
    }

    /// How many parameters and results a function type has.
    pub(super) fn signature(&self, ty: u32) -> (usize, usize) {
        match self.types.get(ty as usize).map(|ty| &ty.composite_type.inner) {
            Some(CompositeInnerType::Func(ty)) => (ty.params().len(), ty.results().len()),
            _ => (0, 0),
        }
    }

    /// The operator at a PC, and the PC of the one after it.
    pub(crate) fn operator(&self, at: u32) -> Option<(Operator<'_>, u32)> {
        let bytes = self.bytes.get(at as usize..)?;
        let mut reader = BinaryReader::new(bytes, u64::from(at));
        // wasmparser reads the parts of a block only after what opens it.
        let part = match bytes.first()? {
            0x05 => Some(Operator::Else),
            0x07 => Some(Operator::Catch { tag_index: immediate(&mut reader)? }),
            0x18 => Some(Operator::Delegate { relative_depth: immediate(&mut reader)? }),
            0x19 => Some(Operator::CatchAll),
            _ => None,
        };
        if let Some(part) = part {
            let alone = matches!(part, Operator::Else | Operator::CatchAll);
            let next = if alone { at + 1 } else { pc(reader.original_position()) };
            return Some((part, next));
        }
        let mut reader = OperatorsReader::new(reader);
        let operator = reader.read().ok()?;
        Some((operator, pc(reader.original_position())))
    }

    /// The PCs of all operators that can be reached, sorted.
    pub(crate) fn points(&self) -> Vec<u32> {
        let mut points: Vec<u32> = self.sites.keys().copied().collect();
        points.sort_unstable();
        points
    }

    /// How many operands there are before an operator; none where control cannot come.
    pub(super) fn height(&self, at: u32) -> Option<usize> {
        self.sites.get(&at).map(|site| site.height)
    }

    /// The label that a branch at a PC names.
    pub(super) fn label(&self, at: u32, depth: u32) -> Option<&Label> {
        let mut label = self.labels.get(self.sites.get(&at)?.label)?;
        for _ in 0..depth {
            label = self.labels.get(label.outer?)?;
        }
        Some(label)
    }

    /// The label that the operator at a PC opens.
    pub(super) fn opened_at(&self, at: u32) -> Option<&Label> {
        self.labels.get(*self.opened.get(&at)?)
    }

    /// The label that a number means just outside of another label.
    pub(super) fn outside(&self, label: &Label, depth: u32) -> Option<&Label> {
        (0..depth).try_fold(self.outer(label)?, |label, _| self.outer(label))
    }

    /// The label outside of another one.
    pub(super) fn outer(&self, label: &Label) -> Option<&Label> {
        self.labels.get(label.outer?)
    }

    /// Bytes of a data segment.
    pub(super) fn segment(&self, data: u32) -> Option<&[u8]> {
        self.bytes.get(self.data.get(data as usize)?.clone())
    }
}

fn items(items: ElementItems<'_>) -> Result<Vec<Item>, wasmparser::BinaryReaderError> {
    match items {
        ElementItems::Functions(functions) => {
            functions.into_iter().map(|index| Ok(Item::Function(index?))).collect()
        }
        ElementItems::Expressions(_, expressions) => expressions
            .into_iter()
            .map(|expression| {
                let mut reader = expression?.get_operators_reader();
                let first = reader.read()?;
                let alone = matches!(reader.read()?, Operator::End);
                Ok(match first {
                    Operator::RefFunc { function_index } if alone => Item::Function(function_index),
                    Operator::RefNull { hty } if alone => Item::Null(hty),
                    _ => Item::Other,
                })
            })
            .collect(),
    }
}

/// The number after an operator's first byte.
fn immediate(reader: &mut BinaryReader<'_>) -> Option<u32> {
    reader.read_u8().ok()?;
    reader.read_var_u32().ok()
}

fn pc(position: u64) -> u32 {
    u32::try_from(position).unwrap_or(u32::MAX)
}
