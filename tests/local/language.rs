//! What a plan may say of resource groups, secrets and variables, in a run.

use crate::support::Program;
use crate::support::cloud_process::CloudProcess;
use serde_json::Value;
use std::fs;

const PLAN: &str = "\
name: made
azure: { resource-group: made-group, location: westeurope, create: true }
secrets:
  token: { file: token.txt }
  extra: { env: EXTRA, optional: true }
registries: { made.azurecr.io: { pull: anonymous } }
report: none
steps:
  - build:
      layers: [{ from: busybox, to: /busybox, mode: '0755' }]
      entrypoint: [/busybox, httpd, -f, -h, /, -p, '80']
  - tag: made.azurecr.io/made:v1
  - push:
  - deploy:
      aci:
        name: made
        ports: [80]
        env:
          TOKEN: ${{ secrets.token }}
          EXTRA: ${{ secrets.extra }}
          HIDDEN: { value: a plain text, secure: true }
          EMPTY: { value: '${{ env.NOTHING }}', omit-if-empty: true }
          SHOWN: { value: '' }
  - verify: { http: /busybox, within: 20s, every: 100ms }
";

/// The variables of the group as the cloud has them: `NAME=VALUE`, or `NAME` of a secure
/// one.
fn variables(cloud: &CloudProcess) -> Vec<String> {
    let store =
        fs::read_to_string(cloud.state().join("arm/resources.json")).expect("its resources");
    let store: Value = serde_json::from_str(&store).expect("JSON");
    let groups = store["container-groups"].as_object().expect("groups");
    let (_, group) = groups.iter().next().expect("one group");
    let all = &group["body"]["properties"]["containers"][0]["properties"]["environmentVariables"];
    let all = all.as_array().expect("a list").iter();
    all.map(|it| {
        let name = it["name"].as_str().expect("a name");
        it["value"].as_str().map_or_else(|| name.to_owned(), |value| format!("{name}={value}"))
    })
    .collect()
}

#[test]
fn group_is_created_and_secure_optional_and_empty_values_are_told_apart() {
    let cloud = CloudProcess::with_registry("made");
    let program = Program::with_plan(PLAN).applets().file("token.txt", "t0ken-of-a-file\n");
    let path = cloud.path.display().to_string();

    let finished = program.run(&["run", "--cloud", &path]).exits(0);

    finished.says_in_order(&["creating the resource group `made-group` in westeurope"]);
    let made = cloud.requests().into_iter().filter(|asked| {
        asked.method == "PUT" && asked.path.contains("/resourcegroups/made-group?")
    });
    assert_eq!(made.count(), 1);
    assert_eq!(variables(&cloud), ["TOKEN", "HIDDEN", "SHOWN="]);
}
