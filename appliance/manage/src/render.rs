//! Views as JSON: as they are on the bus, with ids in the place of object paths.

use bus::{Object, Place, Property, views};
use serde_json::{Map, Value};

/// The object, and which kind it is: `system`, `point` and so on.
pub(crate) fn tagged(object: &Object) -> (String, Value) {
    let Ok(Value::Object(mut fields)) = serde_json::to_value(object) else {
        return (String::new(), Value::Null);
    };
    let tag = fields.remove("object").and_then(|tag| tag.as_str().map(str::to_owned));
    let tag = tag.unwrap_or_default();
    shorten(&tag, &mut fields);
    (tag, Value::Object(fields))
}

pub(crate) fn view(object: &Object) -> Value {
    tagged(object).1
}

/// Puts ids in the place of paths; nothing where there is no object.
fn shorten(tag: &str, fields: &mut Map<String, Value>) {
    for property in properties(tag).iter().filter(|property| is_path(property)) {
        if let Some(value) = fields.get_mut(property.field) {
            *value = value.as_str().and_then(Place::parse).map_or(Value::Null, |place| id(&place));
        }
    }
}

pub(crate) fn is_path(property: &Property) -> bool {
    property.signature == "o"
}

/// The properties of the views of one kind.
pub(crate) fn properties(tag: &str) -> &'static [Property] {
    let views = views();
    views.iter().find(|(have, ..)| have == tag).map(|(_, _, all)| *all).unwrap_or_default()
}

/// What names an object among those of its kind.
pub(crate) fn id(place: &Place) -> Value {
    match place {
        Place::Appliance | Place::Pool => Value::Null,
        Place::Disk(id) => id.to_string().into(),
        Place::System(id) => id.clone().into(),
        Place::Point(id) => id.to_string().into(),
        Place::Job(number)
        | Place::Export(number)
        | Place::Intake(number)
        | Place::Alert(number) => (*number).into(),
    }
}

#[cfg(test)]
mod tests {
    use bus::{JobView, PointView};
    use model::PointId;
    use serde_json::json;

    use super::*;

    #[test]
    fn ids_stand_in_the_place_of_paths() {
        let id = PointId([7; 16]);
        let job = JobView {
            number: 5,
            system: Place::System("acme/db".to_owned()).path(),
            point: Place::Point(id).path(),
            ..Default::default()
        };
        let (tag, job) = tagged(&job.into());
        assert_eq!(tag, "job");
        assert_eq!((&job["system"], &job["point"]), (&json!("acme/db"), &json!(id.to_string())));
        assert_eq!((&job["number"], &job["state"]), (&json!(5), &json!("queued")));
        let none = PointView { id: id.to_string(), ..Default::default() };
        assert_eq!(view(&none.into())["system"], Value::Null);
    }
}
