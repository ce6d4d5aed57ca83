//! `plan --save` and `run --plan`.

use super::{PLAN, Setup, without_digests};
use crate::support::Program;
use serde_json::json;

#[test]
fn saved_plan_is_run_as_long_as_nothing_has_changed() {
    let setup = Setup::new(PLAN, false);
    setup.shipway(&["plan", "--set", "log=debug", "--save", "plan.json"]).exits(0);
    let file = setup.program.path("plan.json");
    let mode = std::os::unix::fs::PermissionsExt::mode(
        &std::fs::metadata(&file).expect("a file").permissions(),
    );
    assert_eq!(mode & 0o777, 0o600);
    let again = setup.program.path("again.json");
    let (plan, again_name) = (["plan", "--set", "log=debug", "--save"], "again.json");
    setup.shipway(&[&plan[..], &[again_name]].concat()).exits(0);
    let text = |file| std::fs::read_to_string(file).expect("a file");
    assert_eq!(text(&file), text(&again), "the same inputs give the same file");

    setup.shipway(&["run", "--plan", "plan.json"]).exits(0);
    // It ran with the options of the file.
    assert_eq!(setup.plan(&["--set", "log=debug"], 0).lines().last(), Some("Plan: 1 unchanged."));

    let refused = setup.shipway(&["run", "--plan", "plan.json"]).exits(3);
    let cloud = setup.cloud.path.display().to_string();
    let refused = without_digests(&refused.stderr).replace(&cloud, "CLOUD");
    assert_eq!(
        refused,
        "error: `plan.json` was not run, because something has changed since\n  \
         because: `storefront-web` exists meanwhile\n  \
         because: `demo.azurecr.io/web:v1` names DIGEST, and named no image\n  \
         help: nothing was done; `shipway plan --save plan.json --set log=debug --cloud CLOUD` plans again\n"
    );
}

#[test]
fn saved_plan_is_refused_when_sources_or_the_live_group_changed() {
    let setup = Setup::new(PLAN, false);
    setup.shipway(&["run"]).exits(0);
    setup.shipway(&["plan", "--set", "log=debug", "--save", "plan.json"]).exits(0);
    let before = setup.cloud.requests().len();
    std::fs::write(setup.program.path("shipway.yml"), PLAN.replace("'600'", "'601'"))
        .expect("a file");
    setup.change_outside(|group| {
        let container = &mut group["properties"]["containers"][0]["properties"];
        container["environmentVariables"] = json!([{ "name": "LOG", "value": "trace" }]);
    });
    let changed = setup.cloud.requests().len();

    let refused = setup.shipway(&["run", "--plan", "plan.json"]).exits(3);

    let cloud = setup.cloud.path.display().to_string();
    let refused = without_digests(&refused.stderr).replace(&cloud, "CLOUD");
    assert_eq!(
        refused,
        "error: `plan.json` was not run, because something has changed since\n  \
         because: `shipway.yml` was changed\n  \
         because: `storefront-web` was changed or deployed meanwhile\n  \
         because: the image of `web.build` is DIGEST, and was DIGEST\n  \
         because: `web.push` would do something else\n  \
         help: nothing was done; `shipway plan --save plan.json --set log=debug --cloud CLOUD` plans again\n"
    );
    let requests = &setup.cloud.requests()[changed..];
    assert!(changed > before);
    let is_read = |method: &str| ["GET", "HEAD"].contains(&method);
    let wrote = requests.iter().filter(|one| !is_read(&one.method) && !one.path.contains("oauth2"));
    assert_eq!(
        wrote.map(|one| format!("{} {}", one.method, one.path)).collect::<Vec<_>>(),
        [""; 0]
    );
}

#[test]
fn plan_that_was_saved_for_a_local_cloud_is_refused_without_one() {
    let setup = Setup::new(PLAN, true);
    setup.shipway(&["plan", "--save", "plan.json"]).exits(0);

    let refused = setup.program.run(&["run", "--plan", "plan.json"]).exits(2);

    assert_eq!(
        refused.stderr,
        "error: `plan.json` was saved for a local cloud, and none is named\n  help: add `--cloud \
         FILE`, as it was given to `shipway plan --save`\n"
    );
}

#[test]
fn saved_plan_that_cannot_be_read_or_has_other_options_is_refused() {
    let program =
        Program::with_plan(PLAN).file("plan.json", "{}").file("new.json", "{\"format\":\"2\"}");
    let refused = |arguments: &[&str]| program.run(arguments).exits(2).stderr;
    assert_eq!(
        refused(&["run", "--plan", "plan.json"]),
        "error: cannot read the saved plan `plan.json`\n  because: it is no plan that `shipway plan --save` wrote: \
         missing field `format`\n  help: `shipway plan --save FILE` saves one\n"
    );
    assert_eq!(
        refused(&["run", "--plan", "new.json"]),
        "error: cannot read the saved plan `new.json`\n  because: it has format 2, and this version of Shipway \
         reads 1\n  help: `shipway plan --save FILE` saves one\n"
    );
    std::os::unix::fs::symlink("/dev/zero", program.path("zero.json")).expect("a link");
    assert_eq!(
        refused(&["run", "--plan", "zero.json"]),
        "error: cannot read the saved plan `zero.json`\n  because: it is no file\n  \
         help: `shipway plan --save FILE` saves one\n"
    );
    assert_eq!(
        refused(&["run", "--plan", "shipway.yml"]),
        "error: cannot read the saved plan `shipway.yml`\n  because: it is a plan that is run, and none that \
         `shipway plan --save` wrote\n  help: `shipway run shipway.yml` runs it\n"
    );
    assert_eq!(
        refused(&["run", "--plan", "plan.json", "--set", "log=debug"]),
        "error: `--plan` has the options of a run in its file\n  help: give them to `shipway plan --save` \
         instead\n"
    );
}

#[test]
fn saving_a_plan_overwrites_nothing_but_a_saved_plan() {
    let setup = Setup::new(PLAN, false);
    for _ in 0..2 {
        setup.shipway(&["plan", "--save", "saved.json"]).exits(0);
    }
    let refused = setup.shipway(&["plan", "--save", "shipway.yml"]).exits(3);
    let why = "error: cannot save the plan in `shipway.yml`\n  because: it is there and is no \
               saved plan; it would be overwritten\n";
    assert!(refused.stderr.contains(why), "{}", refused.stderr);
    let text = std::fs::read_to_string(setup.program.path("shipway.yml")).expect("the plan");
    assert_eq!(text, PLAN);
}
