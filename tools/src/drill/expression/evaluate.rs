//! Evaluates programs with the fields of a socket.
//!
//! Called by the runner at the time of the event. It decides whether assertions hold and collects what
//! is printed; a program that makes no sense (a text plus a number, a field that nobody knows) is a
//! typed error, never a failed assertion.

use core::cmp::Ordering;
use core::fmt;
use std::collections::BTreeMap;

use thiserror::Error;

use super::{
    Binary, Comparison, Expression, Function, Number, Program, Statement, Truth, Unary, What,
};
use crate::drill::ast::Position;
use crate::drill::constants::{INFO_VALUES, by_name};

/// The most elements a list, or octets a text, may have.
const SIZE_MAX: usize = 65_536;

/// Where the fields of a socket come from.
pub trait Fields {
    /// The value of a field such as `tcpi_cwnd`; `None` if this back end does not know it.
    fn field(&self, name: &str) -> Option<i64>;
}

impl Fields for BTreeMap<String, i64> {
    fn field(&self, name: &str) -> Option<i64> {
        self.get(name).copied()
    }
}

/// A value.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Value {
    /// A number; truth values are 1 and 0 as in Python.
    Number(Number),
    /// A text.
    Text(String),
    /// A list.
    List(Vec<Self>),
}

/// What a program left behind: the variables of the script, by name.
pub type Variables = BTreeMap<String, Value>;

/// How a program ended.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Outcome {
    /// What it printed, a line each.
    pub printed: Vec<String>,
    /// The first assertion that does not hold.
    pub failed: Option<Failed>,
}

/// An assertion that does not hold.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Failed {
    /// Where it stands in the script.
    pub position: Position,
    /// What was asserted, with the values of the names in it and the message.
    pub text: String,
}

/// Why a program could not be evaluated.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub enum EvaluationError {
    /// This back end has no such field.
    #[error("{name} is not known here")]
    Unknown {
        /// The name.
        name: String,
    },
    /// The operands have the wrong types.
    #[error("{operation} cannot be applied to {what}")]
    Type {
        /// What was to be done.
        operation: &'static str,
        /// To what.
        what: &'static str,
    },
    /// A division by zero, or a number beyond 128 bits.
    #[error("{operation} has no result")]
    NoResult {
        /// What was to be done.
        operation: &'static str,
    },
    /// A text or list grew too large.
    #[error("a value has more than {SIZE_MAX} elements")]
    TooLarge,
}

/// Runs all statements, up to the first assertion that does not hold.
///
/// # Errors
///
/// [`EvaluationError`] with the place of the statement, if one makes no sense.
pub fn evaluate(
    program: &Program,
    variables: &mut Variables,
    fields: &dyn Fields,
) -> Result<Outcome, (Position, EvaluationError)> {
    let mut outcome = Outcome::default();
    for statement in &program.statements {
        let failed = step(statement, variables, fields, &mut outcome.printed)
            .map_err(|error| (statement.position, error))?;
        if failed.is_some() {
            outcome.failed = failed;
            break;
        }
    }
    Ok(outcome)
}

fn step(
    statement: &Statement,
    variables: &mut Variables,
    fields: &dyn Fields,
    printed: &mut Vec<String>,
) -> Result<Option<Failed>, EvaluationError> {
    let scope = Scope { variables, fields };
    match &statement.what {
        What::Print(values) => {
            let values: Result<Vec<String>, _> = values
                .iter()
                .map(|it| Ok(scope.value(it)?.to_string()))
                .collect();
            printed.push(values?.join(" "));
        }
        What::Assign { name, value } => {
            let value = scope.value(value)?;
            variables.insert(name.clone(), value);
        }
        What::Assert { condition, message } => {
            if !scope.value(condition)?.is_true() {
                let mut text =
                    format!("assert {condition} does not hold{}", scope.names(condition));
                if let Some(message) = message {
                    text.push_str(&format!(" ({})", scope.value(message)?));
                }
                return Ok(Some(Failed {
                    position: statement.position,
                    text,
                }));
            }
        }
    }
    Ok(None)
}

/// What names mean.
struct Scope<'a> {
    variables: &'a Variables,
    fields: &'a dyn Fields,
}

impl Scope<'_> {
    fn value(&self, expression: &Expression) -> Result<Value, EvaluationError> {
        Ok(match expression {
            Expression::Number(number) => Value::Number(*number),
            Expression::Text(text) => Value::Text(text.clone()),
            Expression::Truth(truth) => Value::truth(*truth == Truth::True),
            Expression::Name(name) => self.name(name)?,
            Expression::List(values) => Value::List(
                values
                    .iter()
                    .map(|it| self.value(it))
                    .collect::<Result<_, _>>()?,
            ),
            Expression::Unary(operator, operand) => unary(*operator, &self.value(operand)?)?,
            Expression::Binary(Binary::Or, left, right) => {
                let left = self.value(left)?;
                if left.is_true() {
                    left
                } else {
                    self.value(right)?
                }
            }
            Expression::Binary(Binary::And, left, right) => {
                let left = self.value(left)?;
                if left.is_true() {
                    self.value(right)?
                } else {
                    left
                }
            }
            Expression::Binary(operator, left, right) => {
                binary(*operator, &self.value(left)?, &self.value(right)?)?
            }
            Expression::Compare(first, rest) => self.comparisons(first, rest)?,
            Expression::Choice {
                condition,
                then,
                otherwise,
            } => {
                let chosen = if self.value(condition)?.is_true() {
                    then
                } else {
                    otherwise
                };
                self.value(chosen)?
            }
            Expression::Call(function, arguments) => {
                let arguments: Result<Vec<Value>, _> =
                    arguments.iter().map(|it| self.value(it)).collect();
                call(*function, &arguments?)?
            }
        })
    }

    fn name(&self, name: &str) -> Result<Value, EvaluationError> {
        if let Some(value) = self.variables.get(name) {
            return Ok(value.clone());
        }
        self.fields
            .field(name)
            .or_else(|| by_name(INFO_VALUES, name).map(|it| it.value))
            .map(|it| Value::Number(Number::whole(it)))
            .ok_or_else(|| EvaluationError::Unknown {
                name: name.to_owned(),
            })
    }

    fn comparisons(
        &self,
        first: &Expression,
        rest: &[(Comparison, Expression)],
    ) -> Result<Value, EvaluationError> {
        let mut left = self.value(first)?;
        for (comparison, right) in rest {
            let right = self.value(right)?;
            if !compare(*comparison, &left, &right)? {
                return Ok(Value::truth(false));
            }
            left = right;
        }
        Ok(Value::truth(true))
    }

    /// `: tcpi_cwnd is 12, tcpi_ssthresh is 7`, for all names in an expression.
    fn names(&self, expression: &Expression) -> String {
        let mut names = Vec::new();
        names_in(expression, &mut names);
        let mut text = String::new();
        for (index, name) in names.iter().enumerate() {
            text.push_str(if index == 0 { ": " } else { ", " });
            match self.name(name) {
                Ok(value) => text.push_str(&format!("{name} is {value}")),
                Err(error) => text.push_str(&error.to_string()),
            }
        }
        text
    }
}

/// The fields and variables of an expression, each once. Constants are not among them.
fn names_in<'a>(expression: &'a Expression, names: &mut Vec<&'a str>) {
    match expression {
        Expression::Name(name) => {
            if !names.contains(&name.as_str()) && by_name(INFO_VALUES, name).is_none() {
                names.push(name);
            }
        }
        Expression::Number(_) | Expression::Text(_) | Expression::Truth(_) => {}
        Expression::List(parts) | Expression::Call(_, parts) => {
            parts.iter().for_each(|it| names_in(it, names));
        }
        Expression::Unary(_, operand) => names_in(operand, names),
        Expression::Binary(_, left, right) => {
            names_in(left, names);
            names_in(right, names);
        }
        Expression::Compare(first, rest) => {
            names_in(first, names);
            rest.iter().for_each(|(_, it)| names_in(it, names));
        }
        Expression::Choice {
            condition,
            then,
            otherwise,
        } => {
            names_in(condition, names);
            names_in(then, names);
            names_in(otherwise, names);
        }
    }
}

fn unary(operator: Unary, operand: &Value) -> Result<Value, EvaluationError> {
    match operator {
        Unary::Not => Ok(Value::truth(!operand.is_true())),
        Unary::Minus => {
            let number = operand.number("-")?;
            Ok(Value::Number(number.negative().ok_or(no_result("-"))?))
        }
        Unary::Invert => Ok(Value::whole(!operand.whole_or("~")?).ok_or(no_result("~"))?),
    }
}

fn binary(operator: Binary, left: &Value, right: &Value) -> Result<Value, EvaluationError> {
    let name = operator.text();
    match (operator, left, right) {
        (Binary::Add, Value::Text(left), Value::Text(right)) => {
            return small(left.len() + right.len(), || {
                Value::Text(format!("{left}{right}"))
            });
        }
        (Binary::Add, Value::List(left), Value::List(right)) => {
            return small(left.len() + right.len(), || {
                Value::List(left.iter().chain(right).cloned().collect())
            });
        }
        (Binary::Remainder, Value::Text(template), _) => return filled_in(template, right),
        _ => {}
    }
    let number = match operator {
        Binary::Add => left.number(name)?.plus(right.number(name)?),
        Binary::Subtract => {
            let right = right.number(name)?.negative();
            let left = left.number(name)?;
            right.and_then(|right| left.plus(right))
        }
        Binary::Multiply => left.number(name)?.times(right.number(name)?),
        Binary::Divide => left.number(name)?.divided_by(right.number(name)?),
        Binary::DivideWhole => left
            .number(name)?
            .divided_by(right.number(name)?)
            .map(Number::floor),
        Binary::Remainder => remainder(left.number(name)?, right.number(name)?),
        Binary::Or | Binary::And => None,
        Binary::BitOr => whole(left.whole_or(name)? | right.whole_or(name)?),
        Binary::BitXor => whole(left.whole_or(name)? ^ right.whole_or(name)?),
        Binary::BitAnd => whole(left.whole_or(name)? & right.whole_or(name)?),
        Binary::ShiftLeft => shifted(left.whole_or(name)?, right.whole_or(name)?),
        Binary::ShiftRight => u32::try_from(right.whole_or(name)?)
            .ok()
            .and_then(|places| left.whole_or(name).ok()?.checked_shr(places))
            .and_then(whole),
    };
    number.map(Value::Number).ok_or(no_result(name))
}

fn whole(value: i128) -> Option<Number> {
    Number::fraction(value, 1)
}

fn shifted(value: i128, places: i128) -> Option<Number> {
    let places = u32::try_from(places).ok().filter(|it| *it < 127)?;
    whole(value.checked_mul(1_i128.checked_shl(places)?)?)
}

/// As in Python: it has the sign of the divisor.
fn remainder(left: Number, right: Number) -> Option<Number> {
    let times = left.divided_by(right)?.floor();
    left.plus(right.times(times)?.negative()?)
}

/// `"%d of %d" % (a, b)`.
fn filled_in(template: &str, values: &Value) -> Result<Value, EvaluationError> {
    let mut values = match values {
        Value::List(values) => values.iter(),
        other @ (Value::Number(_) | Value::Text(_)) => core::slice::from_ref(other).iter(),
    };
    let mut text = String::new();
    let mut characters = template.chars();
    while let Some(character) = characters.next() {
        if character != '%' {
            text.push(character);
            continue;
        }
        match characters.next() {
            Some('%') => text.push('%'),
            Some('d' | 'i' | 'u' | 's' | 'f' | 'g') => {
                let value = values.next().ok_or(no_result("%"))?;
                text.push_str(&value.to_string());
            }
            _ => return Err(no_result("%")),
        }
        if text.len() > SIZE_MAX {
            return Err(EvaluationError::TooLarge);
        }
    }
    Ok(Value::Text(text))
}

fn compare(comparison: Comparison, left: &Value, right: &Value) -> Result<bool, EvaluationError> {
    Ok(match comparison {
        Comparison::Equal => left == right,
        Comparison::NotEqual => left != right,
        Comparison::Less => order(left, right)? == Ordering::Less,
        Comparison::LessOrEqual => order(left, right)? != Ordering::Greater,
        Comparison::Greater => order(left, right)? == Ordering::Greater,
        Comparison::GreaterOrEqual => order(left, right)? != Ordering::Less,
        Comparison::In => contains(right, left)?,
        Comparison::NotIn => !contains(right, left)?,
    })
}

fn order(left: &Value, right: &Value) -> Result<Ordering, EvaluationError> {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => {
            left.compare(*right).ok_or(no_result("a comparison"))
        }
        (Value::Text(left), Value::Text(right)) => Ok(left.cmp(right)),
        (Value::Number(_) | Value::Text(_) | Value::List(_), _) => Err(EvaluationError::Type {
            operation: "a comparison",
            what: "values of these types",
        }),
    }
}

fn contains(list: &Value, element: &Value) -> Result<bool, EvaluationError> {
    match (list, element) {
        (Value::List(list), _) => Ok(list.contains(element)),
        (Value::Text(text), Value::Text(part)) => Ok(text.contains(part.as_str())),
        (Value::Text(_) | Value::Number(_), _) => Err(EvaluationError::Type {
            operation: "in",
            what: "something that is no list",
        }),
    }
}

fn call(function: Function, arguments: &[Value]) -> Result<Value, EvaluationError> {
    let name = function.name();
    let wrong = EvaluationError::Type {
        operation: name,
        what: "arguments of this number and type",
    };
    match (function, arguments) {
        (Function::Abs, [value]) => {
            let number = value.number(name)?;
            let is_negative = number.compare(Number::whole(0)) == Some(Ordering::Less);
            let positive = if is_negative {
                number.negative()
            } else {
                Some(number)
            };
            positive.map(Value::Number).ok_or(no_result(name))
        }
        (Function::Int, [value]) => Ok(Value::Number(value.number(name)?.truncated())),
        (Function::Str, [value]) => Ok(Value::Text(value.to_string())),
        (Function::Len, [Value::List(list)]) => length(list.len()),
        (Function::Len, [Value::Text(text)]) => length(text.chars().count()),
        (Function::Min, [Value::List(list)]) => extreme(list, Ordering::Less).ok_or(wrong)?,
        (Function::Max, [Value::List(list)]) => extreme(list, Ordering::Greater).ok_or(wrong)?,
        (Function::Min, list) => extreme(list, Ordering::Less).ok_or(wrong)?,
        (Function::Max, list) => extreme(list, Ordering::Greater).ok_or(wrong)?,
        (Function::Abs | Function::Int | Function::Str | Function::Len, _) => Err(wrong),
    }
}

/// The least or the greatest value; `None` of an empty list.
fn extreme(list: &[Value], wanted: Ordering) -> Option<Result<Value, EvaluationError>> {
    let (first, rest) = list.split_first()?;
    let mut best = first;
    for value in rest {
        match order(value, best) {
            Ok(order) if order == wanted => best = value,
            Ok(_) => {}
            Err(error) => return Some(Err(error)),
        }
    }
    Some(Ok(best.clone()))
}

fn length(length: usize) -> Result<Value, EvaluationError> {
    let length = i128::try_from(length).ok().and_then(Value::whole);
    length.ok_or(EvaluationError::TooLarge)
}

fn small(size: usize, value: impl FnOnce() -> Value) -> Result<Value, EvaluationError> {
    if size > SIZE_MAX {
        return Err(EvaluationError::TooLarge);
    }
    Ok(value())
}

const fn no_result(operation: &'static str) -> EvaluationError {
    EvaluationError::NoResult { operation }
}

impl Value {
    fn truth(truth: bool) -> Self {
        Self::Number(Number::whole(i64::from(truth)))
    }

    fn whole(value: i128) -> Option<Self> {
        Number::fraction(value, 1).map(Self::Number)
    }

    /// As in Python: not 0, not empty.
    fn is_true(&self) -> bool {
        match self {
            Self::Number(number) => !number.is_zero(),
            Self::Text(text) => !text.is_empty(),
            Self::List(list) => !list.is_empty(),
        }
    }

    fn number(&self, operation: &'static str) -> Result<Number, EvaluationError> {
        match self {
            Self::Number(number) => Ok(*number),
            Self::Text(_) => Err(EvaluationError::Type {
                operation,
                what: "a text",
            }),
            Self::List(_) => Err(EvaluationError::Type {
                operation,
                what: "a list",
            }),
        }
    }

    fn whole_or(&self, operation: &'static str) -> Result<i128, EvaluationError> {
        self.number(operation)?
            .as_whole()
            .ok_or(EvaluationError::Type {
                operation,
                what: "a number that is not whole",
            })
    }
}

impl fmt::Display for Value {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(formatter, "{number}"),
            Self::Text(text) => formatter.write_str(text),
            Self::List(list) => {
                formatter.write_str("[")?;
                for (index, value) in list.iter().enumerate() {
                    if index > 0 {
                        formatter.write_str(", ")?;
                    }
                    write!(formatter, "{value}")?;
                }
                formatter.write_str("]")
            }
        }
    }
}
