//! Pages whose commands need no cloud beside that of a dry run.

use super::page::Page;
use super::walk::{Before, SMALL_PLAN, Walk};

#[test]
fn getting_started_runs_until_azure() {
    Walk {
        page: "getting-started.md",
        setup: r"
rm shipway.yml
image . 8080
cd ..
",
        before: &[
            Before {
                command: "shipway import .github/workflows/deploy.yml --output shipway.yml",
                script: r"
mv shipway.yml ../kept.yml
cat > .github/workflows/deploy.yml <<'W'
name: deploy
on: push
jobs:
  deploy:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v5
      - run: |
          az acr build --registry demo --image web:v1 .
          az container create --resource-group shop --name shop --image demo.azurecr.io/web:v1 --ports 8080 --ip-address Public
W
",
            },
            Before { command: "shipway check", script: "mv ../kept.yml shipway.yml" },
        ],
        ..Walk::default()
    }
    .succeeds();
}

#[test]
fn dry_runs_of_the_page_are_made() {
    Walk {
        page: "dry-runs.md",
        plan: Some(
            r#"name: shop
azure: { resource-group: shop, location: westeurope }
environments:
  production: { if: github.ref == 'refs/heads/main', protected: true }
  preview: { if: pr.number, ttl: 2d }
secrets: { database-url: { env: SHOP_DATABASE } }
services:
  web:
    steps:
      - build: web
      - tag: { image: demo.azurecr.io/web, tags: ["${{ pr.tag || git.short-sha }}"] }
      - push:
      - deploy:
          aci:
            dns-label: shop-${{ pr.slug || 'live' }}
            ports: [80]
            env: { DATABASE_URL: "${{ secrets.database-url }}" }
      - verify: /
"#
            .to_owned(),
        ),
        setup: r"
image web
echo .shipway > .gitignore
echo database-url=postgres://there > secrets.env
export DATABASE_URL=postgres://here
git init --quiet --initial-branch main
git remote add origin https://github.com/octo/shop.git
commit 'Sell socks'
",
        ..Walk::default()
    }
    .succeeds();
}

#[test]
fn services_of_a_monorepo_are_divided_as_the_page_shows() {
    Walk {
        page: "monorepos.md",
        setup: r#"
mkdir web api docs
for name in web api; do
  printf 'name: %s\nsteps: [{ run: "true" }]\n' $name > $name/shipway.yml
done
git init --quiet --initial-branch main
commit one
"#,
        before: &[Before {
            command: "shipway matrix --since origin/main",
            script: r"
cp ../plan-2.yml shipway.yml
commit two
git update-ref refs/remotes/origin/main HEAD
echo words > docs/page.md
commit three
",
        }],
        ..Walk::default()
    }
    .succeeds();
}

#[test]
fn release_is_rehearsed_as_the_page_shows() {
    Walk {
        page: "releases.md",
        setup: concat!(
            "mkdir workflows\ncp -r ",
            env!("CARGO_MANIFEST_DIR"),
            "/workflows/release workflows/\n",
            "rm -rf workflows/release/dist workflows/release/.shipway\n",
            "git init --quiet --initial-branch main\ncommit one\ngit tag web-v1.4.0\n",
        ),
        ..Walk::default()
    }
    .succeeds();
}

#[test]
fn value_of_the_large_example_is_explained_as_the_page_shows() {
    Walk {
        page: "commands.md",
        plan: Some(Page::read("plan.md").plans[1].clone()),
        // A workflow of pull request 12.
        setup: r#"
export GITHUB_ACTIONS=true GITHUB_EVENT_NAME=pull_request GITHUB_EVENT_PATH=$PWD/../event.json
export GITHUB_REPOSITORY=octo/shop GITHUB_REF=refs/pull/12/merge
jq --null-input '{
  number: 12, repository: { full_name: "octo/shop" },
  pull_request: { number: 12, head: { ref: "topic", repo: { full_name: "octo/shop" } }, base: { ref: "main" } }
}' > ../event.json
"#,
        ..Walk::default()
    }
    .succeeds();
}

#[test]
fn files_for_editors_and_shells_are_made() {
    Walk {
        page: "editors.md",
        plan: Some(SMALL_PLAN.to_owned()),
        setup: "export HOME=$PWD",
        ..Walk::default()
    }
    .succeeds();
}
