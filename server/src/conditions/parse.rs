//! Conditions as users write them: integers, variables, members, elements, and C's operators on them.
//!
//! ```text
//!   n == 7 && list->next != 0
//!   ^ Name      ^ Member { through: true }
//! ```

/// An expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Expression {
    Number(i128),
    Name(String),
    /// `of.name`, or `of->name` through a pointer.
    Member {
        of: Box<Expression>,
        name: String,
        through: bool,
    },
    /// `of[at]`.
    Element {
        of: Box<Expression>,
        at: Box<Expression>,
    },
    /// `*of`.
    Target(Box<Expression>),
    /// `&of`.
    Address(Box<Expression>),
    Unary(Unary, Box<Expression>),
    Binary(Binary, Box<Expression>, Box<Expression>),
}

/// An operator before its operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unary {
    Minus,
    Not,
    Invert,
}

/// An operator between two operands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Binary {
    Or,
    And,
    BitOr,
    BitXor,
    BitAnd,
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    ShiftLeft,
    ShiftRight,
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
}

/// Operators with how strongly they bind. Of two of which one begins the other, the longer comes first.
const OPERATORS: &[(&str, Binary, u8)] = &[
    ("||", Binary::Or, 1),
    ("&&", Binary::And, 2),
    ("==", Binary::Equal, 6),
    ("!=", Binary::NotEqual, 6),
    ("<<", Binary::ShiftLeft, 8),
    (">>", Binary::ShiftRight, 8),
    ("<=", Binary::LessOrEqual, 7),
    (">=", Binary::GreaterOrEqual, 7),
    ("|", Binary::BitOr, 3),
    ("^", Binary::BitXor, 4),
    ("&", Binary::BitAnd, 5),
    ("<", Binary::Less, 7),
    (">", Binary::Greater, 7),
    ("+", Binary::Add, 9),
    ("-", Binary::Subtract, 9),
    ("*", Binary::Multiply, 10),
    ("/", Binary::Divide, 10),
    ("%", Binary::Remainder, 10),
];

/// Expressions in expressions, beyond which one is refused.
const MAX_DEPTH: u8 = 40;

/// Operators, members and elements in one condition, beyond which it is refused: each is a step deeper when it is looked at.
const MAX_OPERATORS: u16 = 200;

/// Parses a list with commas between its expressions. An empty text is an empty list.
///
/// # Errors
/// What is wrong with it, on one line.
pub(crate) fn parse_list(text: &str) -> Result<Vec<Expression>, String> {
    let mut parser = Parser::new(text);
    let mut list = Vec::new();
    if parser.rest.is_empty() {
        return Ok(list);
    }
    loop {
        list.push(parser.binary(0)?);
        if parser.rest.is_empty() {
            return Ok(list);
        }
        parser.expects(",")?;
    }
}

/// Parses a condition.
///
/// # Errors
/// What is wrong with it, on one line.
pub(crate) fn parse(text: &str) -> Result<Expression, String> {
    let mut parser = Parser::new(text);
    let expression = parser.binary(0)?;
    if parser.rest.is_empty() { Ok(expression) } else { Err(parser.unexpected()) }
}

struct Parser<'a> {
    rest: &'a str,
    depth: u8,
    operators: u16,
}

impl<'a> Parser<'a> {
    fn new(text: &'a str) -> Self {
        Self { rest: text.trim_start(), depth: 0, operators: 0 }
    }

    /// Another operator, member or element.
    fn grows(&mut self) -> Result<(), String> {
        self.operators += 1;
        if self.operators > MAX_OPERATORS { Err("the expression is too long".to_owned()) } else { Ok(()) }
    }

    fn unexpected(&self) -> String {
        if self.rest.is_empty() {
            "the expression ends too early".to_owned()
        } else {
            format!("`{}` is not understood in an expression", self.rest.trim_end())
        }
    }

    /// Takes a text, with the blanks behind it.
    fn takes(&mut self, text: &str) -> bool {
        let Some(rest) = self.rest.strip_prefix(text) else { return false };
        self.rest = rest.trim_start();
        true
    }

    fn expects(&mut self, text: &str) -> Result<(), String> {
        if self.takes(text) { Ok(()) } else { Err(self.unexpected()) }
    }

    /// Takes what consists of letters, digits and the like.
    fn word(&mut self) -> Option<&'a str> {
        let is_of_word = |c: char| c.is_alphanumeric() || c == '_' || c == '$';
        let end = self.rest.find(|c| !is_of_word(c)).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest.trim_start();
        (!word.is_empty()).then_some(word)
    }

    fn binary(&mut self, weakest: u8) -> Result<Expression, String> {
        let mut left = self.unary()?;
        loop {
            let found = OPERATORS.iter().find(|(sign, ..)| self.rest.starts_with(sign));
            let Some(&(sign, operator, strength)) = found.filter(|(_, _, strength)| *strength > weakest)
            else {
                return Ok(left);
            };
            self.grows()?;
            self.expects(sign)?;
            let right = self.binary(strength)?;
            left = Expression::Binary(operator, Box::new(left), Box::new(right));
        }
    }

    fn unary(&mut self) -> Result<Expression, String> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err("the expression is too deep".to_owned());
        }
        let of = |operator, operand| Expression::Unary(operator, Box::new(operand));
        let expression = if self.takes("!") {
            of(Unary::Not, self.unary()?)
        } else if self.takes("-") {
            of(Unary::Minus, self.unary()?)
        } else if self.takes("~") {
            of(Unary::Invert, self.unary()?)
        } else if self.takes("*") {
            Expression::Target(Box::new(self.unary()?))
        } else if self.takes("&") {
            Expression::Address(Box::new(self.unary()?))
        } else {
            self.postfix()?
        };
        self.depth -= 1;
        Ok(expression)
    }

    fn postfix(&mut self) -> Result<Expression, String> {
        let mut of = self.primary()?;
        loop {
            let through = self.takes("->");
            if through || self.takes(".") {
                self.grows()?;
                let name = self.word().ok_or_else(|| self.unexpected())?.to_owned();
                of = Expression::Member { of: Box::new(of), name, through };
            } else if self.takes("[") {
                self.grows()?;
                let at = Box::new(self.binary(0)?);
                self.expects("]")?;
                of = Expression::Element { of: Box::new(of), at };
            } else {
                return Ok(of);
            }
        }
    }

    fn primary(&mut self) -> Result<Expression, String> {
        if self.takes("(") {
            let inner = self.binary(0)?;
            self.expects(")")?;
            return Ok(inner);
        }
        if let Some(rest) = self.rest.strip_prefix('\'') {
            return self.character(rest);
        }
        let before = self.rest;
        let word = self.word().ok_or_else(|| self.unexpected())?;
        if !word.starts_with(|c: char| c.is_ascii_digit()) {
            return Ok(match word {
                "true" => Expression::Number(1),
                "false" | "NULL" | "nullptr" => Expression::Number(0),
                _ => Expression::Name(word.to_owned()),
            });
        }
        let digits = word.trim_end_matches(['u', 'U', 'l', 'L']);
        let number = match digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X")) {
            Some(digits) => i128::from_str_radix(digits, 16),
            None => digits.parse(),
        };
        number.map(Expression::Number).map_err(|_| {
            self.rest = before;
            self.unexpected()
        })
    }

    /// `'a'`, behind the first quotation mark.
    fn character(&mut self, rest: &'a str) -> Result<Expression, String> {
        let character = rest.chars().next().filter(|c| *c != '\'' && *c != '\\');
        let Some((character, end)) = character.and_then(|c| Some((c, rest.strip_prefix(c)?))) else {
            return Err(self.unexpected());
        };
        self.rest = end;
        self.expects("'")?;
        Ok(Expression::Number(i128::from(u32::from(character))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// With brackets around everything.
    fn shown(expression: &Expression) -> String {
        match expression {
            Expression::Number(number) => number.to_string(),
            Expression::Name(name) => name.clone(),
            Expression::Member { of, name, through } => {
                format!("{}{}{name}", shown(of), if *through { "->" } else { "." })
            }
            Expression::Element { of, at } => format!("{}[{}]", shown(of), shown(at)),
            Expression::Target(of) => format!("(* {})", shown(of)),
            Expression::Address(of) => format!("(& {})", shown(of)),
            Expression::Unary(operator, of) => format!("({operator:?} {})", shown(of)),
            Expression::Binary(operator, left, right) => {
                format!("({operator:?} {} {})", shown(left), shown(right))
            }
        }
    }

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let parsed = parse(text).map(|expression| shown(&expression));
        assert_eq!(parsed.as_deref().unwrap_or_else(|error| error), expected, "{text}");
    }

    #[test]
    fn operators_bind_as_in_c() {
        check("n == 7", "(Equal n 7)");
        check("a + b * 2 < c && !d || e", "(Or (And (Less (Add a (Multiply b 2)) c) (Not d)) e)");
        check("a - b - c", "(Subtract (Subtract a b) c)");
        check("(a|b)&0xff", "(BitAnd (BitOr a b) 255)");
        check("-1 << 3 >= 1u", "(GreaterOrEqual (ShiftLeft (Minus 1) 3) 1)");
        check("a & b == c", "(BitAnd a (Equal b c))");
    }

    #[test]
    fn members_elements_and_targets() {
        check("p->next->value == list[i + 1].x", "(Equal p->next->value list[(Add i 1)].x)");
        check("**p == 'a'", "(Equal (* (* p)) 97)");
        check("*p.q[0]", "(* p.q[0])");
        check("p == &list[1].x && a & &b", "(And (Equal p (& list[1].x)) (BitAnd a (& b)))");
    }

    #[test]
    fn what_is_wrong_is_said() {
        check("n ==", "the expression ends too early");
        check("n = 7", "`= 7` is not understood in an expression");
        check("f(1)", "`(1)` is not understood in an expression");
        check("12x", "`12x` is not understood in an expression");
        check(&"(".repeat(100), "the expression is too deep");
        check(&"-".repeat(100), "the expression is too deep");
        check("''", "`''` is not understood in an expression");
        check(&format!("n{}", "+1".repeat(100_000)), "the expression is too long");
        check(&format!("n{}", "[0]".repeat(100_000)), "the expression is too long");
        check(&format!("n{}", ".n".repeat(100_000)), "the expression is too long");
    }

    #[test]
    fn a_list_has_commas() {
        let list = |text| parse_list(text).map(|all| all.iter().map(shown).collect::<Vec<_>>().join(" "));
        assert_eq!(list("n, p->x ,list[i+1]"), Ok("n p->x list[(Add i 1)]".to_owned()));
        assert_eq!(list(""), Ok(String::new()));
        assert_eq!(list("n,"), Err("the expression ends too early".to_owned()));
        assert_eq!(list("n m"), Err("`m` is not understood in an expression".to_owned()));
    }
}
