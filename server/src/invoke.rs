//! Values on the command line: the arguments of an `--invoke`d function, and what it returns.

use anyhow::{Result, anyhow, bail};
use runtime::{FuncType, Value, ValueType};

/// The arguments of a function from words.
///
/// Integers are decimal, or hexadecimal after `0x`, in the signed or the unsigned range of the type. Floats are as Rust
/// reads them (`1.5`, `-2e9`, `inf`, `NaN`). References can only be `null`.
///
/// # Errors
/// When there are too few or too many words, or one is no value of its type.
pub(crate) fn parse_arguments(export: &str, ty: &FuncType, words: &[String]) -> Result<Vec<Value>> {
    if words.len() != ty.params().len() {
        let types: Vec<String> = ty.params().iter().map(ValueType::to_string).collect();
        bail!(
            "`{export}` takes {} argument(s) [{}], and {} given",
            types.len(),
            types.join(" "),
            count(words.len())
        );
    }
    let value = |(word, ty): (&String, &ValueType)| {
        parse(word, *ty).ok_or_else(|| anyhow!("argument `{word}` of `{export}` is no {ty}"))
    };
    words.iter().zip(ty.params()).map(value).collect()
}

fn count(words: usize) -> String {
    match words {
        0 => "none is".to_owned(),
        1 => "1 is".to_owned(),
        more => format!("{more} are"),
    }
}

fn parse(word: &str, ty: ValueType) -> Option<Value> {
    Some(match ty {
        ValueType::I32 => {
            let value = integer(word)?;
            let unsigned = u32::try_from(value).ok();
            Value::I32(i32::try_from(value).ok().or(unsigned.map(u32::cast_signed))?)
        }
        ValueType::I64 => {
            let value = integer(word)?;
            let unsigned = u64::try_from(value).ok();
            Value::I64(i64::try_from(value).ok().or(unsigned.map(u64::cast_signed))?)
        }
        ValueType::F32 => Value::F32(word.parse::<f32>().ok()?.to_bits()),
        ValueType::F64 => Value::F64(word.parse::<f64>().ok()?.to_bits()),
        ValueType::V128 => {
            let value = integer(word);
            Value::V128(value.map_or_else(|| unsigned(word), |value| Some(value.cast_unsigned()))?)
        }
        ValueType::Ref(ty) if word == "null" && ty.nullable => Value::null(ty.heap),
        ValueType::Ref(_) => return None,
    })
}

fn integer(word: &str) -> Option<i128> {
    let (sign, digits) = word.strip_prefix('-').map_or((1, word), |digits| (-1, digits));
    let magnitude = i128::try_from(unsigned(digits)?).ok()?;
    Some(sign * magnitude)
}

fn unsigned(word: &str) -> Option<u128> {
    let (digits, radix) = word.strip_prefix("0x").map_or((word, 10), |digits| (digits, 16));
    // Rust would take a second sign.
    if digits.starts_with(['+', '-']) {
        return None;
    }
    u128::from_str_radix(digits, radix).ok()
}

/// What a function returned, one value on each line.
#[must_use]
pub(crate) fn describe_results(values: &[Value]) -> String {
    values.iter().map(|value| format!("{value}\n")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(types: &[ValueType], words: &[&str]) -> Result<Vec<Value>, String> {
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        parse_arguments("f", &FuncType::new(types, []), &words).map_err(|error| error.to_string())
    }

    #[test]
    fn words_become_values_of_the_parameters_types() {
        let types = [ValueType::I32, ValueType::I32, ValueType::I64, ValueType::F32, ValueType::F64];
        let values = parsed(&types, &["-1", "4294967295", "0x8000000000000000", "1.5", "-inf"]);
        let expected = [
            Value::I32(-1),
            Value::I32(-1),
            Value::I64(i64::MIN),
            Value::F32(1.5f32.to_bits()),
            Value::F64(f64::NEG_INFINITY.to_bits()),
        ];
        assert_eq!(values, Ok(expected.to_vec()));
        assert_eq!(
            parsed(&[ValueType::V128], &[&format!("{:#x}", u128::MAX)]),
            Ok(vec![Value::V128(u128::MAX)])
        );
        assert_eq!(parsed(&[ValueType::EXTERN_REF], &["null"]), Ok(vec![Value::ExternRef(None)]));
    }

    #[test]
    fn what_is_no_value_of_the_type_is_refused() {
        let cases = [
            (ValueType::I32, "4294967296"),
            (ValueType::I32, "-2147483649"),
            (ValueType::I32, "1.0"),
            (ValueType::I32, ""),
            (ValueType::I32, "--1"),
            (ValueType::I32, "0x"),
            (ValueType::I64, "99999999999999999999999999999999999999999999"),
            (ValueType::F64, "half"),
            (ValueType::FUNC_REF, "1"),
        ];
        for (ty, word) in cases {
            let error = parsed(&[ty], &[word]).expect_err(word);
            assert_eq!(error, format!("argument `{word}` of `f` is no {ty}"));
        }
    }

    #[test]
    fn the_number_of_arguments_must_fit() {
        let error = parsed(&[ValueType::I32, ValueType::F32], &["1"]).expect_err("one is missing");
        assert_eq!(error, "`f` takes 2 argument(s) [i32 f32], and 1 is given");
    }
}
