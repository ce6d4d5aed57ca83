//! `run`: a program on this machine.

use super::text::Text;
use crate::plan::describe::{
    Exposure, Key, PlanValue, Slot, Visit, any_of, key, list_of, shape_schema, visit_key,
};
use crate::plan::diagnostic::Diagnostic;
use crate::plan::literal::{NotEmpty, Shape};
use crate::plan::parse::Reader;
use crate::plan::tree::Kind;
use serde_json::Value;

/// What a `run` step does.
#[derive(Clone, Debug)]
pub struct Run {
    pub script: Script,
}

/// What a `run` step runs.
#[derive(Clone, Debug)]
pub enum Script {
    /// By `bash -euo pipefail`, or `sh -eu` where there is no bash.
    Shell(Text),
    /// Program and arguments, without a shell.
    Exec(Vec<Text>),
}

const SHELL: Key = key("run").is::<NotEmpty>().exposed(Exposure::Script);
const EXEC: Key = key("run").list().exposed(Exposure::PROGRAM_ARGUMENT);

impl PlanValue for Run {
    fn read(reader: &mut Reader<'_>, slot: Slot<'_>) -> Option<Self> {
        let script = match &slot.node.kind {
            Kind::Sequence(items) if items.is_empty() => {
                let message = "`run` has no program";
                reader.report(Diagnostic::error("bad-value", message, &slot.node.span));
                return None;
            }
            Kind::Sequence(_) => Script::Exec(Vec::read(reader, Slot { key: &EXEC, ..slot })?),
            Kind::Mapping(_) => {
                let expected = "a script, or a list of a program and its arguments";
                reader.wrong_type(slot.name, slot.node, expected);
                return None;
            }
            Kind::Null | Kind::Scalar(_) => {
                Script::Shell(Text::read(reader, Slot { key: &SHELL, ..slot })?)
            }
        };
        Some(Self { script })
    }

    fn visit<'p>(&'p self, _: &'static Key, visit: &mut Visit<'_, 'p>) {
        match &self.script {
            Script::Shell(script) => visit_key(visit, &SHELL, script),
            Script::Exec(program) => visit_key(visit, &EXEC, program),
        }
    }

    fn schema(_: &'static Key) -> Value {
        let mut program = list_of(shape_schema(&Shape::ANY));
        program["minItems"] = 1.into();
        any_of([shape_schema(&Shape::of::<NotEmpty>()), program])
    }
}
