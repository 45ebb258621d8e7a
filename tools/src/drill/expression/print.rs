//! Writes programs back as text that parses to the same program.
//!
//! Used by the script printer and in the messages of assertions that do not hold. Every operand that
//! is no single word is put into parentheses, so no rule of precedence is needed here.

use core::fmt;

use super::{Binary, Comparison, Expression, Function, Program, Statement, Truth, Unary, What};

impl fmt::Display for Program {
    /// The statements with `; ` between them.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, statement) in self.statements.iter().enumerate() {
            if index > 0 {
                formatter.write_str("; ")?;
            }
            write!(formatter, "{statement}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Statement {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.what {
            What::Assert { condition, message } => {
                write!(formatter, "assert {condition}")?;
                match message {
                    Some(message) => write!(formatter, ", {message}"),
                    None => Ok(()),
                }
            }
            What::Print(values) => {
                formatter.write_str("print(")?;
                joined(formatter, values)?;
                formatter.write_str(")")
            }
            What::Assign { name, value } => write!(formatter, "{name} = {value}"),
        }
    }
}

impl fmt::Display for Expression {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(formatter, "{number}"),
            Self::Text(text) => quoted(formatter, text),
            Self::Truth(Truth::True) => formatter.write_str("True"),
            Self::Truth(Truth::False) => formatter.write_str("False"),
            Self::Name(name) => formatter.write_str(name),
            Self::List(values) => {
                formatter.write_str("[")?;
                joined(formatter, values)?;
                formatter.write_str("]")
            }
            Self::Unary(operator, operand) => {
                write!(formatter, "{}{}", operator.text(), Operand(operand))
            }
            Self::Binary(operator, left, right) => {
                let (left, right) = (Operand(left), Operand(right));
                write!(formatter, "{left} {} {right}", operator.text())
            }
            Self::Compare(first, rest) => {
                write!(formatter, "{}", Operand(first))?;
                for (comparison, operand) in rest {
                    write!(formatter, " {} {}", comparison.text(), Operand(operand))?;
                }
                Ok(())
            }
            Self::Choice {
                condition,
                then,
                otherwise,
            } => write!(
                formatter,
                "{} if {} else {}",
                Operand(then),
                Operand(condition),
                Operand(otherwise)
            ),
            Self::Call(function, arguments) => {
                write!(formatter, "{}(", function.name())?;
                joined(formatter, arguments)?;
                formatter.write_str(")")
            }
        }
    }
}

/// An expression inside another one.
struct Operand<'a>(&'a Expression);

impl fmt::Display for Operand<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Expression::Unary(..)
            | Expression::Binary(..)
            | Expression::Compare(..)
            | Expression::Choice { .. } => write!(formatter, "({})", self.0),
            Expression::Number(_)
            | Expression::Text(_)
            | Expression::Truth(_)
            | Expression::Name(_)
            | Expression::List(_)
            | Expression::Call(..) => write!(formatter, "{}", self.0),
        }
    }
}

fn joined(formatter: &mut fmt::Formatter<'_>, values: &[Expression]) -> fmt::Result {
    for (index, value) in values.iter().enumerate() {
        if index > 0 {
            formatter.write_str(", ")?;
        }
        write!(formatter, "{value}")?;
    }
    Ok(())
}

fn quoted(formatter: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    formatter.write_str("\"")?;
    for character in text.chars() {
        match character {
            '"' => formatter.write_str("\\\"")?,
            '\\' => formatter.write_str("\\\\")?,
            '\n' => formatter.write_str("\\n")?,
            '\t' => formatter.write_str("\\t")?,
            // The lexer of scripts ends a program at these two.
            '}' => formatter.write_str("\\x7d")?,
            other => write!(formatter, "{other}")?,
        }
    }
    formatter.write_str("\"")
}

impl Unary {
    const fn text(self) -> &'static str {
        match self {
            Self::Not => "not ",
            Self::Minus => "-",
            Self::Invert => "~",
        }
    }
}

impl Binary {
    pub(super) const fn text(self) -> &'static str {
        match self {
            Self::Or => "or",
            Self::And => "and",
            Self::BitOr => "|",
            Self::BitXor => "^",
            Self::BitAnd => "&",
            Self::ShiftLeft => "<<",
            Self::ShiftRight => ">>",
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Multiply => "*",
            Self::Divide => "/",
            Self::DivideWhole => "//",
            Self::Remainder => "%",
        }
    }
}

impl Comparison {
    const fn text(self) -> &'static str {
        match self {
            Self::Equal => "==",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
            Self::In => "in",
            Self::NotIn => "not in",
        }
    }
}

impl Function {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Abs => "abs",
            Self::Min => "min",
            Self::Max => "max",
            Self::Int => "int",
            Self::Str => "str",
            Self::Len => "len",
        }
    }

    pub(super) fn by_name(name: &str) -> Option<Self> {
        [
            Self::Abs,
            Self::Min,
            Self::Max,
            Self::Int,
            Self::Str,
            Self::Len,
        ]
        .into_iter()
        .find(|it| it.name() == name)
    }
}
