//! `holdfast plan`: the protection plan of an engine.

use std::io::{Read, Write};
use std::path::Path;

use bus::Place;
use model::Span;
use operations::Failure;
use serde_json::{Value, json};

use super::engine::Engine;
use crate::arguments::{Plan, PlanApply, PlanExport, PlanFile};
use crate::confirm::confirm;
use crate::output::Output;

pub(crate) fn run(plan: &Plan, output: &Output) -> Result<(), Failure> {
    match plan {
        Plan::Show(show) => {
            let (_, text) = in_force(&Engine::on(&show.on)?)?;
            output.result(&json!({ "plan": text }), || text.trim_end().to_owned());
            Ok(())
        }
        Plan::Export(export) => self::export(export, output),
        Plan::Diff(file) => diff(file, output),
        Plan::Apply(apply) if apply.dry_run => diff(&apply.file, output),
        Plan::Apply(apply) => self::apply(apply, output),
    }
}

/// The plan in force, and its text.
pub(super) fn in_force(engine: &Engine) -> Result<(plan::Plan, String), Failure> {
    let text: String = engine.call(&Place::Appliance, "ExportPlan", &())?;
    let plan = plan::parse(&text).plan.ok_or_else(|| {
        let next = "use the holdfast of the engine's own version";
        Failure::new("the plan of the engine cannot be read", next)
    })?;
    Ok((plan, text))
}

fn export(export: &PlanExport, output: &Output) -> Result<(), Failure> {
    let (_, text) = in_force(&Engine::on(&export.on)?)?;
    let to = &export.to;
    let write = || {
        let mut file = std::fs::OpenOptions::new().write(true).create_new(true).open(to)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()
    };
    write().map_err(|error: std::io::Error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => {
            Failure::new(format!("{} exists already", to.display()), "name a new file")
        }
        _ => Failure::file(to, &error),
    })?;
    output.result(&json!({ "file": to, "bytes": text.len() }), || {
        format!("the plan is in {}", to.display())
    });
    Ok(())
}

fn diff(file: &PlanFile, output: &Output) -> Result<(), Failure> {
    let text = read(&file.plan)?;
    let engine = Engine::on(&file.on)?;
    let told = ask(&engine, &text, true, output)?;
    tell(&told, output);
    Ok(())
}

fn apply(apply: &PlanApply, output: &Output) -> Result<(), Failure> {
    let text = read(&apply.file.plan)?;
    let engine = Engine::on(&apply.file.on)?;
    // What is wrong with it is said before anything is asked.
    ask(&engine, &text, true, output)?;
    let (old, _) = in_force(&engine)?;
    if let Some((name, lock)) = plan::parse(&text).plan.and_then(|new| longer_lock(&old, &new)) {
        let lock = Span(lock);
        confirm(
            &format!("a lock of {lock}, of {name}, could never be made shorter"),
            &format!("A lock of {lock}, of {name}, can never be made shorter, by anybody"),
            apply.yes,
        )?;
    }
    let told = ask(&engine, &text, false, output)?;
    tell(&told, output);
    Ok(())
}

/// What a plan changes or would change. All that is wrong with it is told, a line for each.
pub(super) fn ask(
    engine: &Engine,
    text: &str,
    dry_run: bool,
    output: &Output,
) -> Result<String, Failure> {
    let asked = engine.call(&Place::Appliance, "ApplyPlan", &(text, dry_run));
    asked.map_err(|failure| {
        let problems: Vec<&str> = failure.what.lines().collect();
        if problems.len() < 2 {
            return failure;
        }
        output.before_failure(|| problems.join("\n"));
        let what = format!("{} things are wrong with the plan", problems.len());
        Failure::new(what, failure.next.clone()).with(json!({ "problems": problems }))
    })
}

/// The longest lock that the new plan has and the old one has not, and of which system.
fn longer_lock(old: &plan::Plan, new: &plan::Plan) -> Option<(String, u64)> {
    let before = |name: &str| {
        let system = old.systems.iter().find(|system| system.name == name);
        system.map_or(0, |system| system.retention.lock)
    };
    let longer = new.systems.iter().filter(|new| new.retention.lock > before(&new.name));
    let longest = longer.max_by_key(|system| system.retention.lock)?;
    Some((longest.name.clone(), longest.retention.lock))
}

fn read(path: &Path) -> Result<String, Failure> {
    let mut text = String::new();
    let failed = |error: std::io::Error| Failure::file(path, &error);
    let most = plan::MAX_DOCUMENT as u64 + 1;
    let read = match path == Path::new("-") {
        true => std::io::stdin().lock().take(most).read_to_string(&mut text),
        false => std::fs::File::open(path).map_err(failed)?.take(most).read_to_string(&mut text),
    };
    read.map_err(failed)?;
    Ok(text)
}

/// Tells what a plan changed, or would change.
fn tell(told: &str, output: &Output) {
    let value: Value = serde_json::from_str(told).unwrap_or_else(|_| json!({}));
    let lines = |name: &str| -> Vec<String> {
        let lines = value[name].as_array().into_iter().flatten();
        lines.filter_map(Value::as_str).map(str::to_owned).collect()
    };
    output.result(&value, || {
        let mut text = lines("lines");
        if text.is_empty() {
            text.push("nothing differs from the plan in force".to_owned());
        } else if value["applied"] != true {
            text.push("nothing was changed: `holdfast plan apply` puts it in force".to_owned());
        }
        text.extend(lines("warnings").into_iter().map(|warning| format!("warning: {warning}")));
        text.join("\n")
    });
}
