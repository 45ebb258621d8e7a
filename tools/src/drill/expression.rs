//! `%{ … }%`: assertions over what the stack says of a connection, in a small language that looks like
//! Python's expressions.
//!
//! The parser builds a [`Program`] from the text between the braces, the runner evaluates it with the
//! fields of the socket. Numbers are exact fractions: nothing is rounded, and a result too large for
//! them is an error. Nothing here can call, loop or change anything but its own variables.

mod evaluate;
mod number;
mod parse;
mod print;

#[cfg(test)]
mod tests;

pub use evaluate::{EvaluationError, Failed, Fields, Outcome, Value, Variables, evaluate};
pub use number::Number;
pub use parse::{ExpressionError, FIELDS, parse};

use super::ast::Position;

/// The statements of one `%{ … }%`, in order.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Program {
    /// What is to be done.
    pub statements: Vec<Statement>,
}

/// One statement.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Statement {
    /// Where it stands in the script.
    pub position: Position,
    /// What it says.
    pub what: What,
}

/// What a statement says.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum What {
    /// `assert condition, message`.
    Assert {
        /// What has to be true.
        condition: Expression,
        /// What to show if it is not.
        message: Option<Expression>,
    },
    /// `print(a, b)`.
    Print(Vec<Expression>),
    /// `name = value`: a variable for later assertions of the script.
    Assign {
        /// The name.
        name: String,
        /// The value.
        value: Expression,
    },
}

/// An expression.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Expression {
    /// A number.
    Number(Number),
    /// A text.
    Text(String),
    /// `True`, `False`.
    Truth(Truth),
    /// A field of the socket (`tcpi_cwnd`), a constant (`TCP_CA_Open`) or a variable.
    Name(String),
    /// `[1, 2]`, `(1, 2)`.
    List(Vec<Self>),
    /// `not a`, `-a`, `~a`.
    Unary(Unary, Box<Self>),
    /// `a + b`, `a and b`.
    Binary(Binary, Box<Self>, Box<Self>),
    /// `a < b <= c`: every neighbouring pair has to compare.
    Compare(Box<Self>, Vec<(Comparison, Self)>),
    /// `a if condition else b`.
    Choice {
        /// The condition.
        condition: Box<Self>,
        /// The value if it is true.
        then: Box<Self>,
        /// The value if it is not.
        otherwise: Box<Self>,
    },
    /// `abs(a)`, `min(a, b)`, `max(a, b)`, `int(a)`, `str(a)`, `len(a)`.
    Call(Function, Vec<Self>),
}

/// A truth value.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Truth {
    /// `True`.
    True,
    /// `False`.
    False,
}

/// Operators before their operand.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[allow(missing_docs)]
pub enum Unary {
    Not,
    Minus,
    Invert,
}

/// Operators between two operands.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[allow(missing_docs)]
pub enum Binary {
    Or,
    And,
    BitOr,
    BitXor,
    BitAnd,
    ShiftLeft,
    ShiftRight,
    Add,
    Subtract,
    Multiply,
    Divide,
    DivideWhole,
    Remainder,
}

/// Comparisons.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[allow(missing_docs)]
pub enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    In,
    NotIn,
}

/// Functions.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[allow(missing_docs)]
pub enum Function {
    Abs,
    Min,
    Max,
    Int,
    Str,
    Len,
}
