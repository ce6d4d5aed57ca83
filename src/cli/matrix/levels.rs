//! Divides services among jobs, level by level of `needs`. Pure.

use crate::plan::schema::Plan;
use std::collections::BTreeSet;

/// The services of one job, in the plan's order.
pub type Job = Vec<String>;

/// How the services are divided.
#[derive(Clone, Copy, Debug)]
pub struct Division {
    /// How many jobs a level has at most.
    pub jobs: usize,
    /// How many levels the workflow has. What is deeper is in the last one, where a service
    /// is in the same job as those that it needs.
    pub levels: usize,
}

impl Division {
    /// The jobs of each level. A service is in a later level than those that it needs.
    pub fn of(self, plan: &Plan, chosen: &BTreeSet<usize>) -> Vec<Vec<Job>> {
        let mut levels: Vec<Vec<Vec<usize>>> = vec![Vec::new(); self.levels.max(1)];
        let last = levels.len() - 1;
        let depths: Vec<usize> =
            (0..plan.services.len()).map(|service| depth(plan, chosen, service, 0)).collect();
        for &service in chosen {
            let units = &mut levels[depths[service].min(last)];
            if depths[service] > last {
                join(units, service, &needs(plan, service));
            } else {
                units.push(vec![service]);
            }
        }
        let name = |&service: &usize| plan.services.0[service].0.value.clone();
        let job = |units: &[Vec<usize>]| {
            let services: BTreeSet<usize> = units.iter().flatten().copied().collect();
            services.iter().map(name).collect::<Job>()
        };
        let jobs = |units: Vec<Vec<usize>>| {
            let size = units.len().div_ceil(self.jobs.max(1)).max(1);
            units.chunks(size).map(job).collect()
        };
        levels.into_iter().map(jobs).collect()
    }
}

/// The indices of the services that a service needs.
pub fn needs(plan: &Plan, service: usize) -> Vec<usize> {
    let find = |name: &str| plan.services.keys().position(|known| known == name);
    let named = plan.services.0[service].1.needs.iter();
    named.filter_map(|need| find(&need.value)).collect()
}

/// How many chosen services in a row a service needs. `above` bounds the search in a plan
/// whose services need each other in a circle, which `check` refuses.
fn depth(plan: &Plan, chosen: &BTreeSet<usize>, service: usize, above: usize) -> usize {
    if above > plan.services.len() {
        return 0;
    }
    let needed = needs(plan, service).into_iter();
    let depths = needed
        .map(|need| depth(plan, chosen, need, above + 1) + usize::from(chosen.contains(&need)));
    depths.max().unwrap_or(0)
}

/// Puts a service into one unit with those of the units that hold what it needs.
fn join(units: &mut Vec<Vec<usize>>, service: usize, needs: &[usize]) {
    let holds = |unit: &Vec<usize>| unit.iter().any(|member| needs.contains(member));
    let (joined, others): (Vec<_>, Vec<_>) = units.drain(..).partition(holds);
    *units = others;
    units.push(joined.into_iter().flatten().chain([service]).collect());
}

#[cfg(test)]
mod tests {
    use super::Division;
    use crate::plan::schema::Plan;
    use std::collections::BTreeSet;
    use std::fmt::Write as _;

    fn plan(services: &[(&str, &str)]) -> Plan {
        let mut text = "name: shop\nservices:\n".to_owned();
        for (name, needs) in services {
            writeln!(text, "  {name}: {{ needs: [{needs}], steps: [{{ run: x }}] }}")
                .expect("text");
        }
        crate::plan::read(&text).plan.expect("a plan")
    }

    /// Levels are separated by `|`, jobs by `,`.
    fn divided(plan: &Plan, division: Division, chosen: &[&str]) -> String {
        let is_chosen = |name: &str| chosen.is_empty() || chosen.contains(&name);
        let chosen: BTreeSet<usize> = plan
            .services
            .keys()
            .enumerate()
            .filter(|(_, name)| is_chosen(name))
            .map(|(at, _)| at)
            .collect();
        let levels = division.of(plan, &chosen);
        let jobs = |level: &Vec<Vec<String>>| {
            level.iter().map(|job| job.join(" ")).collect::<Vec<_>>().join(", ")
        };
        levels.iter().map(jobs).collect::<Vec<_>>().join(" | ")
    }

    const MANY: Division = Division { jobs: 20, levels: 3 };

    #[test]
    fn service_is_in_a_later_level_than_those_that_it_needs() {
        let plan = plan(&[("web", "api, db"), ("db", ""), ("api", "db"), ("docs", "")]);
        assert_eq!(divided(&plan, MANY, &[]), "db, docs | api | web");
        assert_eq!(divided(&plan, Division { jobs: 1, ..MANY }, &[]), "db docs | api | web");
        // What is not chosen is not waited for, and what stands on it keeps its order.
        assert_eq!(divided(&plan, MANY, &["web", "api"]), "api | web | ");
        assert_eq!(divided(&plan, MANY, &["web", "db"]), "db | web | ");
    }

    #[test]
    fn what_is_deeper_than_the_workflow_is_in_one_job_with_what_it_needs() {
        let plan = plan(&[("a", ""), ("b", "a"), ("c", "b"), ("d", "c"), ("x", "a"), ("y", "x")]);
        assert_eq!(divided(&plan, Division { levels: 2, ..MANY }, &[]), "a | b c d, x y");
        assert_eq!(divided(&plan, Division { levels: 1, ..MANY }, &[]), "a b c d x y");
    }

    #[test]
    fn two_hundred_services_are_twenty_jobs_of_each_level_at_most() {
        let names: Vec<(String, String)> = (0..200)
            .map(|at| {
                (format!("s{at}"), if at < 100 { String::new() } else { format!("s{}", at - 100) })
            })
            .collect();
        let names: Vec<(&str, &str)> =
            names.iter().map(|(name, needs)| (name.as_str(), needs.as_str())).collect();
        let plan = plan(&names);
        let all: BTreeSet<usize> = (0..200).collect();
        let levels = MANY.of(&plan, &all);
        assert_eq!(levels.iter().map(Vec::len).collect::<Vec<_>>(), [20, 20, 0]);
        let services: BTreeSet<String> = levels.into_iter().flatten().flatten().collect();
        assert_eq!(services.len(), 200);
    }
}
