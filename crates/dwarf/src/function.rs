//! One function of a module, as far as a symbol image is concerned.

use std::ops::Range;
use std::sync::Arc;

use frame_table::ModulePc;

use crate::ValueType;
use crate::name::FunctionName;

/// One function of the module, imported or defined.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Function {
    /// Its index, imports first.
    pub index: u32,
    /// Its name. Imports are `MODULE.NAME`; others are called by the name section, else by the first export, else
    /// `func[INDEX]`.
    pub name: FunctionName,
    /// Where the body is in the file: from the local declarations to the byte after the last operator.
    /// Empty at 0 for imports.
    pub body: Range<u32>,
    /// Module PC of the first operator, behind the local declarations.
    pub first_operator: ModulePc,
    /// Number of parameters.
    pub params: u32,
    pub(crate) own: Own,
    pub(crate) declarations: Arc<Declarations>,
}

/// What a module says of its functions before it has their bodies, and at their beginnings.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Declarations {
    /// By type index; none for types that are not functions.
    pub(crate) types: Vec<Option<FunctionType>>,
    /// The declared locals of all functions: runs of equal types, each with the index after its last local, or the highest one
    /// that there is.
    pub(crate) locals: Vec<(u32, ValueType)>,
}

/// A type of functions.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct FunctionType {
    pub(crate) parameters: Vec<ValueType>,
    pub(crate) results: Vec<ValueType>,
}

/// Which of the declarations are a function's own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Own {
    pub(crate) ty: u32,
    /// Of runs of locals.
    pub(crate) locals: Range<u32>,
}

impl Declarations {
    pub(crate) fn ty(&self, index: u32) -> Option<&FunctionType> {
        usize::try_from(index).ok().and_then(|index| self.types.get(index)?.as_ref())
    }
}

impl Function {
    /// Whether the host provides it.
    #[must_use]
    pub fn is_import(&self) -> bool {
        self.body.is_empty()
    }

    /// Types of the results.
    #[must_use]
    pub fn results(&self) -> &[ValueType] {
        self.declarations.ty(self.own.ty).map(|ty| ty.results.as_slice()).unwrap_or_default()
    }

    /// Number of parameters and declared locals.
    #[must_use]
    pub fn num_locals(&self) -> u64 {
        self.runs().last().map_or(self.params, |run| run.0).into()
    }

    /// The type of a local (parameters first).
    #[must_use]
    pub fn local(&self, index: u32) -> Option<ValueType> {
        let ty = self.declarations.ty(self.own.ty);
        let parameter = usize::try_from(index).ok().and_then(|index| ty?.parameters.get(index));
        if let Some(parameter) = parameter {
            return Some(*parameter);
        }
        let runs = self.runs();
        let run = runs.partition_point(|run| run.0 <= index);
        runs.get(run).map(|run| run.1)
    }

    fn runs(&self) -> &[(u32, ValueType)] {
        let at = |index| usize::try_from(index).unwrap_or(usize::MAX);
        let Range { start, end } = self.own.locals;
        self.declarations.locals.get(at(start)..at(end)).unwrap_or_default()
    }
}
