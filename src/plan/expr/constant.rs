//! What is wrong with an expression whatever its contexts hold.

use super::evaluate::{EvalError, Evaluator};
use super::format::checked;
use super::function::Function;
use super::scope::Scope;
use super::syntax::{functions, parse, references};
use super::tree::{Binary, Call, Expr, Literal, Node};
use super::value::Value;
use crate::plan::span::Spanned;

/// The mistakes of the parts of an expression that depend on no context.
pub fn constant_mistakes(expression: &Spanned<String>) -> Vec<EvalError> {
    let scope = Scope::default();
    let Ok(tree) = parse(&expression.value, 0) else { return Vec::new() };
    let mut walk = Walk { evaluator: Evaluator::new(&scope, expression), found: Vec::new() };
    walk.visit(&tree);
    walk.found
}

/// The value of an expression that depends on no context.
pub fn constant_value(expression: &Spanned<String>) -> Option<Value> {
    let scope = Scope::default();
    let tree = parse(&expression.value, 0).ok()?;
    if !is_constant(&expression.value) {
        return None;
    }
    Evaluator::new(&scope, expression).value(&tree).ok()
}

struct Walk<'a> {
    evaluator: Evaluator<'a>,
    found: Vec<EvalError>,
}

impl Walk<'_> {
    fn visit(&mut self, node: &Node<'_>) {
        if is_constant(node.source) {
            self.found.extend(self.evaluator.value(node).err());
            return;
        }
        match &node.expr {
            Expr::Call(call) => {
                self.check_template(node, call);
                self.check_second_argument(node, call);
                call.arguments.iter().for_each(|argument| self.visit(argument));
            }
            Expr::Index(index) => self.visit(index),
            Expr::Path(parts) => {
                // The name itself is a constant to nothing but its context.
                let indices = parts.iter().skip(1);
                indices
                    .filter(|part| matches!(part.expr, Expr::Index(_)))
                    .for_each(|part| self.visit(part));
            }
            Expr::Binary(Binary { left, right, .. }) => {
                self.visit(left);
                self.visit(right);
            }
            Expr::Not(inner) => self.visit(inner),
            Expr::Literal(_) | Expr::Star | Expr::Identifier(_) => {}
        }
    }

    /// A template is wrong whatever its arguments are.
    fn check_template(&mut self, node: &Node<'_>, call: &Call<'_>) {
        let (Function::Format, Some(first)) = (call.function, call.arguments.first()) else {
            return;
        };
        let Expr::Literal(Literal::String(template)) = &first.expr else { return };
        if let Err(mistake) = checked(template, call.arguments.len() - 1) {
            let error = self.evaluator.error("bad-format", node, mistake.message);
            self.found.push(EvalError { help: mistake.help.map(str::to_owned), ..error });
        }
    }

    /// A pattern, a part of a version or the format of a date is wrong whatever the text is.
    fn check_second_argument(&mut self, node: &Node<'_>, call: &Call<'_>) {
        let is_one = matches!(call.function, Function::Match | Function::Pep440 | Function::Date);
        let second = call.arguments.get(1).filter(|second| is_one && is_constant(second.source));
        let found = second.and_then(|second| with_empty_text(call.function, second));
        self.found.extend(found.map(|mistake| EvalError {
            help: mistake.help,
            ..self.evaluator.error(mistake.code, node, mistake.message)
        }));
    }
}

/// The mistake of a call with an empty text and this second argument.
fn with_empty_text(function: Function, second: &Node<'_>) -> Option<EvalError> {
    let source = format!("{}('', {})", function.name(), second.source);
    let tree = parse(&source, 0).ok()?;
    let expression = Spanned::new(source.clone(), 0..source.len());
    Evaluator::new(&Scope::default(), &expression).value(&tree).err()
}

/// Whether an expression has the same value in every run.
fn is_constant(source: &str) -> bool {
    let Ok(contexts) = references(source, 0) else { return false };
    let Ok(called) = functions(source, 0) else { return false };
    contexts.is_empty() && called.iter().all(|one| one.function.is_pure())
}

#[cfg(test)]
mod tests {
    use super::{constant_mistakes, constant_value};
    use crate::plan::span::Spanned;

    fn of(source: &str) -> Spanned<String> {
        Spanned::new(source.to_owned(), 0..source.len())
    }

    fn codes(source: &str) -> Vec<&'static str> {
        constant_mistakes(&of(source)).into_iter().map(|error| error.code).collect()
    }

    #[test]
    fn parts_without_contexts_are_evaluated() {
        assert_eq!(codes("format('{1}', 'a')"), ["bad-format"]);
        assert_eq!(codes("format('{', vars.a)"), ["bad-format"]);
        assert_eq!(codes("format('{0}{1}', vars.a)"), ["bad-format"]);
        assert_eq!(codes("vars.a == 'x' && fromJSON('{')"), ["bad-json"]);
        assert_eq!(codes("vars.a || case('x', 1, 2)"), ["bad-case"]);
        assert_eq!(codes("contains(fromJSON('['), vars.a)"), ["bad-json"]);
        assert_eq!(codes("github.event[fromJSON('{')]"), ["bad-json"]);
        assert_eq!(codes("lower(fromJSON('{'))"), ["bad-json"]);
        assert_eq!(codes("match(git.tag, '(')"), ["bad-pattern"]);
        assert_eq!(codes("match('a', '(')"), ["bad-pattern"]);
        assert_eq!(codes("pep440(git.tag, 'patch')"), ["bad-part"]);
        assert_eq!(codes("date(run.started, 'YYYYMMDD')"), ["bad-date"]);
        assert_eq!(codes("date('today', '%Y')"), ["bad-date"]);
    }

    #[test]
    fn what_a_context_may_make_right_is_left_to_the_run() {
        for source in [
            "format('{0}', vars.a)",
            "format(vars.a, 'x')",
            "fromJSON(vars.a)",
            "match(git.tag, vars.a)",
            "match(git.tag, '^v(.+)$')",
            "pep440(git.tag, 'minor')",
            "case(vars.a, 1, 2)",
            "hashFiles('x')",
            "always() && success()",
            "github.event.labels.*.name",
            "false && fromJSON('{')",
        ] {
            assert_eq!(codes(source), Vec::<&str>::new(), "{source}");
        }
    }

    #[test]
    fn only_constants_have_a_value() {
        assert_eq!(
            constant_value(&of("format('{0}', 2)")).map(|value| value.text()),
            Some("2".into())
        );
        assert!(constant_value(&of("vars.a")).is_none());
        assert!(constant_value(&of("success()")).is_none());
    }
}
