//! The tree of an expression, and the one file that knows the parser's.

use super::function::Function;
use crate::plan::span::Span;
use github_actions_expressions::literal::Literal as ParserLiteral;
use github_actions_expressions::op::{BinExpr, BinOp, UnOp};
use github_actions_expressions::{Expr as ParserExpr, SpannedExpr};
use std::borrow::Cow;

/// A part of an expression, with its text.
#[derive(Debug)]
pub struct Node<'s> {
    pub expr: Expr<'s>,
    /// As it is spelled, with the parentheses around it.
    pub source: &'s str,
    /// In the expression.
    pub span: Span,
}

#[derive(Debug)]
pub enum Expr<'s> {
    Literal(Literal<'s>),
    /// The `*` in `labels.*` and `labels[*]`.
    Star,
    Identifier(&'s str),
    /// What stands in brackets.
    Index(Box<Node<'s>>),
    Call(Call<'s>),
    /// The parts of a path, such as `github.event[0]`.
    Path(Vec<Node<'s>>),
    Binary(Binary<'s>),
    Not(Box<Node<'s>>),
}

#[derive(Debug)]
pub enum Literal<'s> {
    Null,
    Boolean(bool),
    Number(f64),
    String(Cow<'s, str>),
}

#[derive(Debug)]
pub struct Call<'s> {
    pub function: Function,
    pub arguments: Vec<Node<'s>>,
}

#[derive(Debug)]
pub struct Binary<'s> {
    pub left: Box<Node<'s>>,
    pub operator: Operator,
    pub right: Box<Node<'s>>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Operator {
    And,
    Or,
    Equal,
    NotEqual,
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
}

impl<'s> Node<'s> {
    /// The parser's tree of a text that differs from `source` in the names of functions
    /// alone.
    pub(super) fn of(parsed: &SpannedExpr<'_>, source: &'s str) -> Self {
        let span = parsed.origin.span.start..parsed.origin.span.end;
        let text = &source[span.clone()];
        let expr = match &parsed.inner {
            ParserExpr::Literal(found) => Expr::Literal(literal(found, text)),
            ParserExpr::Star => Expr::Star,
            ParserExpr::Identifier(_) => Expr::Identifier(text),
            ParserExpr::Index(index) => Expr::Index(Box::new(Self::of(index, source))),
            ParserExpr::Call(call) => Expr::Call(Call {
                function: called(text).unwrap_or_else(|| call.func.into()),
                arguments: call.args.iter().map(|argument| Self::of(argument, source)).collect(),
            }),
            ParserExpr::Context(context) => {
                Expr::Path(context.parts.iter().map(|part| Self::of(part, source)).collect())
            }
            ParserExpr::BinExpr(BinExpr { lhs, op, rhs }) => Expr::Binary(Binary {
                left: Box::new(Self::of(lhs, source)),
                operator: op.into(),
                right: Box::new(Self::of(rhs, source)),
            }),
            ParserExpr::UnExpr { op: UnOp::Not, expr } => {
                Expr::Not(Box::new(Self::of(expr, source)))
            }
        };
        Self { expr, source: text, span }
    }
}

/// The function of ours that a call names. Parentheses may stand around the call.
fn called(text: &str) -> Option<Function> {
    let call = text.trim_start_matches(|letter: char| letter == '(' || letter.is_whitespace());
    let (name, _) = call.split_once('(')?;
    Function::own(name.trim_end()).map(|own| own.function)
}

/// A literal, a string of which may have parentheses around it.
fn literal<'s>(parsed: &ParserLiteral<'_>, text: &'s str) -> Literal<'s> {
    match parsed {
        ParserLiteral::Null => Literal::Null,
        ParserLiteral::Boolean(value) => Literal::Boolean(*value),
        ParserLiteral::Number(number) => Literal::Number(*number),
        ParserLiteral::String(_) => {
            let (_, rest) = text.split_once('\'').unwrap_or(("", text));
            let (inner, _) = rest.rsplit_once('\'').unwrap_or((rest, ""));
            Literal::String(if inner.contains('\'') {
                Cow::Owned(inner.replace("''", "'"))
            } else {
                Cow::Borrowed(inner)
            })
        }
    }
}

impl From<&BinOp> for Operator {
    fn from(operator: &BinOp) -> Self {
        match operator {
            BinOp::And => Self::And,
            BinOp::Or => Self::Or,
            BinOp::Eq => Self::Equal,
            BinOp::Neq => Self::NotEqual,
            BinOp::Gt => Self::Greater,
            BinOp::Ge => Self::GreaterOrEqual,
            BinOp::Lt => Self::Less,
            BinOp::Le => Self::LessOrEqual,
        }
    }
}
