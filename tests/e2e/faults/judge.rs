//! The judge of all other tests here, judged: it finds whatever is made wrong.

use super::fleet::Fleet;
use super::stage::Stage;
use super::stopwatch::Look;
use super::world::{Seen, World};
use anyhow::{Result, ensure};

/// Makes something wrong.
type Spoil = fn(&mut World);

/// What the judge says about a world that something was done to.
fn verdict(fleet: &Fleet, mut look: Look, spoil: impl FnOnce(&mut World)) -> String {
    spoil(&mut look.world);
    fleet.check(&look.after, &look.world).err().unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_judge_finds_what_is_lost_left_over_doubled_or_told_wrongly() -> Result<()> {
    let stage = Stage::set(false, &[]).await?;
    let fleet = &stage.fleet;
    let spoils: [(&str, Spoil); 9] = [
        ("containers", |world| {
            let first = world.containers[0].clone();
            let name = format!("{}-previous", first.name);
            world.containers.push(Seen { name, ..first });
        }),
        ("belongs to nothing", |world| {
            let first = world.containers[0].clone();
            world.containers.push(Seen { workspace: "gone".to_owned(), ..first });
        }),
        ("the engine has no", |world| drop(world.containers.pop())),
        ("the engine says exited", |world| {
            for seen in &mut world.containers {
                seen.state = seen.state.replace("running", "exited");
            }
        }),
        ("is there twice", |world| world.networks.extend_from_within(..1)),
        ("network more belongs to nothing", |world| {
            world.networks.push(("more".to_owned(), Some("gone".to_owned())));
        }),
        ("volume more belongs to nothing", |world| world.volumes.push("more".to_owned())),
        ("is lost", |world| drop(world.volumes.pop())),
        ("no REVISION=", |world| world.containers.iter_mut().for_each(|seen| seen.env.clear())),
    ];
    ensure!(verdict(fleet, stage.look().await?, |_| {}).is_empty(), "it finds what is not there");
    for (wanted, spoil) in spoils {
        let said = verdict(fleet, stage.look().await?, spoil);
        ensure!(said.contains(wanted), "`{said}` does not tell `{wanted}`");
    }
    let Look { after: views, world, .. } = stage.look().await?;
    ensure!(fleet.check(&views[1..], &world).is_err(), "a workspace is lost and nobody sees it");
    // A volume that was made anew under its old name.
    let volume = stage.scene.docker.inspect_volume(&world.volumes[0]).await?;
    std::fs::write(std::path::Path::new(&volume.mountpoint).join("marker"), "")?;
    let said = fleet.check(&views, &world).err().unwrap_or_default();
    ensure!(said.contains("is lost"), "`{said}`");
    stage.strike().await
}
