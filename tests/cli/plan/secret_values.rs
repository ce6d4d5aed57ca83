//! Secrets in what `plan` shows.

use super::{PLAN, Setup, is_read};
use serde_json::{Value, json};

#[test]
fn plan_shows_secrets_as_their_source_and_reads_none() {
    let plan = PLAN
        .replace("services:", "secrets: { db: { env: DATABASE_URL } }\nservices:")
        .replace("LOG: '${{ vars.log }}'", "DATABASE_URL: '${{ secrets.db }}'");
    let mut setup = Setup::new(&plan, true);
    let asked = setup.requests(|| {
        assert_eq!(
            setup.plan(&[], 7),
            "\
web
  build  DIGEST, built from layers
  tag    demo.azurecr.io/web:v1
  push   demo.azurecr.io/web:v1  + new
  live   container group `storefront-web`  + create
    + cpu                                  0.5
    + env.DATABASE_URL                     (secret db)
    + image                                demo.azurecr.io/web@DIGEST
    + location                             westeurope
    + memory                               0.5
    + os-type                              Linux
    + registries.demo.azurecr.io.password  (the admin user of demo.azurecr.io)
    + registries.demo.azurecr.io.username  demo
Plan: 1 to create. Tags: 1 new.
"
        );
    });
    assert!(asked.iter().all(|line| is_read(line)), "{asked:#?}");

    setup.program = setup.program.env("DATABASE_URL", "postgres://hunter2");
    setup.shipway(&["run"]).exits(0);
    assert_eq!(
        setup.plan(&[], 0),
        "\
web
  build  DIGEST, built from layers
  tag    demo.azurecr.io/web:v1
  push   demo.azurecr.io/web:v1  = no change
  live   container group `storefront-web`  ~ send secrets again, restarts in place
    ~ env.DATABASE_URL                     (secret db, sent again)
    ~ registries.demo.azurecr.io.password  (the admin user of demo.azurecr.io, sent again)
    (6 unchanged properties hidden)
Plan: 1 unchanged apart from secrets that are sent again.
"
    );
}

#[test]
fn plan_does_not_show_the_plain_value_that_becomes_a_secret() {
    let plain = PLAN.replace("LOG: '${{ vars.log }}'", "DB: 'postgres://hunter2'");
    let setup = Setup::new(&plain, false);
    setup.shipway(&["run"]).exits(0);
    let secret = PLAN
        .replace("services:", "secrets: { db: { env: DATABASE_URL } }\nservices:")
        .replace("LOG: '${{ vars.log }}'", "DB: '${{ secrets.db }}'");
    std::fs::write(setup.program.path("shipway.yml"), secret).expect("a plan");

    let shown = setup.plan(&[], 7);
    assert!(shown.contains("    ~ env.DB  (a plain value) -> (secret db)\n"), "{shown}");
    let json = setup.shipway(&["plan", "--output", "json"]).exits(0).stdout;
    assert!(!(shown + &json).contains("hunter2"), "{json}");
    let json: Value = serde_json::from_str(&json).expect("JSON");
    let property = &json["changes"][0]["properties"][0];
    assert_eq!((&property["path"], &property["sensitive"]), (&json!("env.DB"), &json!(true)));
    assert_eq!((&property["before"], &property["after"]), (&Value::Null, &Value::Null));
}
