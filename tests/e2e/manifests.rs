//! Bad manifests are refused with the right line, and change nothing.

use crate::scene::Scene;
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use std::fs;

const BAD: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/manifests/bad");

#[tokio::test(flavor = "multi_thread")]
async fn each_bad_manifest_is_refused_at_its_line_and_changes_nothing() -> Result<()> {
    let mut scene = Scene::set(&[]).await?;
    scene.apply(&[("before", json!({"state": "stopped"}))]).await?;
    scene.until("before", crate::scene::is_current).await;
    let before = declared(&scene)?;
    let mut refused = 0;
    for entry in fs::read_dir(BAD).context("the folder of bad manifests")? {
        let path = entry?.path();
        let text = String::from_utf8_lossy(&fs::read(&path)?).into_owned();
        let head = text.lines().next().unwrap_or_default();
        let expected = head.strip_prefix("# expect: ").context("no expectation")?;
        let place = expected.split(' ').next().filter(|word| word.contains(':'));
        let output =
            scene.controller.trueup(["apply".as_ref(), "-f".as_ref(), path.as_os_str()])?;
        let told = String::from_utf8_lossy(&output.stderr);
        let file = path.display();
        ensure!(output.status.code() == Some(3), "{file}: {:?}\n{told}", output.status);
        if let Some(place) = place {
            ensure!(told.contains(&format!(".yaml:{place}")), "{file}: not at {place}:\n{told}");
        }
        refused += 1;
    }
    ensure!(refused >= 25, "only {refused} bad manifests were found");
    ensure!(declared(&scene)? == before, "a bad manifest changed something");

    // A good manifest beside a bad one is not applied either.
    let folder = tempfile::tempdir()?;
    let good = "apiVersion: trueup/v1\nkind: Workspace\nmetadata: {name: good}\nspec: {image: a}\n";
    fs::write(folder.path().join("a-good.yaml"), good)?;
    fs::write(folder.path().join("b-bad.yaml"), good.replace("image", "imgae"))?;
    let output =
        scene.controller.trueup(["apply".as_ref(), "-f".as_ref(), folder.path().as_os_str()])?;
    ensure!(output.status.code() == Some(3));
    ensure!(declared(&scene)? == before, "half of a folder was applied");
    scene.strike().await
}

/// Names and generations of all that is declared.
fn declared(scene: &Scene) -> Result<Vec<(String, u64)>> {
    let output = scene.controller.trueup(["get", "-o", "json"])?;
    let list: Value = serde_json::from_slice(&output.stdout)?;
    let items = list["items"].as_array().context("items")?;
    Ok(items
        .iter()
        .map(|item| {
            let name = item["metadata"]["name"].as_str().unwrap_or_default().to_owned();
            (name, item["generation"].as_u64().unwrap_or_default())
        })
        .collect())
}
