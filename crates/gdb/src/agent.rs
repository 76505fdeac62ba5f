//! gdb's agent expressions: what it has a stub evaluate, as bytecode for a stack of 64-bit integers.
//!
//! gdb documents them in its appendix "The GDB Agent Expression Mechanism". Conditions read registers and memory and change
//! nothing; commands of breakpoints print; actions of tracepoints collect memory and set trace variables. Operators for
//! floats, which gdb's documentation names and no gdb sends, are refused.

mod format;

use crate::int::index;
pub(crate) use format::Format;

/// How many operators may run before an expression is given up: one that jumps back may never end.
const LONGEST_RUN: u32 = 100_000;

/// How many values its stack may have.
const HIGHEST: usize = 256;

/// What an expression is asked of.
pub(crate) trait Facts {
    /// A register by its number in the target description; one that is longer has its low 8 bytes.
    fn register(&self, number: u16) -> Option<u64>;

    /// Fills `into` with the memory from an address on. False if not all of it can be read.
    fn memory(&self, address: u64, into: &mut [u8]) -> bool;

    /// Prints for the client.
    fn print(&mut self, _text: &str) {}

    /// Collects memory for the tracepoint. False if not all of it can be read.
    fn collect(&mut self, _address: u64, _length: u64) -> bool {
        false
    }

    /// Collects a trace variable.
    fn collect_variable(&mut self, _number: u16) {}

    /// The value of a trace variable; none if there is none with this number.
    fn variable(&self, _number: u16) -> Option<u64> {
        None
    }

    /// Sets a trace variable.
    fn set_variable(&mut self, _number: u16, _value: u64) {}
}

/// Why an expression has no value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// It takes more from its stack than there is, or puts more there than there may be.
    Stack,
    /// It jumps to where it has no operator.
    Jump,
    /// It does not end.
    Endless,
    /// It divides by zero.
    Division,
    /// A register has no value.
    Register,
    /// Memory cannot be read.
    Memory,
    /// There is no such trace variable.
    Variable,
    /// It prints a float, of which the bytecode has an integer at best.
    Float,
}

impl Failure {
    /// The same for people.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Stack | Self::Jump => "its bytecode makes no sense",
            Self::Endless => "it does not end",
            Self::Division => "division by zero",
            Self::Register => "a register is not available",
            Self::Memory => "memory cannot be read",
            Self::Variable => "there is no such trace variable",
            Self::Float => "gdb sends no floating-point numbers",
        }
    }
}

/// An operator with two operands, of which the second is on the top.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Binary {
    Add,
    Subtract,
    Multiply,
    Divide { is_signed: bool },
    Remainder { is_signed: bool },
    ShiftLeft,
    ShiftRight { is_signed: bool },
    And,
    Or,
    Xor,
    Equal,
    Less { is_signed: bool },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operator {
    Binary(Binary),
    LogicalNot,
    BitNot,
    /// Of the low bits, so many of which there are.
    Extend {
        bits: u8,
        is_signed: bool,
    },
    /// Memory of so many bytes.
    Load {
        bytes: u8,
    },
    Constant(u64),
    Register(u16),
    /// To a place in the bytecode.
    Jump {
        to: u16,
        is_conditional: bool,
    },
    Duplicate,
    Pop,
    Swap,
    /// A copy of a value below the top.
    Pick(u8),
    /// The third value from the top comes to the top.
    Rotate,
    /// Collects memory at the address below the length.
    Trace,
    /// Collects so many bytes at the address on the top, which stays.
    TraceQuick(u16),
    /// Collects memory up to the first zero byte.
    TraceString,
    Variable(u16),
    SetVariable(u16),
    TraceVariable(u16),
    /// Prints with one of the expression's formats.
    Print(u16),
    End,
}

/// An expression whose operators are known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Expression {
    operators: Vec<Operator>,
    /// Each with how many arguments it has.
    formats: Vec<(usize, Format)>,
    /// For each byte of the bytecode, the number of the operator that begins there.
    starts: Vec<Option<u32>>,
}

/// Reads bytecode from its beginning.
struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    formats: Vec<(usize, Format)>,
}

impl Reader<'_> {
    /// A number of so many bytes, the highest first.
    fn number(&mut self, bytes: usize) -> Option<u64> {
        let end = self.at.checked_add(bytes)?;
        let number = self.bytes.get(self.at..end)?.iter().fold(0, |sum, byte| (sum << 8) | u64::from(*byte));
        self.at = end;
        Some(number)
    }

    fn byte(&mut self) -> Option<u8> {
        u8::try_from(self.number(1)?).ok()
    }

    fn short(&mut self) -> Option<u16> {
        u16::try_from(self.number(2)?).ok()
    }

    fn operator(&mut self) -> Option<Operator> {
        let binary = |operator| Some(Operator::Binary(operator));
        match self.byte()? {
            0x02 => binary(Binary::Add),
            0x03 => binary(Binary::Subtract),
            0x04 => binary(Binary::Multiply),
            0x05 => binary(Binary::Divide { is_signed: true }),
            0x06 => binary(Binary::Divide { is_signed: false }),
            0x07 => binary(Binary::Remainder { is_signed: true }),
            0x08 => binary(Binary::Remainder { is_signed: false }),
            0x09 => binary(Binary::ShiftLeft),
            0x0a => binary(Binary::ShiftRight { is_signed: true }),
            0x0b => binary(Binary::ShiftRight { is_signed: false }),
            0x0c => Some(Operator::Trace),
            0x0d => Some(Operator::TraceQuick(self.byte()?.into())),
            0x0e => Some(Operator::LogicalNot),
            0x0f => binary(Binary::And),
            0x10 => binary(Binary::Or),
            0x11 => binary(Binary::Xor),
            0x12 => Some(Operator::BitNot),
            0x13 => binary(Binary::Equal),
            0x14 => binary(Binary::Less { is_signed: true }),
            0x15 => binary(Binary::Less { is_signed: false }),
            0x16 => self.extension(true),
            0x17 => Some(Operator::Load { bytes: 1 }),
            0x18 => Some(Operator::Load { bytes: 2 }),
            0x19 => Some(Operator::Load { bytes: 4 }),
            0x1a => Some(Operator::Load { bytes: 8 }),
            0x20 => Some(Operator::Jump { to: self.short()?, is_conditional: true }),
            0x21 => Some(Operator::Jump { to: self.short()?, is_conditional: false }),
            0x22 => Some(Operator::Constant(self.number(1)?)),
            0x23 => Some(Operator::Constant(self.number(2)?)),
            0x24 => Some(Operator::Constant(self.number(4)?)),
            0x25 => Some(Operator::Constant(self.number(8)?)),
            0x26 => Some(Operator::Register(self.short()?)),
            0x27 => Some(Operator::End),
            0x28 => Some(Operator::Duplicate),
            0x29 => Some(Operator::Pop),
            0x2a => self.extension(false),
            0x2b => Some(Operator::Swap),
            0x2c => Some(Operator::Variable(self.short()?)),
            0x2d => Some(Operator::SetVariable(self.short()?)),
            0x2e => Some(Operator::TraceVariable(self.short()?)),
            0x2f => Some(Operator::TraceString),
            0x30 => Some(Operator::TraceQuick(self.short()?)),
            0x32 => Some(Operator::Pick(self.byte()?)),
            0x33 => Some(Operator::Rotate),
            0x34 => self.print(),
            _ => None,
        }
    }

    /// How many arguments there are, then the length of the format with the zero at its end.
    fn print(&mut self) -> Option<Operator> {
        let arguments = usize::from(self.byte()?);
        let length = usize::from(self.short()?);
        let end = self.at.checked_add(length)?;
        let text = self.bytes.get(self.at..end)?.strip_suffix(b"\0")?;
        self.at = end;
        let number = u16::try_from(self.formats.len()).ok()?;
        self.formats.push((arguments, Format::parse(text, arguments)?));
        Some(Operator::Print(number))
    }

    fn extension(&mut self, is_signed: bool) -> Option<Operator> {
        let bits = self.byte().filter(|bits| (1..=64).contains(bits))?;
        Some(Operator::Extend { bits, is_signed })
    }
}

impl Expression {
    /// Parses bytecode. None if it has an operator that is not known, or is cut short.
    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader { bytes, at: 0, formats: Vec::new() };
        let (mut operators, mut starts) = (Vec::new(), vec![None; bytes.len()]);
        while reader.at < bytes.len() {
            *starts.get_mut(reader.at)? = u32::try_from(operators.len()).ok();
            operators.push(reader.operator()?);
        }
        Some(Self { operators, formats: reader.formats, starts })
    }

    /// Its value.
    ///
    /// # Errors
    /// When it has none.
    pub(crate) fn evaluate(&self, facts: &mut dyn Facts) -> Result<u64, Failure> {
        self.execute(facts)?.ok_or(Failure::Stack)
    }

    /// Does what it does, for one that leaves no value.
    ///
    /// # Errors
    /// When it could not do all of it.
    pub(crate) fn run(&self, facts: &mut dyn Facts) -> Result<(), Failure> {
        self.execute(facts).map(drop)
    }

    fn execute(&self, facts: &mut dyn Facts) -> Result<Option<u64>, Failure> {
        let mut stack = Stack(Vec::with_capacity(16));
        let mut next = 0;
        for _ in 0..LONGEST_RUN {
            let operator = self.operators.get(next).ok_or(Failure::Jump)?;
            next += 1;
            match *operator {
                Operator::End => return Ok(stack.pop().ok()),
                Operator::Print(format) => {
                    let (arguments, format) = self.formats.get(usize::from(format)).ok_or(Failure::Jump)?;
                    // The function to print with and its first argument, which are for the client's own. Below them is
                    // the first value, then the others.
                    let _function = (stack.pop()?, stack.pop()?);
                    let mut values = Vec::with_capacity(*arguments);
                    for _ in 0..*arguments {
                        values.push(stack.pop()?);
                    }
                    if format.has_floats() {
                        return Err(Failure::Float);
                    }
                    let text = format.print(&values, facts);
                    facts.print(&text);
                }
                Operator::Jump { to, is_conditional } => {
                    if !is_conditional || stack.pop()? != 0 {
                        let start = self.starts.get(usize::from(to)).copied().flatten();
                        next = index(u64::from(start.ok_or(Failure::Jump)?));
                    }
                }
                operator => stack.run(operator, facts)?,
            }
        }
        Err(Failure::Endless)
    }
}

/// The values of an expression.
struct Stack(Vec<u64>);

impl Stack {
    fn pop(&mut self) -> Result<u64, Failure> {
        self.0.pop().ok_or(Failure::Stack)
    }

    fn push(&mut self, value: u64) -> Result<(), Failure> {
        if self.0.len() >= HIGHEST {
            return Err(Failure::Stack);
        }
        self.0.push(value);
        Ok(())
    }

    /// A value by how far it is from the top.
    fn copy(&self, depth: usize) -> Result<u64, Failure> {
        self.0.iter().rev().nth(depth).copied().ok_or(Failure::Stack)
    }

    fn run(&mut self, operator: Operator, facts: &mut dyn Facts) -> Result<(), Failure> {
        let value = match operator {
            Operator::Binary(operator) => {
                let (right, left) = (self.pop()?, self.pop()?);
                binary(operator, left, right)?
            }
            Operator::LogicalNot => u64::from(self.pop()? == 0),
            Operator::BitNot => !self.pop()?,
            Operator::Extend { bits, is_signed } => {
                let unused = 64 - u32::from(bits);
                let high = self.pop()? << unused;
                if is_signed { (high.cast_signed() >> unused).cast_unsigned() } else { high >> unused }
            }
            Operator::Load { bytes } => {
                let mut word = [0; 8];
                let wanted = word.get_mut(..usize::from(bytes)).ok_or(Failure::Memory)?;
                if !facts.memory(self.pop()?, wanted) {
                    return Err(Failure::Memory);
                }
                u64::from_le_bytes(word)
            }
            Operator::Constant(value) => value,
            Operator::Register(number) => facts.register(number).ok_or(Failure::Register)?,
            Operator::Duplicate => self.copy(0)?,
            Operator::Pick(depth) => self.copy(usize::from(depth))?,
            Operator::Pop => return self.pop().map(drop),
            Operator::Swap => return self.lift(2),
            Operator::Rotate => return self.lift(3),
            Operator::Variable(number) => facts.variable(number).ok_or(Failure::Variable)?,
            Operator::SetVariable(number) => {
                facts.set_variable(number, self.copy(0)?);
                return Ok(());
            }
            Operator::TraceVariable(number) => {
                facts.collect_variable(number);
                return Ok(());
            }
            Operator::Trace => {
                let (length, address) = (self.pop()?, self.pop()?);
                return collected(facts.collect(address, length));
            }
            Operator::TraceQuick(length) => {
                let address = self.copy(0)?;
                return collected(facts.collect(address, length.into()));
            }
            Operator::TraceString => {
                let (most, address) = (self.pop()?, self.pop()?);
                let length = string_length(facts, address, most).ok_or(Failure::Memory)?;
                return collected(facts.collect(address, length));
            }
            // Those are the expression's.
            Operator::Jump { .. } | Operator::End | Operator::Print(_) => return Err(Failure::Jump),
        };
        self.push(value)
    }

    /// Moves the lowest of the top `count` values to the top.
    fn lift(&mut self, count: usize) -> Result<(), Failure> {
        let from = self.0.len().checked_sub(count).ok_or(Failure::Stack)?;
        self.0.get_mut(from..).ok_or(Failure::Stack)?.rotate_left(1);
        Ok(())
    }
}

fn collected(is_all_there: bool) -> Result<(), Failure> {
    if is_all_there { Ok(()) } else { Err(Failure::Memory) }
}

/// Bytes up to the first zero, that one included, or `most`.
fn string_length(facts: &dyn Facts, address: u64, most: u64) -> Option<u64> {
    let most = most.min(format::LONGEST_STRING);
    let mut byte = [0];
    for length in 0..most {
        if !facts.memory(address.checked_add(length)?, &mut byte) {
            return None;
        }
        if byte == [0] {
            return Some(length + 1);
        }
    }
    Some(most)
}

fn binary(operator: Binary, left: u64, right: u64) -> Result<u64, Failure> {
    let (signed, by) = ((left.cast_signed(), right.cast_signed()), u32::try_from(right).unwrap_or(u32::MAX));
    let divided = |quotient: Option<u64>| quotient.ok_or(Failure::Division);
    Ok(match operator {
        Binary::Add => left.wrapping_add(right),
        Binary::Subtract => left.wrapping_sub(right),
        Binary::Multiply => left.wrapping_mul(right),
        Binary::Divide { is_signed: false } => divided(left.checked_div(right))?,
        Binary::Remainder { is_signed: false } => divided(left.checked_rem(right))?,
        Binary::Divide { is_signed: true } if right != 0 => signed.0.wrapping_div(signed.1).cast_unsigned(),
        Binary::Remainder { is_signed: true } if right != 0 => {
            signed.0.wrapping_rem(signed.1).cast_unsigned()
        }
        Binary::Divide { is_signed: true } | Binary::Remainder { is_signed: true } => divided(None)?,
        Binary::ShiftLeft => left.checked_shl(by).unwrap_or(0),
        Binary::ShiftRight { is_signed: false } => left.checked_shr(by).unwrap_or(0),
        Binary::ShiftRight { is_signed: true } => (signed.0 >> by.min(63)).cast_unsigned(),
        Binary::And => left & right,
        Binary::Or => left | right,
        Binary::Xor => left ^ right,
        Binary::Equal => u64::from(left == right),
        Binary::Less { is_signed: true } => u64::from(signed.0 < signed.1),
        Binary::Less { is_signed: false } => u64::from(left < right),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Register 6 is 1000; memory is the low byte of its address.
    struct Fake;

    impl Facts for Fake {
        fn register(&self, number: u16) -> Option<u64> {
            (number == 6).then_some(1000)
        }

        fn memory(&self, address: u64, into: &mut [u8]) -> bool {
            for (byte, at) in into.iter_mut().zip(address..) {
                *byte = at.to_le_bytes()[0];
            }
            address < 0x1_0000
        }
    }

    fn value(code: &str) -> Result<i64, Failure> {
        let bytes = crate::hex::bytes(code.replace(' ', "").as_bytes()).unwrap();
        Expression::parse(&bytes).unwrap().evaluate(&mut Fake).map(u64::cast_signed)
    }

    #[test]
    fn operators_are_those_of_the_manual() {
        let binary = |operator: &str| value(&format!("22 07 16 08 22 fe 16 08 {operator} 27"));
        let expected =
            [("02", 5), ("03", 9), ("04", -14), ("05", -3), ("07", 1), ("0f", 6), ("10", -1), ("11", -7)];
        for (operator, result) in expected {
            assert_eq!(binary(operator), Ok(result), "{operator}");
        }
        assert_eq!([binary("13"), binary("14"), binary("15")], [Ok(0), Ok(0), Ok(1)], "equal, less, below");
        assert_eq!(binary("06"), Ok(0), "divided without a sign");
        assert_eq!(binary("08"), Ok(7), "the rest of that");
        assert_eq!(value("22 f0 16 08 22 02 0a 27"), Ok(-4), "shifted to the right with its sign");
        assert_eq!(value("22 f0 16 08 22 3c 0b 27"), Ok(15), "and without");
        assert_eq!(value("22 01 22 40 09 27"), Ok(0), "shifted out");
        assert_eq!(value("22 f0 16 08 22 ff 0a 27"), Ok(-1), "shifted by more than there is");
        assert_eq!(value("23 ff 80 16 08 27"), Ok(-128));
        assert_eq!(value("23 ff 80 2a 08 27"), Ok(128));
        assert_eq!(value("22 00 0e 12 27"), Ok(-2), "not of not");
    }

    #[test]
    fn the_stack_is_turned_over() {
        // 1 2 3: the third comes to the top, the one below it is copied, those two are swapped, the top is dropped.
        assert_eq!(value("22 01 22 02 22 03 33 27"), Ok(1));
        assert_eq!(value("22 01 22 02 22 03 32 01 27"), Ok(2));
        assert_eq!(value("22 01 22 02 2b 27"), Ok(1));
        assert_eq!(value("22 01 22 02 29 27"), Ok(1));
        assert_eq!(value("22 05 28 02 27"), Ok(10));
    }

    #[test]
    fn registers_and_memory_are_read() {
        assert_eq!(value("26 00 06 22 10 03 19 27"), Ok(0xdbda_d9d8));
        assert_eq!(value("22 10 17 27"), Ok(0x10));
        assert_eq!(value("22 10 18 27"), Ok(0x1110));
        assert_eq!(value("22 10 1a 27"), Ok(0x1716_1514_1312_1110));
        assert_eq!(value("26 00 07 27"), Err(Failure::Register));
        assert_eq!(value("24 00 01 00 00 17 27"), Err(Failure::Memory));
    }

    #[test]
    fn jumps_go_to_operators() {
        // `1 ? 5 : 6`, and the same with 0.
        assert_eq!(value("22 01 20 00 0a 22 06 21 00 0c 22 05 27"), Ok(5));
        assert_eq!(value("22 00 20 00 0a 22 06 21 00 0c 22 05 27"), Ok(6));
        assert_eq!(value("21 00 04 22 27"), Err(Failure::Jump), "into an operator");
        assert_eq!(value("21 00 00 27"), Err(Failure::Endless));
        assert_eq!(value("22 01"), Err(Failure::Jump), "over the end");
    }

    #[test]
    fn what_has_no_value_says_so() {
        assert_eq!(value("27"), Err(Failure::Stack));
        assert_eq!(value("22 01 02 27"), Err(Failure::Stack));
        assert_eq!(value("22 01 33 27"), Err(Failure::Stack));
        assert_eq!(value("22 01 28 21 00 02 27"), Err(Failure::Stack), "too high");
        assert_eq!(value("22 01 22 00 05 27"), Err(Failure::Division));
        assert_eq!(value("25 80 00 00 00 00 00 00 00 22 ff 16 08 05 27"), Ok(i64::MIN), "wraps");
    }

    #[test]
    fn floats_are_not_printed() {
        // `dprintf f,"%f",1.5`: gdb sends the integer 1.
        assert_eq!(value("22 01 22 00 22 00 34 01 00 03 25 66 00 27"), Err(Failure::Float));
        assert_eq!(
            value("22 01 22 00 22 00 34 01 00 03 25 64 00 27"),
            Err(Failure::Stack),
            "it has no value"
        );
    }

    #[test]
    fn other_operators_are_refused() {
        for code in
            ["01", "1b", "2c00", "30", "34", "340000", "340001", "34000125", "22", "2600", "1600", "2a41"]
        {
            let bytes = crate::hex::bytes(code.as_bytes()).unwrap();
            assert_eq!(Expression::parse(&bytes), None, "{code}");
        }
    }
}
