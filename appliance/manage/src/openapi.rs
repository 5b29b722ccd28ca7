//! The description of the API, made of the table of routes and of the views on the bus.

use bus::{Property, views};
use serde_json::{Map, Value, json};

use crate::problem::Kind as Wrong;
use crate::render::is_path;
use crate::route::{Access, Gives, Route};
use crate::routes;
use crate::shape::{Field, Kind};

/// The OpenAPI 3.1 document.
pub fn document() -> Value {
    let mut paths = Map::new();
    for route in routes::all().filter(|route| route.path.starts_with("/api/")) {
        let path = paths.entry(route.path).or_insert_with(|| json!({}));
        path[route.verb.as_str().to_lowercase()] = operation(route);
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Holdfast",
            "version": "1",
            "description": "Remote management of one appliance. Times are seconds since 1970 in \
                UTC, 0 where it never happened; amounts are bytes. What an account may not see is \
                not there: the answer is the same as for what does not exist.",
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "servers": [{ "url": "/" }],
        "paths": paths,
        "components": {
            "schemas": schemas(),
            "responses": { "Problem": problem() },
            "securitySchemes": {
                "token": { "type": "http", "scheme": "bearer" },
                "cookie": { "type": "apiKey", "in": "cookie", "name": crate::server::COOKIE },
                "certificate": {
                    "type": "mutualTLS",
                    "description": "At the port for certificates: one that an account is bound to",
                },
            },
        },
    })
}

fn operation(route: &Route) -> Value {
    let mut parameters: Vec<Value> = parts(route.path)
        .map(|name| {
            json!({
                "name": name, "in": "path", "required": true,
                "schema": { "type": "string", "minLength": 1 },
            })
        })
        .collect();
    parameters.extend(route.query.iter().map(|field| {
        json!({
            "name": field.name, "in": "query", "required": field.required,
            "description": field.about, "schema": schema_of(field.kind),
        })
    }));
    if route.changes() && !matches!(route.access, Access::Open) {
        parameters.push(json!({
            "name": "Holdfast-Request", "in": "header", "required": false,
            "description": "Browsers must send it, as no page of others can; with a token it does \
                not matter",
            "schema": { "type": "string", "enum": ["1"] },
        }));
    }
    let mut operation = json!({
        "operationId": name_of(route),
        "summary": route.about,
        "parameters": parameters,
        "responses": {
            "200": gives(route),
            "default": { "$ref": "#/components/responses/Problem" },
        },
        "security": security(route.access),
    });
    if let Access::Roles(roles) | Access::Wide(roles) = route.access {
        operation["x-roles"] = roles.iter().map(|role| role.as_str()).collect();
    }
    operation["x-appliance"] = matches!(route.access, Access::Wide(_)).into();
    if !route.body.is_empty() {
        let required = route.body.iter().any(|field| field.required);
        let content = json!({ "application/json": { "schema": body(route.body) } });
        operation["requestBody"] = json!({ "required": required, "content": content });
    }
    operation
}

/// What stands in braces.
fn parts(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
}

/// A name for those who make clients of the document.
fn name_of(route: &Route) -> String {
    let words = route.path.trim_start_matches("/api/v1/").split(['/', '.']);
    let words = words.map(|word| word.trim_matches(['{', '}']));
    let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
    format!("{}_{}", route.verb.as_str().to_lowercase(), words.join("_"))
}

fn security(access: Access) -> Value {
    match access {
        Access::Open => json!([]),
        Access::Anyone | Access::Roles(_) | Access::Wide(_) => {
            json!([{ "token": [] }, { "cookie": [] }, { "certificate": [] }])
        }
    }
}

fn gives(route: &Route) -> Value {
    let schema = match route.gives {
        Gives::Done => json!({
            "type": "object", "required": ["done"],
            "properties": { "done": { "const": true } },
        }),
        Gives::View(tag) => json!({ "$ref": format!("#/components/schemas/{tag}") }),
        Gives::Views(tag) => list_of(tag),
        Gives::Page(tag) => {
            let mut list = list_of(tag);
            let about = "Whether there are more than were asked for";
            list["properties"]["more"] = json!({ "type": "boolean", "description": about });
            list["required"] = json!([format!("{tag}s"), "more"]);
            list
        }
        Gives::Id(name) => json!({
            "type": "object", "required": [name],
            "properties": { name: { "type": "integer", "minimum": 1 } },
        }),
        Gives::Fields(fields) => {
            let properties: Map<String, Value> = fields
                .iter()
                .map(|(name, about)| ((*name).to_owned(), json!({ "description": about })))
                .collect();
            json!({ "type": "object", "properties": properties })
        }
        Gives::Other(media) => {
            return json!({ "description": route.about, "content": { media: {} } });
        }
    };
    let content = json!({ "application/json": { "schema": schema } });
    json!({ "description": route.about, "content": content })
}

fn list_of(tag: &str) -> Value {
    let items = json!({ "$ref": format!("#/components/schemas/{tag}") });
    let list = json!({ "type": "array", "items": items });
    let name = format!("{tag}s");
    json!({ "type": "object", "required": [name], "properties": { name: list } })
}

fn body(fields: &[Field]) -> Value {
    let required: Vec<&str> =
        fields.iter().filter(|field| field.required).map(|field| field.name).collect();
    let properties: Map<String, Value> = fields
        .iter()
        .map(|field| {
            let mut schema = schema_of(field.kind);
            schema["description"] = field.about.into();
            (field.name.to_owned(), schema)
        })
        .collect();
    json!({
        "type": "object", "additionalProperties": false,
        "required": required, "properties": properties,
    })
}

fn schema_of(kind: Kind) -> Value {
    match kind {
        Kind::Text(most) => json!({ "type": "string", "maxLength": most }),
        Kind::Secret(most) => {
            json!({ "type": "string", "format": "password", "maxLength": most })
        }
        Kind::Number(most) => json!({ "type": "integer", "minimum": 0, "maximum": most }),
        Kind::Flag => json!({ "type": "boolean" }),
        Kind::Word(words) => json!({ "type": "string", "enum": words }),
        Kind::Texts(count, most) => json!({
            "type": "array", "maxItems": count,
            "items": { "type": "string", "maxLength": most },
        }),
    }
}

/// Of each kind of view.
fn schemas() -> Value {
    let schemas: Map<String, Value> = views()
        .into_iter()
        .map(|(tag, about, properties)| (tag, view(about, properties)))
        .collect();
    Value::Object(schemas)
}

fn view(about: &str, properties: &[Property]) -> Value {
    let required: Vec<&str> = properties.iter().map(|property| property.field).collect();
    let properties: Map<String, Value> = properties
        .iter()
        .map(|property| {
            let mut schema = type_of(property);
            schema["description"] = joined(property.about).into();
            (property.field.to_owned(), schema)
        })
        .collect();
    json!({
        "type": "object", "description": joined(about),
        "required": required, "properties": properties,
    })
}

fn type_of(property: &Property) -> Value {
    if is_path(property) {
        return json!({ "type": ["string", "integer", "null"] });
    }
    match property.signature {
        "s" if !property.words.is_empty() => json!({ "type": "string", "enum": property.words }),
        "s" => json!({ "type": "string" }),
        "b" => json!({ "type": "boolean" }),
        "u" | "t" => json!({ "type": "integer", "minimum": 0 }),
        "i" => json!({ "type": "integer" }),
        signature if signature.starts_with("a{") => json!({ "type": "object" }),
        _ => json!({ "type": "array" }),
    }
}

/// The lines of a comment as one.
fn joined(about: &str) -> String {
    about.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn problem() -> Value {
    let words: Vec<&str> = Wrong::ALL.iter().map(|kind| kind.word()).collect();
    let schema = json!({
        "type": "object", "required": ["error", "problem", "next"],
        "properties": {
            "error": { "type": "string", "enum": words },
            "problem": { "type": "string", "description": "What is wrong" },
            "next": { "type": "string", "description": "What to do" },
        },
    });
    let content = json!({ "application/json": { "schema": schema } });
    json!({ "description": "It was not carried out", "content": content })
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::path::Path;

    use super::*;

    /// Set to write the document instead of comparing.
    const WRITE: &str = "HOLDFAST_WRITE_OPENAPI";

    #[test]
    fn the_committed_document_is_up_to_date() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("openapi.json");
        let expected = serde_json::to_string_pretty(&document()).unwrap() + "\n";
        if std::env::var_os(WRITE).is_some() {
            return std::fs::write(path, expected).unwrap();
        }
        let found = std::fs::read_to_string(path).unwrap_or_default();
        let advice = "if the change is meant, run `HOLDFAST_WRITE_OPENAPI=1 cargo test -p manage \
            committed` and commit what it writes";
        assert!(found == expected, "{advice}");
    }

    #[test]
    fn every_route_is_there_once_with_a_name_of_its_own() {
        let all: Vec<&Route> = routes::all().collect();
        let heads: HashSet<_> = all.iter().map(|r| (r.verb.as_str(), r.path)).collect();
        assert_eq!(heads.len(), all.len());
        let api = || all.iter().filter(|route| route.path.starts_with("/api/"));
        let names: HashSet<String> = api().map(|route| name_of(route)).collect();
        assert_eq!(names.len(), api().count());
        assert!(all.iter().all(|route| route.changes() || route.body.is_empty()));
        // What changes something wants to know by whom, but for getting in.
        let open = all.iter().filter(|r| r.changes() && matches!(r.access, Access::Open));
        let open: Vec<&str> = open.map(|route| route.path).collect();
        assert_eq!(open, ["/api/v1/claim", "/api/v1/session"]);
    }
}
