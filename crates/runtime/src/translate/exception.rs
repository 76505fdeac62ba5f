//! Exceptions: `throw`, `try_table`, and the older `try`.
//!
//! A call with handlers around it is a `try_call`: its exception table names each handler's tag and *landing*, a block
//! that gets the exception. Without handlers it is a plain call. Tags are those of the module; which tag of the
//! store one is follows from the frame's vmctx, which is the table's context. Whoever throws looks for the table of
//! each frame's return address: see `unwind/handler.rs`.
//!
//! All landings of a clause are one block, which is filled when the clause is closed: at the `end` of a `try_table`,
//! or where the handler of a `try` begins. The clauses of a `try` come behind its body, so they are read ahead.

use super::call::Code;
use super::control::Kind;
use super::function::{FunctionTranslator, user_trap};
use super::gc::Extension;
use crate::error::Error;
use crate::module::narrow_offset;
use crate::trap::TrapCode;
use crate::value::{HeapType, RefType, ValueType};
use crate::vm::Builtin;
use cranelift_codegen::ir::{
    Block, BlockArg, BlockCall, ExceptionTableData, ExceptionTableItem, ExceptionTag, Inst, InstBuilder,
    Value, types,
};
use frame_table::LocalSet;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use wasmparser::{Catch, Operator, OperatorsReader, TryTable};

/// The module's tag that is caught; none for all of them.
type Caught = Option<u32>;

/// A handler of a block.
pub(super) struct Clause {
    tag: Caught,
    /// Made when something may land there.
    landing: Option<Block>,
}

impl Clause {
    fn new(tag: Caught) -> Self {
        Self { tag, landing: None }
    }
}

/// What follows the body of a `try`.
#[derive(Default)]
struct Following {
    clauses: Vec<Caught>,
    delegate: Option<u32>,
}

/// The most entries that the exception tables of a function may have in all. Each call has one for each handler around it,
/// so that a small function could have any number.
const MOST_HANDLERS: usize = 1 << 20;

/// What follows each `try` of a function, by the operator's offset, filled at the first one; and a count of handlers.
#[derive(Default)]
pub(super) struct Tries {
    known: Option<HashMap<u64, Following>>,
    /// Handlers of all calls so far.
    handlers: usize,
}

impl Tries {
    /// Takes what follows the `try` whose operator is behind `reader`'s position.
    fn take(&mut self, reader: &OperatorsReader<'_>) -> Following {
        let at = reader.original_position();
        let known = self.known.get_or_insert_with(|| scan(reader.clone()));
        known.remove(&at).unwrap_or_default()
    }
}

/// Reads from behind a `try` to the function's end. The validator has read it all before.
fn scan(mut reader: OperatorsReader<'_>) -> HashMap<u64, Following> {
    let mut found = HashMap::new();
    // Each open block's position, and what follows if it is a `try`.
    let mut open = vec![(reader.original_position(), Some(Following::default()))];
    while let Ok(operator) = reader.read() {
        let at = reader.original_position();
        let clause = match operator {
            Operator::Try { .. } => {
                open.push((at, Some(Following::default())));
                continue;
            }
            Operator::Block { .. }
            | Operator::Loop { .. }
            | Operator::If { .. }
            | Operator::TryTable { .. } => {
                open.push((at, None));
                continue;
            }
            Operator::Catch { tag_index } => Some(tag_index),
            Operator::CatchAll => None,
            Operator::Delegate { .. } | Operator::End => {
                let Some((start, following)) = open.pop() else { continue };
                let Some(mut following) = following else { continue };
                if let Operator::Delegate { relative_depth } = operator {
                    following.delegate = Some(relative_depth);
                }
                found.insert(start, following);
                continue;
            }
            _ => continue,
        };
        if let Some((_, Some(following))) = open.last_mut() {
            following.clauses.push(clause);
        }
    }
    found
}

impl FunctionTranslator<'_> {
    /// Handles an operator of this family; false if it is none. `reader` is behind the operator.
    pub(super) fn exception_operator(
        &mut self,
        operator: &Operator<'_>,
        reader: &OperatorsReader<'_>,
    ) -> bool {
        match operator {
            Operator::Throw { tag_index } => {
                self.hold_for_operator(0);
                self.throw(*tag_index);
            }
            Operator::ThrowRef => {
                self.hold_for_operator(0);
                let exception = self.pop();
                self.throw_reference(exception);
            }
            Operator::TryTable { try_table } => self.open_try_table(try_table),
            Operator::Try { blockty } => {
                let (params, results) = self.block_type(*blockty);
                self.settle(params.len());
                let Following { clauses, delegate } = self.tries.take(reader);
                let clauses = clauses.into_iter().map(Clause::new).collect();
                self.open(Kind::Try { clauses, delegate }, params, results);
            }
            Operator::Catch { .. } | Operator::CatchAll => self.open_handler(),
            Operator::Rethrow { relative_depth } => {
                self.hold_for_operator(0);
                let frame = &self.control[self.control.len() - 1 - *relative_depth as usize];
                if let Kind::Handler { exception: Some(exception), .. } = frame.kind {
                    self.throw_reference(exception);
                }
            }
            Operator::Delegate { .. } => self.end(),
            _ => return false,
        }
        true
    }

    fn throw(&mut self, tag: u32) {
        let Some(ty) = self.info.tag_def(tag).map(Arc::clone) else { return };
        let tag = self.iconst32(tag);
        let exception = self.call_for_reference(Builtin::NewException, &[tag]);
        let values = self.state.pop_many(&mut self.builder, ty.layout.fields.len());
        self.store_fields(exception, &ty.layout, &values);
        self.throw_reference(exception);
    }

    fn throw_reference(&mut self, exception: Value) {
        let (signature, code, args) = self.builtin_call(Builtin::ThrowRef, &[exception]);
        self.call_or_try(Code::Loaded(signature, code), &args);
        // It does not return.
        self.builder.ins().trap(user_trap(TrapCode::Unreachable));
        self.reachable = false;
    }

    fn open_try_table(&mut self, table: &TryTable) {
        let (params, results) = self.block_type(table.ty);
        self.settle(params.len());
        let tag = |catch: &Catch| match catch {
            Catch::One { tag, .. } | Catch::OneRef { tag, .. } => Some(*tag),
            Catch::All { .. } | Catch::AllRef { .. } => None,
        };
        let clauses = table.catches.iter().map(|catch| (Clause::new(tag(catch)), *catch)).collect();
        self.open(Kind::TryTable { clauses }, params, results);
    }

    /// Behind a `try_table`: from each landing to its label. The operand stack is what it was below the block.
    pub(super) fn close_try_table(&mut self, clauses: Vec<(Clause, Catch)>) {
        for (clause, catch) in clauses {
            let Some(landing) = clause.landing else { continue };
            let height = self.state.height();
            let exception = self.land(landing, clause.tag);
            let (label, reference) = match catch {
                Catch::One { label, .. } | Catch::All { label } => (label, false),
                Catch::OneRef { label, .. } | Catch::AllRef { label } => (label, true),
            };
            if reference {
                self.push(ValueType::Ref(RefType::non_null(HeapType::Exn)), exception);
            }
            self.branch(label);
            self.state.truncate(height);
        }
    }

    /// `catch`, `catch_all`: what is before it ends as if by a branch to the exit.
    fn open_handler(&mut self) {
        if self.reachable {
            self.leave();
        }
        let Some(frame) = self.control.last_mut() else { return };
        let (clause, rest) = match &mut frame.kind {
            Kind::Try { clauses, .. } | Kind::Handler { rest: clauses, .. } if !clauses.is_empty() => {
                (clauses.remove(0), std::mem::take(clauses))
            }
            _ => return,
        };
        let base = frame.base;
        self.state.truncate(base);
        self.state.close_block(self.control.len());
        let exception = clause.landing.map(|landing| self.land(landing, clause.tag));
        self.reachable = exception.is_some();
        if let Some(frame) = self.control.last_mut() {
            frame.kind = Kind::Handler { exception, rest };
        }
    }

    /// Goes on in a landing, with the values of a `tag` on the stack; returns the exception.
    fn land(&mut self, landing: Block, tag: Caught) -> Value {
        self.builder.switch_to_block(landing);
        self.builder.seal_block(landing);
        self.state.held = LocalSet::default();
        let exception = self.builder.block_params(landing)[0];
        let Some(ty) = tag.and_then(|tag| self.info.tag_def(tag)).map(Arc::clone) else { return exception };
        for field in &ty.layout.fields {
            let offset = narrow_offset(u64::from(field.offset));
            let value = self.load_field(exception, offset, field.storage, Extension::Unsigned);
            self.push(field.storage.value_type(), value);
        }
        exception
    }

    /// What may catch an exception that the operator at hand throws, innermost first.
    fn handlers(&mut self) -> Vec<(Caught, Block)> {
        let mut found = Vec::new();
        let mut seen = HashSet::new();
        let mut add = |builder: &mut cranelift_frontend::FunctionBuilder<'_>, clause: &mut Clause| {
            if seen.insert(clause.tag) {
                let landing = *clause.landing.get_or_insert_with(|| {
                    let block = builder.create_block();
                    let exception = builder.append_block_param(block, types::I64);
                    builder.declare_value_needs_stack_map(exception);
                    block
                });
                found.push((clause.tag, landing));
            }
            clause.tag.is_none()
        };
        let mut next = self.control.len();
        'search: while let Some(at) = next.checked_sub(1) {
            next = at;
            match &mut self.control[at].kind {
                Kind::TryTable { clauses } => {
                    for (clause, _) in clauses {
                        if add(&mut self.builder, clause) {
                            break 'search;
                        }
                    }
                }
                Kind::Try { delegate: Some(depth), .. } => next = at.saturating_sub(*depth as usize),
                Kind::Try { clauses, .. } => {
                    for clause in clauses {
                        if add(&mut self.builder, clause) {
                            break 'search;
                        }
                    }
                }
                _ => {}
            }
        }
        found
    }

    /// # Errors
    /// When the function has more handlers than it may.
    pub(super) fn check_handlers(&self) -> Result<(), Error> {
        if self.tries.handlers <= MOST_HANDLERS {
            return Ok(());
        }
        Err(self.internal("its calls have too many exception handlers around them"))
    }

    /// Calls, so that handlers around the operator at hand are found. Returns the call and its results, in a new block
    /// if there are handlers.
    pub(super) fn call_or_try(&mut self, code: Code, args: &[Value]) -> (Inst, Vec<Value>) {
        let vmctx = self.vmctx();
        let handlers = self.handlers();
        self.tries.handlers += handlers.len();
        if handlers.is_empty() {
            let call = match code {
                Code::Known(function) => self.builder.ins().call(function, args),
                Code::Loaded(signature, code) => self.builder.ins().call_indirect(signature, code, args),
            };
            return (call, self.builder.inst_results(call).to_vec());
        }
        let signature = match code {
            Code::Known(function) => self.builder.func.dfg.ext_funcs[function].signature,
            Code::Loaded(signature, _) => signature,
        };
        let results: Vec<_> = self.builder.func.dfg.signatures[signature]
            .returns
            .iter()
            .map(|result| result.value_type)
            .collect();
        let next = self.builder.create_block();
        for ty in &results {
            self.builder.append_block_param(next, *ty);
        }
        let pool = &mut self.builder.func.dfg.value_lists;
        let returned = (0..crate::module::narrow(results.len())).map(BlockArg::TryCallRet);
        let normal = BlockCall::new(next, returned, pool);
        let mut items = vec![ExceptionTableItem::Context(vmctx)];
        for (tag, landing) in handlers {
            let landing = BlockCall::new(landing, [BlockArg::TryCallExn(0)], pool);
            items.push(match tag {
                Some(tag) => ExceptionTableItem::Tag(ExceptionTag::from_u32(tag), landing),
                None => ExceptionTableItem::Default(landing),
            });
        }
        let table = ExceptionTableData::new(signature, normal, items);
        let table = self.builder.func.dfg.exception_tables.push(table);
        let call = match code {
            Code::Known(function) => self.builder.ins().try_call(function, args, table),
            Code::Loaded(_, code) => self.builder.ins().try_call_indirect(code, args, table),
        };
        self.builder.switch_to_block(next);
        self.builder.seal_block(next);
        (call, self.builder.block_params(next).to_vec())
    }
}

/// In dead code: whether an operator opens a block that ends with `end` or `delegate`.
pub(super) fn opens_block(operator: &Operator<'_>) -> bool {
    matches!(operator, Operator::Try { .. } | Operator::TryTable { .. })
}
