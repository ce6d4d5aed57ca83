//! Walks an expression over a scope.
//!
//! The rules are those of actions/runner (`src/Sdk/Expressions/Sdk`). Where
//! GitHub answers a context that is not there with an error, so does this; a
//! member that is not there is `null`.

use super::coerce::{order, same};
use super::functions;
use super::scope::Scope;
use super::syntax::{self, SyntaxError};
use super::tree::{Binary, Expr, Literal, Node, Operator};
use super::value::{Kind, Value};
use crate::plan::span::{Span, Spanned};
use std::cmp::Ordering;
use std::sync::Arc;

/// An expression that cannot be evaluated, or whose value does not fit its place.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{message}")]
pub struct EvalError {
    /// Stable, documented, searchable: `unknown-context`.
    pub code: &'static str,
    /// Never holds the value of a secret.
    pub message: String,
    /// In the plan's text.
    pub span: Span,
    pub help: Option<String>,
}

impl From<SyntaxError> for EvalError {
    fn from(error: SyntaxError) -> Self {
        Self { code: "bad-expression", message: error.message, span: error.span, help: error.help }
    }
}

/// The value of an expression.
pub fn evaluate(expression: &Spanned<String>, scope: &Scope) -> Result<Value, EvalError> {
    let evaluator = Evaluator::new(scope, expression);
    let tree = syntax::parse(&expression.value, 0).map_err(|error| EvalError {
        span: evaluator.absolute(error.span.clone()),
        ..error.into()
    })?;
    evaluator.value(&tree)
}

pub(super) struct Evaluator<'a> {
    pub(super) scope: &'a Scope,
    expression: &'a Spanned<String>,
}

impl<'a> Evaluator<'a> {
    pub(super) fn new(scope: &'a Scope, expression: &'a Spanned<String>) -> Self {
        Self { scope, expression }
    }
}

impl Evaluator<'_> {
    /// Converts a place in the expression to one in the plan. The span of the whole
    /// expression, if the plan spells it with escapes or over several lines.
    fn absolute(&self, local: Span) -> Span {
        let whole = &self.expression.span;
        if whole.len() == self.expression.value.len() {
            whole.start + local.start..whole.start + local.end
        } else {
            whole.clone()
        }
    }

    pub(super) fn error(&self, code: &'static str, at: &Node<'_>, message: String) -> EvalError {
        let span = self.absolute(at.span.clone());
        EvalError { code, message, span, help: None }
    }

    pub(super) fn value(&self, node: &Node<'_>) -> Result<Value, EvalError> {
        match &node.expr {
            Expr::Literal(literal) => Ok(self::literal(literal)),
            // A star is only parsed inside an index, which is evaluated before.
            Expr::Star => Ok(Value::NULL),
            Expr::Identifier(name) => self.context(node, name),
            Expr::Index(index) => self.value(index),
            Expr::Call(call) => functions::call(self, node, call),
            Expr::Path(parts) => self.path(parts),
            Expr::Binary(binary) => self.binary(binary),
            Expr::Not(inner) => {
                let value = self.value(inner)?;
                Ok(Value::from(!value.is_truthy()).tainted(value.taint()))
            }
        }
    }

    fn context(&self, at: &Node<'_>, name: &str) -> Result<Value, EvalError> {
        self.scope.context(name).cloned().ok_or_else(|| {
            let mut error =
                self.error("unknown-context", at, format!("`{name}` is not known here"));
            error.help = Some(match super::contexts::context(name) {
                Some(known) => format!("`{name}` is there {}", known.phase.describe()),
                None => "text stands in single quotes".to_owned(),
            });
            error
        })
    }

    fn path(&self, parts: &[Node<'_>]) -> Result<Value, EvalError> {
        let Some((head, rest)) = parts.split_first() else { return Ok(Value::NULL) };
        let mut value = self.value(head)?;
        for part in rest {
            value = match &part.expr {
                Expr::Star => every(&value),
                Expr::Identifier(name) => at(&value, &Value::from(*name)),
                Expr::Index(index) if matches!(index.expr, Expr::Star) => every(&value),
                _ => at(&value, &self.value(part)?),
            };
        }
        Ok(value)
    }

    /// `&&` and `||` give one of their operands, with its own taint alone: that
    /// a secret decided between `'yes'` and `'no'` makes neither a secret.
    fn binary(&self, binary: &Binary<'_>) -> Result<Value, EvalError> {
        let left = self.value(&binary.left)?;
        match binary.operator {
            Operator::And if !left.is_truthy() => return Ok(left),
            Operator::Or if left.is_truthy() => return Ok(left),
            _ => {}
        }
        let right = self.value(&binary.right)?;
        let order = || order(&left, &right);
        let holds = match binary.operator {
            Operator::And | Operator::Or => return Ok(right),
            Operator::Equal => same(&left, &right),
            Operator::NotEqual => !same(&left, &right),
            Operator::Greater => order() == Some(Ordering::Greater),
            Operator::GreaterOrEqual => order().is_some_and(Ordering::is_ge),
            Operator::Less => order() == Some(Ordering::Less),
            Operator::LessOrEqual => order().is_some_and(Ordering::is_le),
        };
        Ok(Value::from(holds).tainted(left.taint()).tainted(right.taint()))
    }
}

fn literal(literal: &Literal<'_>) -> Value {
    match literal {
        Literal::Null => Value::NULL,
        Literal::Boolean(value) => Value::from(*value),
        Literal::Number(number) => Value::from(*number),
        Literal::String(text) => Value::from(text.as_ref()),
    }
}

/// `value.*`
fn every(value: &Value) -> Value {
    let members = match &value.kind {
        Kind::Array(items) => items.to_vec(),
        Kind::Filtered(items) => items.iter().flat_map(children).collect(),
        Kind::Object(_) => children(value),
        Kind::Null | Kind::Boolean(_) | Kind::Number(_) | Kind::String(_) => Vec::new(),
    };
    Value::new(Kind::Filtered(Arc::new(members))).tainted(&value.taint)
}

fn children(value: &Value) -> Vec<Value> {
    let members: Vec<Value> = match &value.kind {
        Kind::Array(items) | Kind::Filtered(items) => items.to_vec(),
        Kind::Object(object) => object.iter().map(|(_, member)| member.clone()).collect(),
        Kind::Null | Kind::Boolean(_) | Kind::Number(_) | Kind::String(_) => Vec::new(),
    };
    members.into_iter().map(|member| member.tainted(&value.taint)).collect()
}

/// `value[index]`
fn at(value: &Value, index: &Value) -> Value {
    let found = match &value.kind {
        Kind::Filtered(items) => {
            let found = items.iter().filter_map(|item| member(item, index)).collect();
            Some(Value::new(Kind::Filtered(Arc::new(found))))
        }
        Kind::Null
        | Kind::Boolean(_)
        | Kind::Number(_)
        | Kind::String(_)
        | Kind::Array(_)
        | Kind::Object(_) => member(value, index),
    };
    found.map_or(Value::NULL, |found| found.tainted(&value.taint).tainted(&index.taint))
}

fn member(value: &Value, index: &Value) -> Option<Value> {
    let found = match &value.kind {
        Kind::Object(object) if !index.is_collection() => object.get(&index.to_text()),
        Kind::Array(items) | Kind::Filtered(items) => items.get(position(index)?),
        Kind::Object(_) | Kind::Null | Kind::Boolean(_) | Kind::Number(_) | Kind::String(_) => None,
    };
    found.map(|found| found.clone().tainted(&value.taint))
}

/// GitHub rounds an index down; one below zero or beyond 32 bits finds nothing.
fn position(index: &Value) -> Option<usize> {
    let number = index.to_number().floor();
    if !(0.0..=f64::from(i32::MAX)).contains(&number) {
        return None;
    }
    format!("{number}").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::{EvalError, evaluate};
    use crate::plan::expr::{Object, Scope, Status, Value};
    use crate::plan::span::Spanned;
    use crate::secret::Redactor;
    use proptest::prelude::{Strategy, any, prop, prop_oneof, proptest};
    use serde_json::json;
    use std::path::Path;
    use std::sync::Arc;

    fn eval(source: &str, scope: &Scope) -> Result<Value, EvalError> {
        evaluate(&Spanned::new(source.to_owned(), 0..source.len()), scope)
    }

    fn shown(source: &str, scope: &Scope) -> String {
        match eval(source, scope) {
            Ok(value) => format!("{value:?}"),
            Err(error) => format!("{}: {error}", error.code),
        }
    }

    fn scope() -> Scope {
        let event = json!({
            "number": 12,
            "draft": false,
            "labels": [{ "name": "preview", "id": 1 }, { "name": "urgent", "id": 2 }, { "id": 3 }],
            "pull_request": { "head": { "Ref": "topic" }, "body": null },
        });
        let github = Object::default().with("event", &event).with("ref", "refs/heads/main");
        let redactor = Redactor::default();
        let secrets = Object::default()
            .with("token", Value::secret(&redactor.adopt("secrets.token", "hunter22".to_owned())))
            .with(
                "list",
                Value::secret(&redactor.adopt("secrets.list", r#"["alpha","beta"]"#.to_owned())),
            );
        Scope::new(redactor)
            .with("github", github)
            .with("secrets", secrets)
            .with("vars", Object::default().with("cpu", "1.10").with("empty", ""))
    }

    #[test]
    fn gives_the_known_answers_of_github() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/expressions");
        let mut cases = 0;
        let mut wrong = Vec::new();
        for entry in std::fs::read_dir(folder).expect("the fixtures are there") {
            let path = entry.expect("can be listed").path();
            if path.extension().is_none_or(|extension| extension != "json") {
                continue;
            }
            let text = std::fs::read_to_string(&path).expect("can be read");
            let groups: serde_json::Value = serde_json::from_str(&text).expect("is JSON");
            for (group, list) in groups.as_object().expect("holds groups") {
                for case in list.as_array().expect("holds cases") {
                    cases += 1;
                    let source = case["expr"].as_str().expect("has an expression");
                    if let Some(difference) = difference(group, case) {
                        wrong.push(format!("{group}: `{source}`: {difference}"));
                    }
                }
            }
        }
        assert_eq!(wrong, Vec::<String>::new());
        assert_eq!(cases, 1020);
    }

    /// How the answer differs from GitHub's, apart from these: GitHub counts the
    /// members of a path and the bytes of what is compared towards its limits,
    /// and takes an empty expression for an empty text.
    fn difference(group: &str, case: &serde_json::Value) -> Option<String> {
        let source = case["expr"].as_str()?;
        let contexts = case["contexts"].as_object().cloned().unwrap_or_default();
        let scope =
            contexts.iter().fold(Scope::default(), |scope, (name, value)| scope.with(name, value));
        let answer = eval(source, &scope);
        let expected = &case["result"];
        if ["empty_expression", "memory-errors"].contains(&group)
            || group == "depth-errors" && source.starts_with("foo")
        {
            return None;
        }
        match answer {
            Ok(answer) if expected.is_object() => {
                let wanted = match (expected["kind"].as_str(), expected["value"].as_str()) {
                    (Some("Number"), Some(text)) => {
                        Value::from(text.parse::<f64>().unwrap_or(f64::NAN))
                    }
                    _ => Value::from(&expected["value"]),
                };
                let (answer, wanted) = (format!("{answer:?}"), format!("{wanted:?}"));
                (answer != wanted).then(|| format!("{answer} and not {wanted}"))
            }
            Ok(answer) => Some(format!("{answer:?} and no error")),
            Err(error) => expected.is_object().then(|| error.to_string()),
        }
    }

    #[test]
    fn members_are_found_and_missing_ones_are_null() {
        #[track_caller]
        fn case(source: &str, expected: &str) {
            assert_eq!(shown(source, &scope()), expected, "{source}");
        }
        case("github.event.number", "12");
        case("GITHUB.Event['NUMBER']", "12");
        case("github.event.pull_request.head.ref", r#""topic""#);
        case("github.event.nothing.at.all", "null");
        case("github.event.labels[1].name", r#""urgent""#);
        case("github.event.labels['1'].name", r#""urgent""#);
        case("github.event.labels[1.9].name", r#""urgent""#);
        case("github.event.labels[-1]", "null");
        case("github.event.labels[99]", "null");
        case("github.event.labels[github.event]", "null");
        case("github.event.labels.*.name", r#"["preview", "urgent"]"#);
        case("github.event.labels.*.id", "[1, 2, 3]");
        case("github.event.*.*.ref", r#"["topic"]"#);
        case("github.ref.*", "[]");
        case("contains(github.event.labels.*.name, 'PREVIEW')", "true");
        case("join(github.event.labels.*.name, ' and ')", r#""preview and urgent""#);
        case("nowhere.x", "unknown-context: `nowhere` is not known here");
    }

    #[test]
    fn a_variable_keeps_its_spelling_and_is_a_number_to_operators() {
        #[track_caller]
        fn case(source: &str, expected: &str) {
            assert_eq!(shown(source, &scope()), expected, "{source}");
        }
        case("vars.cpu", r#""1.10""#);
        case("format('{0}', vars.cpu)", r#""1.10""#);
        case("vars.cpu == 1.1", "true");
        case("vars.cpu > 1", "true");
        case("vars.cpu == '1.1'", "false");
        case("vars.empty == 0", "true");
        case("vars.empty || 'x'", r#""x""#);
    }

    /// Left, right, and whether `== != < <= > >=` hold.
    #[test]
    fn comparisons_coerce_as_at_github() {
        const OPERATORS: [&str; 6] = ["==", "!=", "<", "<=", ">", ">="];
        #[track_caller]
        fn case(left: &str, right: &str, expected: &str) {
            let scope = scope().with("object", &json!({ "a": 1 })).with("array", &json!([1]));
            let holding: Vec<_> = OPERATORS
                .into_iter()
                .filter(|operator| shown(&format!("{left} {operator} {right}"), &scope) == "true")
                .collect();
            assert_eq!(holding.join(" "), expected, "{left} ? {right}");
        }
        case("1", "1", "== <= >=");
        case("1", "2", "!= < <=");
        case("1", "'1'", "== <= >=");
        case("'1'", "'1.0'", "!= < <=");
        case("1", "'1.0'", "== <= >=");
        case("1", "' 1 '", "== <= >=");
        case("1", "'one'", "!=");
        case("0", "''", "== <= >=");
        case("0", "null", "== <= >=");
        case("''", "null", "== <= >=");
        case("'x'", "null", "!=");
        case("null", "null", "== <= >=");
        case("null", "false", "== <= >=");
        case("null", "true", "!= < <=");
        case("true", "1", "== <= >=");
        case("true", "'1'", "== <= >=");
        case("true", "'true'", "!=");
        case("true", "false", "!= > >=");
        case("true", "true", "== <= >=");
        case("NaN", "NaN", "!=");
        case("NaN", "0", "!=");
        case("Infinity", "'Infinity'", "== <= >=");
        case("-Infinity", "0", "!= < <=");
        case("255", "'0xff'", "== <= >=");
        case("8", "'0o10'", "== <= >=");
        case("-1", "'0xffffffff'", "== <= >=");
        case("1000", "'1e3'", "== <= >=");
        case("'abc'", "'ABC'", "== <= >=");
        case("'a'", "'B'", "!= < <=");
        case("'_'", "'a'", "!= > >=");
        case("'ä'", "'Ä'", "== <= >=");
        case("'ß'", "'SS'", "!= > >=");
        case("'ı'", "'I'", "!= > >=");
        case("object", "object", "== <= >=");
        case("object", "array", "!=");
        case("object", "fromJSON('{\"a\": 1}')", "!=");
        case("array", "1", "!=");
        case("array", "null", "!=");
        case("object", "'Object'", "!=");
    }

    #[test]
    fn numbers_show_fifteen_digits() {
        #[track_caller]
        fn case(source: &str, expected: &str) {
            assert_eq!(shown(source, &scope()), expected, "{source}");
        }
        case("1.0", "1");
        case("-0", "0");
        case("0.1", "0.1");
        case("1e2", "100");
        case("123456.789", "123456.789");
        case("0.84551240822557006", "0.84551240822557");
        case("123456789012345", "123456789012345");
        case("1234567890123456", "1.23456789012346E+15");
        case("1e21", "1E+21");
        case("0.00001", "1E-05");
        case("0.0001", "0.0001");
        case("0.5e-7", "5E-08");
        case("1.5e300", "1.5E+300");
        case("NaN", "NaN");
        case("Infinity", "Infinity");
        case("-Infinity", "-Infinity");
    }

    #[test]
    fn logical_operators_give_an_operand_and_look_no_further() {
        #[track_caller]
        fn case(source: &str, expected: &str) {
            assert_eq!(shown(source, &scope()), expected, "{source}");
        }
        case("'a' && 'b'", r#""b""#);
        case("'' && 'b'", r#""""#);
        case("0 || 'b'", r#""b""#);
        case("null || NaN", "NaN");
        case("false && fromJSON('broken')", "false");
        case("true || fromJSON('broken')", "true");
        case("!'a' || 'x' == 'X' && 1 < 2", "true");
        case("1 < 2 == true", "true");
        case("github.event.draft == false && 'open' || 'draft'", r#""open""#);
        case(
            "case(github.event.draft, 'draft', github.event.number > 10, 'late', 'early')",
            r#""late""#,
        );
        case(
            "case(1, 'a', 'b')",
            "bad-case: the condition `1` of `case` is neither true nor false",
        );
    }

    #[test]
    fn functions_do_as_at_github() {
        #[track_caller]
        fn case(source: &str, expected: &str) {
            let hash = |patterns: &[String]| match patterns {
                [pattern] if pattern == "none" => Err("`none` cannot be read".to_owned()),
                patterns => Ok(patterns.join("+")),
            };
            let scope = scope().with_hash_files(Arc::new(hash)).with_status(Status::Failure);
            assert_eq!(shown(source, &scope), expected, "{source}");
        }
        case("STARTSWITH('Hello', 'hE')", "true");
        case("endsWith('Hello', 'LO')", "true");
        case("startsWith(github.event, '')", "false");
        case("contains('', '')", "true");
        case("contains('abc', null)", "true");
        case("contains(github.event, 'number')", "false");
        case("contains(fromJSON('[1,2]'), '2')", "true");
        case("format('{{{0}}} {1} {0}', 'a', null)", r#""{a}  a""#);
        case(
            "format('{0}')",
            "bad-format: the template names `{0}`, for which there is no argument",
        );
        case("format('{')", "bad-format: a brace stands alone in the template of `format`");
        case("join('a')", r#""a""#);
        case("join(github.event)", r#""""#);
        case("join(fromJSON('[1,null,true,[2]]'))", r#""1,,true,Array""#);
        case("fromJSON('1.50')", "1.5");
        case("fromJSON('')", "bad-json: `fromJSON` was given an empty text");
        case(
            "fromJSON('{')",
            "bad-json: `fromJSON` was given no JSON: EOF while parsing an object at line 1 column 1",
        );
        case(r#"toJSON('a"b')"#, r#""\"a\\\"b\"""#);
        case(
            r#"toJSON(fromJSON('{"a":[1,{}],"b":[]}'))"#,
            r#""{\n  \"a\": [\n    1,\n    {}\n  ],\n  \"b\": []\n}""#,
        );
        case("hashFiles('a', 'b/**')", r#""a+b/**""#);
        case("hashFiles('none')", "hash-files: `none` cannot be read");
        case("lower('ÄB C')", r#""äb c""#);
        case("Upper('straße 1')", r#""STRASSE 1""#);
        case("lower(1.50)", r#""1.5""#);
        case("lower(null)", r#""""#);
        case("lower(github.event)", r#""object""#);
        case("replace('feature/a/b', '/', '-')", r#""feature-a-b""#);
        case("replace('Aa', 'a', '')", r#""A""#);
        case("replace('abc', '', '-')", r#""abc""#);
        case("slug('Feature/ADD_Größe--2!')", r#""feature-add-gr-e-2""#);
        case("slug('---')", r#""""#);
        case("match('web-v1.2', '^web-v(.+)$')", r#""1.2""#);
        case("match('20200110-RC2', '[0-9]+')", r#""20200110""#);
        case("match('api-v1', '^web-')", r#""""#);
        case("match('ab', '(x)?ab')", r#""ab""#);
        case("pep440('v1.2.3RC2', 'version')", r#""1.2.3rc2""#);
        case("pep440('1.2.3', 'minor')", r#""1.2""#);
        case("date('2026-11-28T23:30:05Z', '%Y%m%d')", r#""20261128""#);
        case("date('2026-11-28T23:30:05-02:00', '%Y-%m-%dT%H-%M-%S')", r#""2026-11-29T01-30-05""#);
        case("date('', '%Y%m%d')", r#""""#);
        let no_time = "bad-date: the first argument of `date` is no time";
        case("date('2026-11-28', '%Y')", no_time);
        case("date(true, '%Y')", no_time);
        let no_format = "bad-date: the second argument of `date` is no format of `strftime`";
        case("date('2026-11-28T23:30:05Z', 'YYYYMMDD')", no_format);
        case("date('2026-11-28T23:30:05Z', '%Y%')", no_format);
        case("date('', '%!')", no_format);
        case("(slug( ( lower ( 'A B' ) ) )) == 'a-b'", "true");
        case("success()", "false");
        case("failure()", "true");
        case("cancelled()", "false");
        case("always()", "true");
    }

    #[test]
    fn a_secret_stays_secret_wherever_its_text_goes() {
        #[track_caller]
        fn case(source: &str, expected: &str) {
            let value = eval(source, &scope()).expect("has a value");
            assert_eq!(value.text_taint().source(), expected, "{source}");
        }
        case("secrets.token", "secrets.token");
        case("secrets['TOKEN']", "secrets.token");
        case("secrets", "secrets.list + secrets.token");
        case("secrets.*", "secrets.list + secrets.token");
        case("toJSON(secrets)", "secrets.list + secrets.token");
        case("format('{0}:{1}', 'user', secrets.token)", "secrets.token");
        case("join(secrets.*, ',')", "secrets.list + secrets.token");
        case("join(fromJSON('[1,2]'), secrets.token)", "secrets.token");
        case("slug(lower(upper(secrets.token)))", "secrets.token");
        case("match(secrets.token, '.')", "secrets.token");
        case("match('a', secrets.token)", "secrets.token");
        case("pep440(secrets.token, 'version')", "secrets.token");
        case("date('', format('%Y{0}', secrets.token))", "secrets.token");
        case("replace('a', 'a', secrets.token)", "secrets.token");
        case("replace('hunter2222', secrets.token, '')", "secrets.token");
        case("fromJSON(secrets.list)[0]", "secrets.list");
        case("fromJSON(secrets.list).*", "secrets.list");
        case("join(fromJSON(secrets.list).*)", "secrets.list");
        case("vars.empty || secrets.token", "secrets.token");
        case("secrets.token && secrets.list", "secrets.list");
        case("case(true, secrets.token, 'x')", "secrets.token");
        case("fromJSON('{\"hunter22\": \"x\"}')[secrets.token]", "secrets.token");
    }

    #[test]
    fn what_a_secret_only_decides_is_none() {
        #[track_caller]
        fn case(source: &str, taint: &str) {
            let value = eval(source, &scope()).expect("has a value");
            assert_eq!(
                (value.taint().source(), value.text_taint().source()),
                (taint.to_owned(), String::new())
            );
        }
        case("secrets.token == 'x'", "secrets.token");
        case("!secrets.token", "secrets.token");
        case("contains(secrets.token, 'x')", "secrets.token");
        case("secrets.token != '' && 'yes' || 'no'", "");
    }

    #[test]
    fn errors_point_into_the_plan_and_hold_no_secret() {
        let source = "vars.cpu == fromJSON(secrets.token)";
        let error = evaluate(&Spanned::new(source.to_owned(), 100..100 + source.len()), &scope())
            .expect_err("is no JSON");
        assert_eq!(error.span, 112..135);
        assert_eq!(
            error.message,
            "`fromJSON` was given no JSON: expected value at line 1 column 1"
        );
        let folded =
            evaluate(&Spanned::new(source.to_owned(), 100..999), &scope()).expect_err("is no JSON");
        assert_eq!(folded.span, 100..999);
    }

    #[test]
    fn a_context_of_a_later_phase_is_explained() {
        let error = eval("steps.push.outputs.digest", &scope()).expect_err("is not there");
        assert_eq!(error.to_string(), "`steps` is not known here");
        assert_eq!(
            error.help.as_deref(),
            Some("`steps` is there in steps, after the step it names")
        );
    }

    #[test]
    fn texts_that_grow_without_bound_are_stopped() {
        let mut source = "'0123456789'".to_owned();
        for _ in 0..21 {
            source = format!("format('{{0}}{{0}}', {source})");
        }
        let error = eval(&source, &scope()).expect_err("is too large");
        assert_eq!(
            (error.code, error.to_string().as_str()),
            ("too-large", "the text would be larger than 10 MiB")
        );
    }

    #[test]
    fn the_deepest_expression_fits_the_stack() {
        let chain = vec!["1"; 301].join("<");
        assert_eq!(shown(&chain, &scope()), "true");
    }

    /// Expressions that parse, mostly.
    fn expressions() -> impl Strategy<Value = String> {
        let leaf = prop_oneof![
            prop::sample::select(vec![
                "github",
                "github.event",
                "github.event.labels",
                "secrets.token",
                "vars.cpu",
                "null",
                "true",
                "NaN",
                "''",
                "'{0}'",
                "'[1,{\"a\":2}]'",
                "-0.5",
                "1e300",
                "'0x80000000'",
            ])
            .prop_map(str::to_owned),
            "'[ -~]{0,6}'",
            any::<f64>()
                .prop_filter("is a number", |number| number.is_finite())
                .prop_map(|n| format!("{n}")),
        ];
        leaf.prop_recursive(5, 40, 3, |inner| {
            let binary = prop::sample::select(vec!["&&", "||", "==", "!=", "<", "<=", ">", ">="]);
            let call = prop::sample::select(vec![
                "contains",
                "startsWith",
                "endsWith",
                "format",
                "join",
                "toJSON",
                "fromJSON",
                "case",
                "hashFiles",
                "lower",
                "upper",
                "replace",
                "slug",
                "match",
                "pep440",
                "date",
            ]);
            prop_oneof![
                (inner.clone(), binary, inner.clone())
                    .prop_map(|(l, op, r)| format!("({l} {op} {r})")),
                inner.clone().prop_map(|inner| format!("!{inner}")),
                (inner.clone(), inner.clone()).prop_map(|(l, r)| format!("({l})[{r}]")),
                inner.clone().prop_map(|inner| format!("({inner}).*.id")),
                (call, prop::collection::vec(inner, 0..4))
                    .prop_map(|(name, arguments)| format!("{name}({})", arguments.join(", "))),
            ]
        })
    }

    proptest! {
        #[test]
        fn evaluation_never_panics(source in expressions()) {
            if let Ok(value) = eval(&source, &scope()) {
                let _shown = (format!("{value:?}"), value.to_text().len(), value.to_number(), value.is_truthy());
            }
        }

        #[test]
        fn no_text_makes_it_panic(source in "\\PC{0,40}") {
            if let Err(error) = eval(&source, &scope()) {
                assert!(source.get(error.span.clone()).is_some(), "{:?} in {source:?}", error.span);
            }
        }

        #[test]
        fn a_secret_is_in_no_debug_output(source in expressions()) {
            let shown = shown(&source, &scope());
            let given = source.to_lowercase().contains("hunter22");
            assert!(given || !shown.contains("hunter22"), "{source} gives {shown}");
        }

        #[test]
        fn numbers_survive_their_text(number in any::<f64>().prop_filter("is finite", |n| n.is_finite())) {
            let text = crate::plan::expr::primitive::number_to_text(number);
            let back = crate::plan::expr::primitive::text_to_number(&text);
            assert!((back - number).abs() <= number.abs() * 1e-14, "{number} as {text} is {back}");
        }
    }
}
