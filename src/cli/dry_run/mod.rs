//! `shipway dry-run`: the same plan, against a cloud on this machine.

mod cloud;
mod outside;
mod secrets;
mod seeds;
mod world;

use super::arguments::{DryRunArguments, WorldArguments};
use super::exit::Exit;
use super::pipeline::Pipeline;
use super::pipeline::reporters::Audience;
use super::session::layout::{Chosen, choose};
use super::session::reach::Connections;
use super::session::{Session, missing};
use crate::journal::Journal;
use crate::local::InitialState;
use crate::run::outcome::StepError;

pub(super) use cloud::{LocalCloud, how_to_reach, newest, stop};
pub(super) use secrets::Stand;

/// Runs the plan against a local cloud of its own.
pub(super) fn dry_run(arguments: &DryRunArguments, audience: Audience) -> Exit {
    let mut session = match Session::prepare(&arguments.run, true, audience.redactor()) {
        Ok(session) => session,
        Err(exit) => return exit,
    };
    // What begins later in the plan goes on in the cloud of what it goes on with.
    let inherited = super::resume::inherited(&session);
    if let Some(start) = inherited.as_ref().and_then(|replay| replay.start.as_ref()) {
        session.local = session.run.state.join("local").join(&start.run);
    }
    super::in_runtime(async {
        let chosen = match choose(&session) {
            Ok(chosen) => chosen,
            Err(exit) => return exit,
        };
        let dry = DryRun {
            session: &session,
            world: &arguments.world,
            keep: arguments.keep,
            detach: arguments.detach,
            skip_run: arguments.skip_run,
            audience,
            inherited,
        };
        dry.run(chosen, None).await
    })
}

/// A dry run, new or gone on with.
pub(super) struct DryRun<'a> {
    /// The run.
    pub(super) session: &'a Session,
    /// What its cloud is given of the world.
    pub(super) world: &'a WorldArguments,
    /// Whether the cloud stays up until Ctrl-C.
    pub(super) keep: bool,
    /// Whether the cloud is left up.
    pub(super) detach: bool,
    /// Whether `run` steps are left out.
    pub(super) skip_run: bool,
    /// Who watches.
    pub(super) audience: Audience,
    /// What another run left, for `--from`.
    pub(super) inherited: Option<crate::journal::Replay>,
}

impl DryRun<'_> {
    /// Starts the cloud, runs the plan, and ends the cloud or keeps it.
    pub(super) async fn run(self, chosen: Chosen, journal: Option<Journal>) -> Exit {
        let session = self.session;
        let refused = |trouble: StepError| missing(trouble, &session.redactor);
        let stand = match Stand::of(session, self.world) {
            Ok(stand) => stand,
            Err(trouble) => return refused(trouble),
        };
        let world = match self.make_world(&stand) {
            Ok(world) => world,
            Err(trouble) => return refused(trouble),
        };
        let mut cloud = match LocalCloud::start(&session.local, &world, self.detach).await {
            Ok(cloud) => cloud,
            Err(trouble) => return refused(trouble),
        };
        let reach = match Connections::local(cloud.file(), &session.redactor) {
            Ok(reach) => reach,
            Err(trouble) => return refused(trouble),
        };
        let pipeline = Pipeline {
            session,
            chosen,
            reach: &reach,
            sources: stand.sources,
            audience: self.audience,
            skip_run: self.skip_run,
            journal,
            inherited: self.inherited,
        };
        let exit = pipeline.run().await;
        if self.keep {
            cloud.keep().await;
        }
        cloud.end(self.detach).await;
        exit
    }

    fn make_world(&self, stand: &Stand) -> Result<InitialState, StepError> {
        world::Blueprint::of(self.session, stand, self.world)?.world().map_err(StepError::from)
    }
}

/// The world of a plan, for a cloud without a run.
pub(super) fn world_of(
    session: &Session,
    given: &WorldArguments,
) -> Result<InitialState, StepError> {
    let stand = Stand::of(session, given)?;
    world::Blueprint::of(session, &stand, given)?.world().map_err(StepError::from)
}
