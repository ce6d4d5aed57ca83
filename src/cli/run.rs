//! `shipway run`: the plan, for real.

use super::arguments::RunArguments;
use super::exit::Exit;
use super::pipeline::Pipeline;
use super::pipeline::reporters::Audience;
use super::session::layout::choose;
use super::session::reach::Connections;
use super::session::secrets::Sources;
use super::session::{Session, missing};
use crate::azure::Cloud;
use crate::local::CloudFile;
use crate::plan::schema;
use crate::run::outcome::StepError;

/// Runs the plan against the world, or against the local cloud of `--cloud`.
pub(super) fn run(arguments: &RunArguments, audience: Audience) -> Exit {
    let redactor = audience.redactor();
    let session = match Session::prepare(arguments, false, redactor) {
        Ok(session) => session,
        Err(exit) => return exit,
    };
    super::in_runtime(go(&session, audience))
}

async fn go(session: &Session, audience: Audience) -> Exit {
    let prepared = choose(session).and_then(|chosen| {
        let reach = reach(session).map_err(|trouble| missing(trouble, &session.redactor))?;
        Ok((chosen, reach))
    });
    let (chosen, reach) = match prepared {
        Ok(prepared) => prepared,
        Err(exit) => return exit,
    };
    let sources = Sources { environment: session.surroundings.env.clone(), ..Sources::default() };
    let inherited = super::resume::inherited(session);
    let pipeline = Pipeline {
        session,
        chosen,
        reach: &reach,
        sources,
        audience,
        skip_run: false,
        journal: None,
        inherited,
    };
    pipeline.run().await
}

/// The real world, unless the command line names a local cloud.
pub(super) fn reach(session: &Session) -> Result<Connections, StepError> {
    if let Some(file) = &session.arguments.cloud {
        let cloud = CloudFile::read(file).map_err(|error| {
            StepError::new(format!("read `{}`", file.display()))
                .because(error.to_string())
                .help("`shipway local --cloud FILE` writes it while it is up")
        })?;
        return Connections::local(&cloud, &session.redactor);
    }
    let cloud = cloud(session)?;
    let repository = session.resolved.repository();
    Connections::real(&session.surroundings.env, cloud, repository, &session.redactor)
}

fn cloud(session: &Session) -> Result<Cloud, StepError> {
    let Some(azure) = &session.plan.azure else { return Ok(Cloud::Public) };
    Ok(match azure.cloud.resolve(&session.scope)? {
        schema::Cloud::Public => Cloud::Public,
        schema::Cloud::UsGovernment => Cloud::UsGovernment,
        schema::Cloud::China => Cloud::China,
    })
}
