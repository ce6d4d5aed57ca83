//! Pages about what is deployed, run as against Azure: with the variables of a local cloud.

use super::walk::{Before, SMALL_PLAN, Walk};

#[test]
fn deployed_versions_are_operated_as_the_page_shows() {
    Walk {
        page: "operate.md",
        cloud: Some("--seed-image busybox:1.36=oci:../seed"),
        setup: r"
image web
echo .shipway > .gitignore
echo 'select 1;' > query.sql
git init --quiet --initial-branch main
git remote add origin https://github.com/octo/shop.git
",
        before: &[Before {
            command: "shipway status --env production",
            script: r#"
for title in Open 'Sell hats' 'Sell socks'; do
  echo "$title" > web/www/index.html
  commit "$title" && shipway run --env production || exit 8
done
"#,
        }],
        ..Walk::default()
    }
    .succeeds();
}

#[test]
fn changes_are_planned_saved_and_run_as_the_page_shows() {
    Walk {
        page: "plan-output.md",
        cloud: Some(""),
        setup: r"
cp /bin/busybox busybox
echo .shipway > .gitignore
git init --quiet --initial-branch main
git remote add origin https://github.com/octo/shop.git
",
        before: &[Before {
            command: "shipway plan --env production",
            script: r"
sed -i s/debug/info/ shipway.yml
commit info && shipway run --env production || exit 8
sed -i s/info/debug/ shipway.yml
commit debug
",
        }],
        ..Walk::default()
    }
    .succeeds();
}

/// A cloud with three open pull requests, whose head is what is checked out.
const PULL_REQUESTS: &str = r#"
image web
echo .shipway > .gitignore
git init --quiet --initial-branch main
git remote add origin https://github.com/octo/shop.git
commit 'Sell socks'
export GITHUB_TOKEN=ghs_of_the_test
jq --null-input --arg head "$(git rev-parse HEAD)" '
  def pull(number): { number: number, state: "open", "head-sha": $head, "head-ref": "topic-\(number)", "base-ref": "main" };
  {
    "resource-groups": [{ name: "demo", location: "westeurope" }],
    registries: [{ host: "demo.azurecr.io", name: "demo", "resource-group": "demo", "admin-user": true }],
    github: { repository: "octo/shop", token: "ghs_of_the_test", "pull-request": pull(9), "pull-requests": [pull(7), pull(12)] }
  }' > ../world.json
"#;

#[test]
fn preview_comes_and_goes_as_the_page_shows() {
    Walk {
        page: "previews.md",
        plan: Some(
            r#"name: storefront
azure: { resource-group: demo, location: westeurope }
environments:
  preview: { if: pr.number, max-previews: 20 }
report: none
steps:
  - build: web
  - tag: { image: demo.azurecr.io/web, tags: ["${{ pr.tag }}"] }
  - push:
  - deploy: { aci: { dns-label: "${{ pr.dns-label }}", ports: [80] } }
  - verify: /
"#
            .to_owned(),
        ),
        cloud: Some("--world ../world.json"),
        setup: PULL_REQUESTS,
        ..Walk::default()
    }
    .succeeds();
}

#[test]
fn previews_are_removed_as_the_page_shows() {
    Walk {
        page: "removing.md",
        plan: Some(
            r#"name: storefront
azure: { resource-group: demo, location: westeurope }
environments:
  preview: { if: pr.number, ttl: 7d }
report: none
services:
  web:
    steps:
      - build: web
      - tag: { image: demo.azurecr.io/web, tags: ["${{ pr.tag }}"] }
      - push:
      - deploy: { aci: { name: "storefront-${{ pr.slug }}" } }
"#
            .to_owned(),
        ),
        cloud: Some("--world ../world.json"),
        setup: PULL_REQUESTS,
        before: &[
            Before { command: "shipway down --pr 12 --yes", script: "shipway run --pr 12" },
            Before {
                command: "shipway sweep --dry-run",
                script: r"
sed -i s/7d/1s/ shipway.yml
shipway run --pr 7 || exit 8
sed -i s/1s/7d/ shipway.yml
shipway run --pr 9
",
            },
        ],
    }
    .succeeds();
}

#[test]
fn images_are_signed_and_required_as_the_page_shows() {
    Walk {
        page: "signing.md",
        cloud: Some(""),
        setup: r"
image .
echo .shipway > .gitignore
",
        before: &[Before {
            command: "mkdir -p keys && cp signing.pub keys/release.pub",
            script: "cp ../plan-3.yml deploy.yml",
        }],
        ..Walk::default()
    }
    .succeeds();
}

#[test]
fn images_are_listed_and_pruned_as_the_page_shows() {
    Walk {
        page: "images.md",
        plan: Some(
            r#"name: shop
azure: { resource-group: shop, location: westeurope }
registries: { demo.azurecr.io: {} }
vars: { tag: v1 }
steps:
  - build: web
  - tag: { image: demo.azurecr.io/web, tags: ["${{ vars.tag }}"] }
  - push: { sbom: true, provenance: true }
  - deploy: { aci: { dns-label: shop-live, ports: [80] } }
"#
            .to_owned(),
        ),
        cloud: Some(""),
        setup: r"
image web
echo .shipway > .gitignore
git init --quiet --initial-branch main
git remote add origin https://github.com/octo/shop.git
",
        before: &[Before {
            command: "shipway images",
            script: r"
for tag in pr-7 v1 v2; do
  echo $tag > web/www/index.html
  commit $tag && shipway run --set tag=$tag || exit 8
done
",
        }],
    }
    .succeeds();
}

#[test]
fn event_of_a_run_is_read_as_the_page_shows() {
    Walk {
        page: "events.md",
        plan: Some(SMALL_PLAN.to_owned()),
        cloud: Some(""),
        setup: "image web",
        ..Walk::default()
    }
    .succeeds();
}

#[test]
fn identity_that_pulls_is_made_as_the_page_shows() {
    Walk {
        page: "azure.md",
        plan: Some(SMALL_PLAN.to_owned()),
        cloud: Some(""),
        // Where there is no plan, the application of the cloud may do everything.
        setup: "rm shipway.yml",
        before: &[Before {
            command: "az identity create -g demo -n hello-pull",
            script: r#"
export AZURE_CONFIG_DIR=$PWD/azure AZURE_CORE_COLLECT_TELEMETRY=false
az login --service-principal --username "$AZURE_CLIENT_ID" --password "$AZURE_CLIENT_SECRET" --tenant "$AZURE_TENANT_ID" --output none &&
  az group create --name demo --location westeurope --output none &&
  az acr create --resource-group demo --name demoregistry --sku Basic --output none
"#,
        }],
    }
    .succeeds();
}
