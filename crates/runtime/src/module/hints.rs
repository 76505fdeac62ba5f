//! The `metadata.code.branch_hint` section: which way branches mostly go (WebAssembly 3.0, appendix "Branch Hints").
//!
//! A custom section never makes a module invalid. One that is malformed, or hints at what is no branch, is ignored as
//! a whole, and said to be wrong by `Module::custom_section_problems`.

use super::{ModuleInfo, narrow};
use frame_table::ModulePc;
use std::collections::HashMap;
use wasmparser::{BinaryReader, BranchHintSectionReader, FunctionBody, Operator};

/// The section's name.
pub(super) const SECTION: &str = "metadata.code.branch_hint";

/// Whether the condition of a branch mostly holds, by the PC of the `if` or `br_if`.
pub(crate) type BranchHints = HashMap<ModulePc, bool>;

/// Reads the section of a module whose bodies are known.
///
/// # Errors
/// When it is not well-formed, or a hint is not at a branch.
pub(super) fn read(info: &ModuleInfo, section: BranchHintSectionReader<'_>) -> Result<BranchHints, String> {
    let mut hints = BranchHints::new();
    let mut last = None;
    for function in section {
        let function = function.map_err(|error| error.message().to_owned())?;
        if last.replace(function.func).is_some_and(|last| function.func <= last) {
            return Err(format!("function {} is out of order", function.func));
        }
        let defined = function.func.checked_sub(info.imported.functions);
        let body = defined.and_then(|defined| info.bodies.get(defined as usize));
        let body = body.ok_or_else(|| format!("function {} has no body", function.func))?;
        let branches = branches(info, body.start, body.end);
        let mut end = None;
        for hint in function.hints {
            let hint = hint.map_err(|error| error.message().to_owned())?;
            let pc = ModulePc(narrow(body.start).saturating_add(hint.func_offset));
            if end.replace(pc).is_some_and(|end| pc <= end) {
                return Err(format!("the hint at {pc} is out of order"));
            }
            if branches.binary_search(&pc).is_err() {
                return Err(format!("the hint at {pc} is not at a branch"));
            }
            hints.insert(pc, hint.taken);
        }
    }
    Ok(hints)
}

/// All branches of a body that can have a hint, in order.
fn branches(info: &ModuleInfo, start: usize, end: usize) -> Vec<ModulePc> {
    let body = FunctionBody::new(BinaryReader::new(&info.bytes[start..end], start as u64));
    let Ok(reader) = body.get_operators_reader() else { return Vec::new() };
    let operators = reader.into_iter_with_offsets().filter_map(Result::ok);
    operators
        .filter(|(operator, _)| matches!(operator, Operator::If { .. } | Operator::BrIf { .. }))
        .map(|(_, offset)| ModulePc(u32::try_from(offset).unwrap_or(u32::MAX)))
        .collect()
}

#[cfg(test)]
mod tests {
    use crate::{Engine, EngineConfig, Error, Module};

    /// A function with a hinted `if`, whose hint's offset in the function can be another.
    fn hinted(offset: u8) -> Result<Module, Error> {
        let text = r#"(module (func (param i32) local.get 0 (@metadata.code.branch_hint "\00") if end))"#;
        let mut bytes = wat::parse_str(text).map_err(|error| Error::Text(error.to_string()))?;
        // The hint is: one function, its index, one hint, the offset, a byte of data, the data.
        let name = super::SECTION.as_bytes();
        let section = bytes.windows(name.len()).position(|window| window == name).map(|at| at + name.len());
        let place = section.and_then(|at| bytes.get_mut(at + 3)).filter(|place| **place == 3);
        *place.ok_or_else(|| Error::Text("the hint is elsewhere".into()))? = offset;
        Module::new(&Engine::new(EngineConfig::default())?, &bytes, "hinted")
    }

    #[test]
    fn a_hint_at_a_branch_is_known_and_one_elsewhere_is_a_problem_of_the_section() -> Result<(), Error> {
        let right = hinted(3)?;
        assert_eq!(right.info().branch_hints.values().collect::<Vec<_>>(), [&false]);
        assert!(right.custom_section_problems().is_empty());
        let wrong = hinted(1)?;
        assert!(wrong.info().branch_hints.is_empty());
        assert_eq!(wrong.custom_section_problems().len(), 1);
        Ok(())
    }
}
