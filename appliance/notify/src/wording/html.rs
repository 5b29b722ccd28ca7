//! A message as a simple page.

use super::Message;

/// Nothing of a message is taken for markup.
pub(crate) fn html(message: &Message) -> String {
    let mut page = String::from(
        "<!DOCTYPE html><html><head><meta charset=\"utf-8\"></head>\
         <body style=\"font-family: sans-serif\">\n",
    );
    for paragraph in &message.paragraphs {
        page.push_str(&format!("<p>{}</p>\n", escaped(paragraph).replace('\n', "<br>\n")));
    }
    let link = escaped(&message.link);
    if message.link.starts_with("https://") {
        page.push_str(&format!("<p><a href=\"{link}\">{link}</a></p>\n"));
    }
    page + "</body></html>\n"
}

fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}
