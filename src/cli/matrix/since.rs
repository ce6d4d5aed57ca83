//! Which services have changed since a commit. Pure.

use super::levels::needs;
use crate::plan::expr::{Segment, references};
use crate::plan::schema::{Plan, Template};
use crate::plan::{PlanKeys, PlanText};
use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use std::collections::BTreeSet;

/// What has changed.
#[derive(Clone, Debug)]
pub struct Changes<'a> {
    /// The files that differ, relative to the repository.
    pub files: &'a [String],
    /// The plan's folder, such as `web/`, relative to the repository.
    pub folder: &'a str,
    /// The plan's files.
    pub text: &'a PlanText,
}

impl Changes<'_> {
    /// The services to run: those of which a file has changed, those that need one of them,
    /// and those whose outputs one of them uses. The error names a malformed pattern.
    ///
    /// A service without `paths` counts as changed, and all do where the plan, or a file that it includes, has.
    pub fn services(&self, plan: &Plan) -> Result<BTreeSet<usize>, String> {
        let all = 0..plan.services.len();
        let own = self.text.parts().map(|part| {
            let file = part.name.rsplit('/').next().unwrap_or_default();
            normal(self.folder, &format!("{}/{file}", part.folder))
        });
        if own.into_iter().any(|own| self.files.contains(&own)) {
            return Ok(all.collect());
        }
        let mut chosen = BTreeSet::new();
        for service in all.clone() {
            let (name, of) = &plan.services.0[service];
            let paths = &of.paths;
            let patterns = paths.iter().map(|path| path.value.as_str());
            let set = self.patterns(self.text.folder_of(&name.span), patterns)?;
            if paths.is_empty() || self.files.iter().any(|file| set.is_match(file)) {
                chosen.insert(service);
            }
        }
        // Until nothing is added: a service may need one that needs another.
        loop {
            let dependents = all
                .clone()
                .filter(|&service| needs(plan, service).iter().any(|need| chosen.contains(need)));
            let sources = chosen.iter().flat_map(|&service| used(plan, service));
            let more: BTreeSet<usize> = dependents.chain(sources).collect();
            let count = chosen.len();
            chosen.extend(more);
            if chosen.len() == count {
                return Ok(chosen);
            }
        }
    }

    fn patterns<'p>(
        &self,
        folder: &str,
        patterns: impl Iterator<Item = &'p str>,
    ) -> Result<GlobSet, String> {
        let mut set = GlobSetBuilder::new();
        for pattern in patterns {
            let path = normal(self.folder, &format!("{folder}/{pattern}"));
            let glob = GlobBuilder::new(&path).literal_separator(true).build();
            set.add(glob.map_err(|error| format!("`{pattern}`: {}", error.kind()))?);
            // A folder stands for what is in it.
            let inside = format!("{}/**", path.trim_end_matches('/'));
            let glob = GlobBuilder::new(&inside).literal_separator(true).build();
            set.add(glob.map_err(|error| format!("`{pattern}`: {}", error.kind()))?);
        }
        set.build().map_err(|error| error.to_string())
    }
}

/// A path of the plan relative to the repository, without `.` and `..`.
fn normal(folder: &str, path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in folder.split('/').chain(path.split('/')) {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// The services whose outputs a service uses.
fn used(plan: &Plan, service: usize) -> Vec<usize> {
    let find = |name: &str| plan.services.keys().position(|known| known.eq_ignore_ascii_case(name));
    let steps = plan.services.0[service].1.steps.iter();
    let expressions = steps.flat_map(PlanKeys::templates).flat_map(Template::expressions);
    let found = expressions.flat_map(|(text, _)| references(text, 0).unwrap_or_default());
    let services = found.filter(|found| found.context().eq_ignore_ascii_case("services"));
    let named = services.filter_map(|found| match found.path.get(1) {
        Some(Segment::Name(name)) => find(name),
        _ => None,
    });
    named.collect()
}

#[cfg(test)]
mod tests {
    use super::Changes;
    use crate::plan::PlanText;

    const PLAN: &str = "name: shop
services:
  db: { paths: [db], steps: [{ run: x }] }
  api:
    needs: [db]
    paths: ['api/**', ../shared/api.json]
    steps: [{ build: { image: a.example/api:v1 } }, { tag: b.example/api:v1 }, { push: }]
  web:
    needs: [api]
    paths: ['web/*.html']
    steps: [{ run: 'echo $URL', env: { URL: '${{ services.api.outputs.image }}' } }]
  docs: { paths: [docs], steps: [{ run: x }] }
  lint: { steps: [{ run: x }] }
";

    fn services(files: &[&str]) -> String {
        let plan = crate::plan::read(PLAN).plan.expect("a plan");
        let files: Vec<String> = files.iter().map(|&file| file.to_owned()).collect();
        let text = PlanText::of("shipway.yml", PLAN);
        let changes = Changes { files: &files, folder: "shop/", text: &text };
        let found = changes.services(&plan).expect("good patterns");
        let names: Vec<&str> = plan.services.keys().collect();
        found.iter().map(|&at| names[at]).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn services_of_changed_files_and_those_that_need_them_are_run() {
        assert_eq!(services(&[]), "lint");
        assert_eq!(services(&["shop/docs/a/b.md"]), "docs lint");
        assert_eq!(services(&["docs/a.md", "shop/db.sql"]), "lint");
        assert_eq!(services(&["shop/db/1.sql"]), "db api web lint");
        assert_eq!(services(&["shared/api.json"]), "api web lint");
        assert_eq!(services(&["shop/shipway.yml"]), "db api web docs lint");
    }

    #[test]
    fn service_whose_outputs_are_used_is_run_too() {
        assert_eq!(services(&["shop/web/index.html"]), "api web lint");
        assert_eq!(services(&["shop/web/a/index.html"]), "lint");
    }
}
