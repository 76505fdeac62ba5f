//! The value of a condition in a frame.

use std::collections::BTreeMap;

use addr2line::gimli::{self, UnitOffset};

use super::parse::{Binary, Expression, Unary};
use crate::values::{self, Bytes, Types};
use crate::variables::{Looking, Variable};

/// The name of the object that a function is a member of.
pub(super) const OBJECT: &str = "this";

/// What a part of an expression is.
enum Value {
    Number(i128),
    /// Bytes of a type, and where they are if they are in memory.
    Of(UnitOffset, Vec<u8>, Option<u64>),
}

/// The names of variables in an expression.
pub(super) fn names(expression: &Expression) -> Vec<&str> {
    match expression {
        Expression::Number(_) => Vec::new(),
        Expression::Name(name) => vec![name],
        Expression::Member { of, .. }
        | Expression::Target(of)
        | Expression::Address(of)
        | Expression::Unary(_, of) => names(of),
        Expression::Element { of: left, at: right } | Expression::Binary(_, left, right) => {
            let mut all = names(left);
            all.extend(names(right));
            all
        }
    }
}

/// The value of an expression as an integer; a comparison is 1 or 0.
///
/// # Errors
/// Why there is none.
pub(super) fn evaluate(
    expression: &Expression,
    variables: &BTreeMap<String, Variable>,
    looking: &Looking<'_, '_>,
) -> Result<i128, String> {
    let evaluation = Evaluation { variables, looking };
    let value = evaluation.value(expression)?;
    evaluation.number(value)
}

/// As [`evaluate`], in 64 bits; of a float the bits as an `f64`, of an array its address.
///
/// # Errors
/// Why there is none.
pub(super) fn bits(
    expression: &Expression,
    variables: &BTreeMap<String, Variable>,
    looking: &Looking<'_, '_>,
) -> Result<u64, String> {
    let evaluation = Evaluation { variables, looking };
    let value = evaluation.value(expression)?;
    if let Some(float) = evaluation.float(&value) {
        return Ok(float.to_bits());
    }
    if let Some(place) = evaluation.array(&value) {
        return place.ok_or_else(|| "it is an array without an address".to_owned());
    }
    let number = evaluation.number(value)?;
    u64::try_from(number.rem_euclid(1 << 64)).map_err(|_| too_large())
}

struct Evaluation<'a, 'd> {
    variables: &'a BTreeMap<String, Variable>,
    looking: &'a Looking<'a, 'd>,
}

impl Evaluation<'_, '_> {
    fn value(&self, expression: &Expression) -> Result<Value, String> {
        match expression {
            Expression::Number(number) => Ok(Value::Number(*number)),
            Expression::Name(name) if name != OBJECT && !self.variables.contains_key(name) => {
                let object = self.value(&Expression::Name(OBJECT.to_owned()))?;
                self.member(self.target(object)?, name)
            }
            Expression::Name(name) => {
                let known = self.variables.get(name).and_then(|variable| self.looking.variable(*variable));
                let (ty, bytes, at) = known.ok_or_else(|| format!("`{name}` has no value here"))?;
                Ok(Value::Of(ty, bytes, at))
            }
            Expression::Member { of, name, through } => {
                let of = self.value(of)?;
                let of = if *through { self.target(of)? } else { of };
                self.member(of, name)
            }
            Expression::Element { of, at } => {
                let (of, at) = (self.value(of)?, self.value(at)?);
                let at = self.number(at)?;
                self.element(of, at)
            }
            Expression::Target(of) => self.target(self.value(of)?),
            Expression::Address(of) => match self.value(of)? {
                Value::Of(_, _, Some(place)) => Ok(Value::Number(place.into())),
                _ => Err("it has no address".to_owned()),
            },
            Expression::Unary(operator, of) => {
                let number = self.number(self.value(of)?)?;
                Ok(Value::Number(match operator {
                    Unary::Minus => number.checked_neg().ok_or_else(too_large)?,
                    Unary::Not => i128::from(number == 0),
                    Unary::Invert => !number,
                }))
            }
            Expression::Binary(operator, left, right) => self.binary(*operator, left, right),
        }
    }

    fn binary(&self, operator: Binary, left: &Expression, right: &Expression) -> Result<Value, String> {
        let left = self.number(self.value(left)?)?;
        // What comes after is not looked at if that settles it.
        match operator {
            Binary::And if left == 0 => return Ok(Value::Number(0)),
            Binary::Or if left != 0 => return Ok(Value::Number(1)),
            _ => {}
        }
        let right = self.number(self.value(right)?)?;
        let shift = || u32::try_from(right).ok().filter(|shift| *shift < 64);
        let number = match operator {
            Binary::Or | Binary::And => Some(i128::from(right != 0)),
            Binary::BitOr => Some(left | right),
            Binary::BitXor => Some(left ^ right),
            Binary::BitAnd => Some(left & right),
            Binary::Equal => Some(i128::from(left == right)),
            Binary::NotEqual => Some(i128::from(left != right)),
            Binary::Less => Some(i128::from(left < right)),
            Binary::LessOrEqual => Some(i128::from(left <= right)),
            Binary::Greater => Some(i128::from(left > right)),
            Binary::GreaterOrEqual => Some(i128::from(left >= right)),
            Binary::ShiftLeft => shift().and_then(|shift| left.checked_mul(1_i128 << shift)),
            Binary::ShiftRight => shift().map(|shift| left >> shift),
            Binary::Add => left.checked_add(right),
            Binary::Subtract => left.checked_sub(right),
            Binary::Multiply => left.checked_mul(right),
            Binary::Divide => left.checked_div(right),
            Binary::Remainder => left.checked_rem(right),
        };
        number.map(Value::Number).ok_or_else(too_large)
    }

    /// What a value is as a float, if it is one.
    fn float(&self, value: &Value) -> Option<f64> {
        let Value::Of(ty, bytes, _) = value else { return None };
        let is_float = self.looking.types(|types| {
            let entry = types.without_aliases(*ty)?;
            Some(values::encoding(&entry)? == gimli::DW_ATE_float)
        });
        match (is_float?, bytes.as_slice()) {
            (true, &[a, b, c, d]) => Some(f64::from(f32::from_le_bytes([a, b, c, d]))),
            (true, all) => all.try_into().ok().map(f64::from_le_bytes),
            (false, _) => None,
        }
    }

    /// The address of a value, if it is an array.
    fn array(&self, value: &Value) -> Option<Option<u64>> {
        let Value::Of(ty, _, place) = value else { return None };
        let is_array =
            self.looking.types(|types| Some(types.without_aliases(*ty)?.tag() == gimli::DW_TAG_array_type));
        (is_array == Some(true)).then_some(*place)
    }

    /// What a value is as an integer.
    fn number(&self, value: Value) -> Result<i128, String> {
        let (ty, bytes) = match value {
            Value::Number(number) => return Ok(number),
            Value::Of(ty, bytes, _) => (ty, bytes),
        };
        let found = self.looking.types(|types| {
            let entry = types.without_aliases(ty)?;
            let is_signed = match entry.tag() {
                gimli::DW_TAG_pointer_type => false,
                gimli::DW_TAG_enumeration_type => {
                    let underlying = values::inner(&entry).and_then(|ty| types.without_aliases(ty));
                    underlying.is_none_or(|entry| is_signed(&entry) == Some(true))
                }
                gimli::DW_TAG_base_type => is_signed(&entry)?,
                _ => return None,
            };
            integer(&bytes, is_signed)
        });
        found.ok_or_else(|| "it is no integer and no pointer".to_owned())
    }

    fn target(&self, pointer: Value) -> Result<Value, String> {
        self.element(pointer, 0)
    }

    /// An element of an array, or of what a pointer points to.
    fn element(&self, of: Value, at: i128) -> Result<Value, String> {
        let Value::Of(ty, bytes, place) = of else { return Err("a number points to nothing".to_owned()) };
        let found = self.looking.types(|types| {
            let entry = types.without_aliases(ty)?;
            let inner = values::inner(&entry)?;
            let size = i128::try_from(types.size(inner)?).ok()?;
            let length = usize::try_from(size).ok()?;
            let offset = at.checked_mul(size)?;
            Some(match entry.tag() {
                gimli::DW_TAG_array_type => {
                    let start = usize::try_from(offset).ok()?;
                    let bytes = bytes.get(start..start.checked_add(length)?)?.to_vec();
                    Value::Of(inner, bytes, moved(place, start))
                }
                gimli::DW_TAG_pointer_type
                | gimli::DW_TAG_reference_type
                | gimli::DW_TAG_rvalue_reference_type => {
                    let pointer = i128::from(values::unsigned(&bytes)?);
                    let place = u64::try_from(pointer.checked_add(offset)?).ok()?;
                    Value::Of(inner, (types.memory)(place, length)?, Some(place))
                }
                _ => return None,
            })
        });
        found.ok_or_else(|| "there is nothing".to_owned())
    }

    fn member(&self, of: Value, name: &str) -> Result<Value, String> {
        let Value::Of(ty, bytes, place) = of else { return Err("a number has no members".to_owned()) };
        // A reference is what it refers to.
        let is_reference = self.looking.types(|types| {
            let tag = types.without_aliases(ty).map(|entry| entry.tag());
            matches!(tag, Some(gimli::DW_TAG_reference_type | gimli::DW_TAG_rvalue_reference_type))
        });
        let object = Value::Of(ty, bytes, place);
        let object = if is_reference { self.target(object)? } else { object };
        let found = self.looking.types(|types| member(types, &object, name, 0));
        found.ok_or_else(|| format!("there is no member `{name}`"))
    }
}

/// An address so many bytes further on.
fn moved(place: Option<u64>, by: usize) -> Option<u64> {
    place?.checked_add(u64::try_from(by).ok()?)
}

fn too_large() -> String {
    "the result is too large".to_owned()
}

/// Whether an integer type has a sign. None of other types.
fn is_signed(entry: &values::Entry<'_>) -> Option<bool> {
    match values::encoding(entry)? {
        gimli::DW_ATE_signed | gimli::DW_ATE_signed_char => Some(true),
        gimli::DW_ATE_unsigned
        | gimli::DW_ATE_unsigned_char
        | gimli::DW_ATE_boolean
        | gimli::DW_ATE_UTF
        | gimli::DW_ATE_address => Some(false),
        _ => None,
    }
}

fn integer(bytes: &[u8], is_signed: bool) -> Option<i128> {
    let fill = if is_signed && bytes.last().is_some_and(|byte| byte & 0x80 != 0) { 0xff } else { 0 };
    let mut whole = [fill; 16];
    whole.get_mut(..bytes.len())?.copy_from_slice(bytes);
    Some(i128::from_le_bytes(whole))
}

/// A member of a structure, of those without a name in it, or of its bases.
fn member(types: &Types<'_, '_>, of: &Value, name: &str, depth: u8) -> Option<Value> {
    const MAX_DEPTH: u8 = 8;
    let Value::Of(ty, bytes, place) = of else { return None };
    let structure = types.without_aliases(*ty)?;
    let mut found = None;
    types.each_child(structure.offset(), |child| {
        let is_base = child.tag() == gimli::DW_TAG_inheritance;
        if found.is_some() || !(is_base || child.tag() == gimli::DW_TAG_member) {
            return;
        }
        let own = types.name(child);
        let number = |name| child.attr_value(name).and_then(|value| value.udata_value());
        let part = || {
            let ty = values::inner(child)?;
            if let Some(bits) = number(gimli::DW_AT_bit_size) {
                let all: Bytes = bytes.iter().copied().map(Some).collect();
                let whole = types.bits(ty, number(gimli::DW_AT_data_bit_offset)?, bits, &all)?;
                return Some(Value::Of(ty, whole.into_iter().collect::<Option<Vec<u8>>>()?, None));
            }
            let start = usize::try_from(number(gimli::DW_AT_data_member_location).unwrap_or(0)).ok()?;
            let bytes = bytes.get(start..start.checked_add(types.size(ty)?)?)?.to_vec();
            Some(Value::Of(ty, bytes, moved(*place, start)))
        };
        if own.as_deref() == Some(name) {
            found = part();
        } else if (is_base || own.is_none()) && depth < MAX_DEPTH {
            found = part().and_then(|part| member(types, &part, name, depth + 1));
        }
    });
    found
}
