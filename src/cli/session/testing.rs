//! What tests of the commands that look after what is deployed begin with.

use super::PlanSession;
use crate::cli::plan_file::PlanFile;
use crate::cli::plan_options::open;
use crate::journal::RunOptions;
use crate::report::Output;
use crate::run::perform::ResourceTags;
use std::path::Path;

const PLAN: &str = "\
name: shop
azure: { resource-group: demo }
steps:
  - deploy: { image: 'demo.azurecr.io/web:v1', aci: {} }
";

/// A session of the plan `shop`, whose file is written into `folder`.
pub fn session(folder: &Path) -> PlanSession {
    let path = folder.join("shipway.yml");
    std::fs::write(&path, PLAN).expect("a plan");
    let file = PlanFile::read(&path, "").expect("a plan");
    open(file, &RunOptions::default(), Output::Human).expect("a session")
}

/// The tags of what that plan has deployed.
pub fn tags(service: &str) -> ResourceTags {
    ResourceTags {
        plan: "shop".into(),
        service: service.into(),
        // 2025-12-31T12:00:00Z.
        run: "01kdt4eyg0000000000000000a".into(),
        ..ResourceTags::default()
    }
}
