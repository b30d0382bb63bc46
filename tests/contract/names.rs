//! Names: the mutex by which no container is made twice, and never a reason to touch a stranger's.

use crate::bench::{Bench, On, create, kind};
use On::{Real, Served, Simulated};
use futures::future::join_all;
use rstest::rstest;
use trueup_domain::{
    action::Action,
    container::{ContainerConfig, ContainerState},
    error::{EngineError, ErrorClass, Reason},
    id::ContainerId,
};

#[rstest]
#[tokio::test]
async fn many_creations_of_one_name_make_one_container(#[values(Simulated, Served, Real)] on: On) {
    let bench = Bench::new(on).await;
    let create = create(&bench.config("one"));
    let outcomes = join_all((0..8).map(|_| bench.engine.perform(&create))).await;
    assert!(outcomes.iter().any(Result::is_ok), "{outcomes:?}");
    // The engine reserves a name before its container can be inspected.
    let is_fine = |outcome: &Result<(), EngineError>| {
        outcome.as_ref().map_or_else(
            |error| (error.class, error.reason) == (ErrorClass::Retryable, Reason::Busy),
            |()| true,
        )
    };
    assert!(outcomes.iter().all(is_fine), "{outcomes:?}");
    bench.engine.perform(&create).await.unwrap();
    assert_eq!(bench.engine.list(None).await.unwrap().len(), 1);
}

#[rstest]
#[tokio::test]
async fn what_has_the_name_and_is_the_workspaces_counts_as_made_and_stays_as_it_is(
    #[values(Simulated, Served, Real)] on: On,
) {
    let bench = Bench::new(on).await;
    let config = bench.config("one");
    let id = bench.run(&config).await;
    let later = ContainerConfig { hostname: "later".to_owned(), ..config.clone() };
    assert_eq!(bench.create(&later).await, id);
    let found = bench.inspect(id.as_str()).await;
    assert_eq!((found.state, found.config.hostname), (ContainerState::Running, config.hostname));
}

#[rstest]
#[tokio::test]
async fn a_name_that_somebody_else_holds_is_a_conflict_that_names_the_holder(
    #[values(Simulated, Served, Real)] on: On,
) {
    let bench = Bench::new(on).await;
    let other = bench.other();
    let config = bench.config("one");
    for labels in [
        bench.strange_labels(),
        other.labels(),
        bench.labels_of(other.workspace),
        other.labels_of(bench.workspace),
    ] {
        let theirs = ContainerConfig { labels, ..config.clone() };
        let holder = bench.create(&theirs).await;
        let error = bench.perform(create(&config)).await.unwrap_err();
        assert_eq!((error.class, error.reason), (ErrorClass::Terminal, Reason::NameConflict));
        assert!(error.message.contains(holder.as_str()), "{}", error.message);
        assert_eq!(bench.state(&holder).await, ContainerState::Created);
        bench.remove(&holder).await;
    }
    bench.create(&config).await;
}

#[rstest]
#[tokio::test]
async fn a_container_gets_its_name_back_unless_another_has_it(
    #[values(Simulated, Served, Real)] on: On,
) {
    let bench = Bench::new(on).await;
    let id = bench.create(&bench.config("first")).await;
    let second = bench.create(&bench.config("second")).await;
    let rename = |to: &str| Action::RenameContainer { container: id.clone(), to: bench.name(to) };
    for _ in 0..2 {
        bench.perform(rename("third")).await.unwrap();
        assert_eq!(bench.inspect(id.as_str()).await.config.name, bench.name("third"));
    }
    let outcome = bench.perform(rename("second")).await;
    assert_eq!(kind(outcome), (ErrorClass::Terminal, Reason::NameConflict));
    // The old name is nobody's, and a removal frees a name.
    assert_eq!(bench.engine.inspect(&ContainerId::new(bench.name("first"))).await, Ok(None));
    bench.remove(&second).await;
    bench.perform(Action::StartContainer(id.clone())).await.unwrap();
    bench.perform(rename("second")).await.unwrap();
    let renamed = bench.inspect(&bench.name("second")).await;
    assert_eq!((renamed.id, renamed.state), (id, ContainerState::Running));
}

#[rstest]
#[tokio::test]
async fn a_name_that_could_change_the_path_is_not_sent(#[values(Simulated, Served, Real)] on: On) {
    let bench = Bench::new(on).await;
    for name in ["", "../info", "a/b", "a?all=1", "%2e", "."] {
        let container = ContainerId::new(name);
        let asked = kind(bench.engine.inspect(&container).await);
        let removed = kind(bench.perform(Action::RemoveContainer(container)).await);
        assert_eq!([asked, removed], [(ErrorClass::Terminal, Reason::Refused); 2], "{name}");
    }
}
