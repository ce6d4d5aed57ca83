//! `size-out-of-range`: a container may use less than it asks for.

use crate::plan::diagnostic::Diagnostic;
use crate::plan::literal::Size;
use crate::plan::schema::{Aci, Field};

pub(super) fn check(aci: &Aci, found: &mut Vec<Diagnostic>) {
    for settings in aci.all_settings() {
        if let Some(limit) = &settings.cpu_limit
            && let (Some(most), Some(asked)) = (limit.as_literal(), settings.cpu.as_literal())
            && most < asked
        {
            found.push(report("cpu", limit, &settings.cpu));
        }
        if let Some(limit) = &settings.memory_limit
            && let (Some(Size(most)), Some(Size(asked))) =
                (limit.as_literal(), settings.memory.as_literal())
            && most < asked
        {
            found.push(report("memory", limit, &settings.memory));
        }
    }
}

fn report<T>(name: &str, limit: &Field<T>, asked: &Field<T>) -> Diagnostic {
    let message = format!(
        "`{name}-limit` is {}, which is less than the container's `{name}`, {}",
        limit.text.source, asked.text.source
    );
    Diagnostic::error("size-out-of-range", message, &limit.text.span)
        .help(format!("a limit is what it may use beyond its `{name}`: make it larger"))
}

#[cfg(test)]
mod tests {
    use crate::plan::check::{drawn, fine};

    fn plan(aci: &str) -> String {
        format!(
            "name: a\nazure: {{ resource-group: g }}\nsteps:\n- deploy:\n    image: a.io/b:v1\n    aci:\n      {aci}\n"
        )
    }

    #[test]
    fn limit_below_what_is_asked_for_is_refused() {
        assert_eq!(
            drawn(&plan("cpu-limit: 0.5\n      memory: 2GB\n      memory-limit: 1GB")),
            "\
error[size-out-of-range]: `cpu-limit` is 0.5, which is less than the container's `cpu`, 1
 --> shipway.yml:7:18
  |
7 |       cpu-limit: 0.5
  |                  ^^^
  |
  = help: a limit is what it may use beyond its `cpu`: make it larger

error[size-out-of-range]: `memory-limit` is 1GB, which is less than the container's `memory`, 2GB
 --> shipway.yml:9:21
  |
9 |       memory-limit: 1GB
  |                     ^^^
  |
  = help: a limit is what it may use beyond its `memory`: make it larger"
        );
        fine(&plan("cpu-limit: 2\n      memory-limit: 3GB"));
    }
}
