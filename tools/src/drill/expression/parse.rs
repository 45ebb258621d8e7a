//! Reads the text between `%{` and `}%`.
//!
//! Called by the script parser with the place where the text begins, so that errors point into the
//! script. What Python has and we do not (loops, definitions, imports, attributes) is an error that
//! names it; nesting is bounded.

mod tokens;

use thiserror::Error;

use super::{
    Binary, Comparison, Expression, Function, Number, Program, Statement, Truth, Unary, What,
};
use crate::drill::ast::Position;
use crate::drill::constants::{INFO_VALUES, by_name};
use tokens::{Kind, Token, tokens};

/// How deep parentheses, lists and operators may nest.
const DEPTH_MAX: u32 = 64;

/// How many words and operators a program may have. A chain of operators nests as deep as it is long.
const TOKENS_MAX: usize = 1_000;

/// The fields that can be asked for: those of Linux's `tcp_info`. Whether a back end knows one is
/// seen when the assertion is evaluated.
pub const FIELDS: &[&str] = &[
    "tcpi_state",
    "tcpi_ca_state",
    "tcpi_retransmits",
    "tcpi_probes",
    "tcpi_backoff",
    "tcpi_options",
    "tcpi_snd_wscale",
    "tcpi_rcv_wscale",
    "tcpi_delivery_rate_app_limited",
    "tcpi_fastopen_client_fail",
    "tcpi_rto",
    "tcpi_ato",
    "tcpi_snd_mss",
    "tcpi_rcv_mss",
    "tcpi_unacked",
    "tcpi_sacked",
    "tcpi_lost",
    "tcpi_retrans",
    "tcpi_fackets",
    "tcpi_last_data_sent",
    "tcpi_last_ack_sent",
    "tcpi_last_data_recv",
    "tcpi_last_ack_recv",
    "tcpi_pmtu",
    "tcpi_rcv_ssthresh",
    "tcpi_rtt",
    "tcpi_rttvar",
    "tcpi_snd_ssthresh",
    "tcpi_snd_cwnd",
    "tcpi_cwnd",
    "tcpi_advmss",
    "tcpi_reordering",
    "tcpi_rcv_rtt",
    "tcpi_rcv_space",
    "tcpi_total_retrans",
    "tcpi_pacing_rate",
    "tcpi_max_pacing_rate",
    "tcpi_bytes_acked",
    "tcpi_bytes_received",
    "tcpi_segs_out",
    "tcpi_segs_in",
    "tcpi_notsent_bytes",
    "tcpi_min_rtt",
    "tcpi_data_segs_in",
    "tcpi_data_segs_out",
    "tcpi_delivery_rate",
    "tcpi_busy_time",
    "tcpi_rwnd_limited",
    "tcpi_sndbuf_limited",
    "tcpi_delivered",
    "tcpi_delivered_ce",
    "tcpi_bytes_sent",
    "tcpi_bytes_retrans",
    "tcpi_dsack_dups",
    "tcpi_reord_seen",
    "tcpi_rcv_ooopack",
    "tcpi_snd_wnd",
    "tcpi_rcv_wnd",
    "tcpi_rehash",
    "tcpi_total_rto",
];

/// Words of Python that begin what we do not have.
const NOT_OURS: &[&str] = &[
    "import", "from", "def", "class", "for", "while", "if", "elif", "else", "try", "except",
    "with", "return", "lambda", "global", "del", "raise", "pass", "yield",
];

/// Why a program cannot be read.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub enum ExpressionError {
    /// A character that begins nothing.
    #[error("{0:?} means nothing here")]
    Character(char),
    /// A text without its end.
    #[error("the text has no end")]
    OpenText,
    /// A number that is none, or is too large.
    #[error("{0} is no number that can be held")]
    BadNumber(String),
    /// Something else than what has to follow.
    #[error("expected {expected}, found {found}")]
    Expected {
        /// What has to follow.
        expected: &'static str,
        /// What there is.
        found: String,
    },
    /// Python, but not ours.
    #[error(
        "`{0}` is Python that assertions here do not have (assert, print and `name = value` are)"
    )]
    NotOurs(String),
    /// A name that is no field, constant or variable.
    #[error("there is no field, constant or variable {0}")]
    UnknownName(String),
    /// A function that we do not have.
    #[error("there is no function {0} (abs, min, max, int, str and len are)")]
    UnknownFunction(String),
    /// Too deep.
    #[error("nested more than {DEPTH_MAX} deep")]
    TooDeep,
    /// Too long.
    #[error("a block has at most {TOKENS_MAX} words and operators")]
    TooLong,
}

/// Reads a program whose text begins at `start`. `variables` are the names that programs before it
/// set; what this one sets is added.
///
/// # Errors
///
/// What is wrong, and where in the script.
pub fn parse(
    text: &str,
    start: Position,
    variables: &mut Vec<String>,
) -> Result<Program, (Position, ExpressionError)> {
    let mut parser = Parser {
        tokens: tokens(text, start)?,
        next: 0,
        depth: 0,
        variables,
    };
    parser.program()
}

struct Parser<'a> {
    tokens: Vec<Token>,
    next: usize,
    depth: u32,
    variables: &'a mut Vec<String>,
}

type Parsed<T> = Result<T, (Position, ExpressionError)>;

impl Parser<'_> {
    fn program(&mut self) -> Parsed<Program> {
        let mut statements = Vec::new();
        loop {
            while self.take(&Kind::Separator) {}
            if self.peek().kind == Kind::End {
                return Ok(Program { statements });
            }
            statements.push(self.statement()?);
            match &self.peek().kind {
                Kind::Separator | Kind::End => {}
                _ => return Err(self.unexpected("the end of the statement")),
            }
        }
    }

    fn statement(&mut self) -> Parsed<Statement> {
        let position = self.peek().position;
        let what = match self.peek().kind.clone() {
            Kind::Word(word) if word == "assert" => {
                self.next += 1;
                let condition = self.expression()?;
                let message = if self.take(&Kind::Operator(",")) {
                    Some(self.expression()?)
                } else {
                    None
                };
                What::Assert { condition, message }
            }
            Kind::Word(word) if word == "print" => {
                self.next += 1;
                What::Print(self.printed()?)
            }
            Kind::Word(word) if NOT_OURS.contains(&word.as_str()) => {
                return Err((position, ExpressionError::NotOurs(word)));
            }
            Kind::Word(name) if self.second() == &Kind::Operator("=") => {
                self.next += 2;
                let value = self.expression()?;
                if !self.variables.contains(&name) {
                    self.variables.push(name.clone());
                }
                What::Assign { name, value }
            }
            _ => return Err(self.unexpected("assert, print or `name = value`")),
        };
        Ok(Statement { position, what })
    }

    /// What follows `print`: in parentheses or, as in old Python, not.
    fn printed(&mut self) -> Parsed<Vec<Expression>> {
        let mut values = vec![self.expression()?];
        while self.take(&Kind::Operator(",")) {
            values.push(self.expression()?);
        }
        // `print(a, b)` was read as a list in parentheses.
        Ok(match values.as_slice() {
            [Expression::List(inner)] => inner.clone(),
            _ => values,
        })
    }

    fn expression(&mut self) -> Parsed<Expression> {
        if self.depth >= DEPTH_MAX {
            return Err((self.peek().position, ExpressionError::TooDeep));
        }
        self.depth += 1;
        let expression = self.choice();
        self.depth -= 1;
        expression
    }

    fn choice(&mut self) -> Parsed<Expression> {
        let then = self.either()?;
        if !self.take_word("if") {
            return Ok(then);
        }
        let condition = self.either()?;
        if !self.take_word("else") {
            return Err(self.unexpected("else"));
        }
        Ok(Expression::Choice {
            condition: Box::new(condition),
            then: Box::new(then),
            otherwise: Box::new(self.expression()?),
        })
    }

    fn either(&mut self) -> Parsed<Expression> {
        let mut left = self.both()?;
        while self.take_word("or") {
            left = pair(Binary::Or, left, self.both()?);
        }
        Ok(left)
    }

    fn both(&mut self) -> Parsed<Expression> {
        let mut left = self.negation()?;
        while self.take_word("and") {
            left = pair(Binary::And, left, self.negation()?);
        }
        Ok(left)
    }

    fn negation(&mut self) -> Parsed<Expression> {
        let mut count = 0_u32;
        while self.take_word("not") {
            count += 1;
            if count > DEPTH_MAX {
                return Err((self.peek().position, ExpressionError::TooDeep));
            }
        }
        let mut expression = self.comparison()?;
        for _ in 0..count {
            expression = Expression::Unary(Unary::Not, Box::new(expression));
        }
        Ok(expression)
    }

    fn comparison(&mut self) -> Parsed<Expression> {
        let first = self.arithmetic(0)?;
        let mut rest = Vec::new();
        while let Some(comparison) = self.comparison_operator() {
            rest.push((comparison, self.arithmetic(0)?));
        }
        if rest.is_empty() {
            return Ok(first);
        }
        Ok(Expression::Compare(Box::new(first), rest))
    }

    fn comparison_operator(&mut self) -> Option<Comparison> {
        let comparison = match &self.peek().kind {
            Kind::Operator("==") => Comparison::Equal,
            Kind::Operator("!=") => Comparison::NotEqual,
            Kind::Operator("<") => Comparison::Less,
            Kind::Operator("<=") => Comparison::LessOrEqual,
            Kind::Operator(">") => Comparison::Greater,
            Kind::Operator(">=") => Comparison::GreaterOrEqual,
            Kind::Word(word) if word == "in" => Comparison::In,
            Kind::Word(word) if word == "not" && *self.second() == Kind::Word("in".to_owned()) => {
                self.next += 1;
                Comparison::NotIn
            }
            _ => return None,
        };
        self.next += 1;
        Some(comparison)
    }

    /// Operators of this level of [`LEVELS`] and all that bind closer.
    fn arithmetic(&mut self, level: usize) -> Parsed<Expression> {
        let Some(operators) = LEVELS.get(level) else {
            return self.unary();
        };
        let mut left = self.arithmetic(level + 1)?;
        loop {
            let operator = match &self.peek().kind {
                Kind::Operator(text) => operators.iter().find(|it| it.text() == *text),
                _ => None,
            };
            let Some(operator) = operator else {
                return Ok(left);
            };
            self.next += 1;
            left = pair(*operator, left, self.arithmetic(level + 1)?);
        }
    }

    fn unary(&mut self) -> Parsed<Expression> {
        let operator = match self.peek().kind {
            Kind::Operator("-") => Unary::Minus,
            Kind::Operator("~") => Unary::Invert,
            _ => return self.operand(),
        };
        if self.depth >= DEPTH_MAX {
            return Err((self.peek().position, ExpressionError::TooDeep));
        }
        self.next += 1;
        self.depth += 1;
        let operand = self.unary();
        self.depth -= 1;
        Ok(match (operator, operand?) {
            // So that `-1` prints as it was read.
            (Unary::Minus, Expression::Number(number)) if number.negative().is_some() => {
                Expression::Number(number.negative().unwrap_or(number))
            }
            (operator, operand) => Expression::Unary(operator, Box::new(operand)),
        })
    }

    fn operand(&mut self) -> Parsed<Expression> {
        let position = self.peek().position;
        match self.peek().kind.clone() {
            Kind::Number(number) => {
                self.next += 1;
                Ok(Expression::Number(number))
            }
            Kind::Text(text) => {
                self.next += 1;
                Ok(Expression::Text(text))
            }
            Kind::Operator("(") => {
                self.next += 1;
                let mut values = self.values(")")?;
                let only = if values.len() == 1 {
                    values.pop()
                } else {
                    None
                };
                Ok(only.unwrap_or(Expression::List(values)))
            }
            Kind::Operator("[") => {
                self.next += 1;
                Ok(Expression::List(self.values("]")?))
            }
            Kind::Word(word) => {
                self.next += 1;
                self.word(word, position)
            }
            Kind::Operator(_) | Kind::Separator | Kind::End => Err(self.unexpected("a value")),
        }
    }

    fn word(&mut self, word: String, position: Position) -> Parsed<Expression> {
        match word.as_str() {
            "True" => return Ok(Expression::Truth(Truth::True)),
            "False" => return Ok(Expression::Truth(Truth::False)),
            word if NOT_OURS.contains(&word) => {
                return Err((position, ExpressionError::NotOurs(word.to_owned())));
            }
            _ => {}
        }
        if self.take(&Kind::Operator("(")) {
            let Some(function) = Function::by_name(&word) else {
                return Err((position, ExpressionError::UnknownFunction(word)));
            };
            return Ok(Expression::Call(function, self.values(")")?));
        }
        let is_known = FIELDS.contains(&word.as_str())
            || by_name(INFO_VALUES, &word).is_some()
            || self.variables.contains(&word);
        if is_known {
            Ok(Expression::Name(word))
        } else {
            Err((position, ExpressionError::UnknownName(word)))
        }
    }

    /// Values with commas between them up to the closing bracket.
    fn values(&mut self, close: &'static str) -> Parsed<Vec<Expression>> {
        let mut values = Vec::new();
        loop {
            if self.take(&Kind::Operator(close)) {
                return Ok(values);
            }
            values.push(self.expression()?);
            if self.take(&Kind::Operator(",")) {
                continue;
            }
            if !self.take(&Kind::Operator(close)) {
                return Err(self.unexpected("`,` or the closing bracket"));
            }
            return Ok(values);
        }
    }

    fn peek(&self) -> &Token {
        // The last token is the end, and it is never taken.
        &self.tokens[self.next.min(self.tokens.len() - 1)]
    }

    fn second(&self) -> &Kind {
        &self.tokens[(self.next + 1).min(self.tokens.len() - 1)].kind
    }

    fn take(&mut self, kind: &Kind) -> bool {
        let is_it = self.peek().kind == *kind;
        if is_it {
            self.next += 1;
        }
        is_it
    }

    fn take_word(&mut self, word: &str) -> bool {
        let is_it = matches!(&self.peek().kind, Kind::Word(it) if it == word);
        if is_it {
            self.next += 1;
        }
        is_it
    }

    fn unexpected(&self, expected: &'static str) -> (Position, ExpressionError) {
        let token = self.peek();
        let found = token.kind.to_string();
        (
            token.position,
            ExpressionError::Expected { expected, found },
        )
    }
}

/// Operators with two operands, those that bind least first (Python's order).
const LEVELS: [&[Binary]; 6] = [
    &[Binary::BitOr],
    &[Binary::BitXor],
    &[Binary::BitAnd],
    &[Binary::ShiftLeft, Binary::ShiftRight],
    &[Binary::Add, Binary::Subtract],
    &[
        Binary::Multiply,
        Binary::Divide,
        Binary::DivideWhole,
        Binary::Remainder,
    ],
];

fn pair(operator: Binary, left: Expression, right: Expression) -> Expression {
    Expression::Binary(operator, Box::new(left), Box::new(right))
}
