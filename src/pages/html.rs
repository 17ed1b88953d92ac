//! What is on the pages. Every text from elsewhere goes through [`escape`], and there are no scripts to escape for.
use super::{LIST, Person};
use crate::body::Body;
use crate::confirmations::Kept;
use crate::kernel::confirm::machine::{Fault, Mode, State};
use crate::kernel::confirm::summary::one_line;
use crate::kernel::policy::source::Effect;
use http::header::{self, HeaderName, HeaderValue};
use http::{Response, StatusCode};
use std::fmt::Write as _;
use std::sync::Arc;

/// No scripts, no frames, forms to here only (CSP level 3).
const POLICY: &str =
    "default-src 'none'; style-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

const STYLE: &str = "\
:root { color-scheme: light dark; }
* { box-sizing: border-box; }
body { font: 1rem/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 46rem; padding: 1rem; }
h1 { font-size: 1.35rem; line-height: 1.25; overflow-wrap: anywhere; }
h2 { font-size: 1.05rem; margin: 1.5rem 0 .5rem; }
dl { margin: 0; }
dt { font-weight: 600; overflow-wrap: anywhere; }
dd { margin: 0 0 .6rem; overflow-wrap: anywhere; white-space: pre-wrap; unicode-bidi: plaintext; }
dd.value { font-family: ui-monospace, monospace; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; border: 1px solid; padding: .75rem; margin: 0; }
.effect { border: 2px solid; border-radius: .25rem; padding: .1rem .4rem; font-weight: 700; }
.destructive { border-style: double; border-width: 4px; }
.note { border-left: .3rem solid; padding: .25rem .75rem; }
ul { padding-left: 1.2rem; }
li { margin: .6rem 0; overflow-wrap: anywhere; }
form { margin: 1rem 0; }
.buttons { display: flex; flex-wrap: wrap; gap: .75rem; margin-top: .75rem; }
button, .button { font: inherit; padding: .6rem 1.2rem; min-height: 2.75rem; border: 2px solid; border-radius: .3rem;
  background: transparent; color: inherit; cursor: pointer; text-decoration: none; display: inline-block; }
button:focus-visible, a:focus-visible, input:focus-visible { outline: 3px solid Highlight; outline-offset: 2px; }
input[type=number] { font: inherit; width: 6rem; padding: .4rem; }
footer { margin-top: 2rem; border-top: 1px solid; padding-top: .5rem; font-size: .9rem; }
";

/// Text as text.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

fn page(status: StatusCode, title: &str, main: &str) -> Response<Body> {
    let title = escape(title);
    let text = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"robots\" content=\"noindex\">\n<title>{title}</title>\n\
         <link rel=\"stylesheet\" href=\"/-/style.css\">\n</head>\n<body>\n<main>\n<h1>{title}</h1>\n{main}\n</main>\n</body>\n</html>\n"
    );
    guarded(status, "text/html; charset=utf-8", text)
}

fn guarded(status: StatusCode, kind: &'static str, text: String) -> Response<Body> {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_TYPE, kind),
        (header::CACHE_CONTROL, "no-store"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        // `no-referrer` would also take the origin from the page's own forms.
        (header::REFERRER_POLICY, "same-origin"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        (HeaderName::from_static("permissions-policy"), "camera=(), geolocation=(), microphone=()"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

/// The style sheet.
pub fn style() -> Response<Body> {
    guarded(StatusCode::OK, "text/css; charset=utf-8", STYLE.to_owned())
}

/// One sentence.
pub fn message(status: StatusCode, title: &str, text: &str) -> Response<Body> {
    page(status, title, &format!("<p>{}</p>\n<p><a href=\"{LIST}\">To the list</a></p>", escape(text)))
}

/// Not there, or not for this person.
pub fn not_found() -> Response<Body> {
    message(StatusCode::NOT_FOUND, "Not found", "There is nothing here for you.")
}

/// Not sent from a form of ours.
pub fn forbidden() -> Response<Body> {
    let text =
        "This did not come from the form on the page, or the form is from an earlier sign-in. Nothing was decided.";
    message(StatusCode::FORBIDDEN, "Not accepted", text)
}

/// On to another page.
pub fn redirect(to: &str) -> Response<Body> {
    let mut response = guarded(StatusCode::SEE_OTHER, "text/plain", String::new());
    if let Ok(value) = HeaderValue::from_str(to) {
        response.headers_mut().insert(header::LOCATION, value);
    }
    response
}

fn sign_in_link(to: &str) -> String {
    let to: String = url::form_urlencoded::byte_serialize(to.as_bytes()).collect();
    format!("<p><a class=\"button\" href=\"/-/sign-in?to={}\">Sign in</a></p>", escape(&to))
}

/// Nobody is signed in.
pub fn sign_in(to: &str) -> Response<Body> {
    let text = "<p>Sign in to see what waits for you.</p>\n";
    page(StatusCode::UNAUTHORIZED, "Confirmations", &format!("{text}{}", sign_in_link(to)))
}

/// Somebody was signed in, and no longer is.
pub fn sign_in_ended(to: &str) -> Response<Body> {
    let text = "<p class=\"note\" role=\"alert\">Your sign-in has ended. Nothing was decided.</p>\n";
    page(StatusCode::UNAUTHORIZED, "Sign in again", &format!("{text}{}", sign_in_link(to)))
}

fn footer(subject: &str, token: &str) -> String {
    format!(
        "<footer><p>Signed in as {}.</p>\n<form method=\"post\" action=\"/-/sign-out\">\
         <input type=\"hidden\" name=\"token\" value=\"{}\"><button>Sign out</button></form></footer>",
        escape(&one_line(subject, 120)),
        escape(token)
    )
}

/// Everything that waits.
pub fn list(waiting: &[(Arc<Kept>, bool)], subject: &str, token: &str) -> Response<Body> {
    let mut main = String::new();
    if waiting.is_empty() {
        main.push_str("<p>Nothing waits for you.</p>\n");
    } else {
        main.push_str("<ul>\n");
        for (kept, may) in waiting {
            let call = kept.confirmation.call();
            let _ = writeln!(
                main,
                "<li><a href=\"{LIST}/{}\">{} on {}</a>, asked for by {}, until {}{}</li>",
                escape(kept.confirmation.id()),
                escape(&one_line(&call.tool, 120)),
                escape(&call.server),
                escape(&one_line(&kept.question.requester.1, 120)),
                time(kept.confirmation.expires()),
                if *may { "" } else { " (somebody else has to decide)" },
            );
        }
        main.push_str("</ul>\n");
    }
    main.push_str(&footer(subject, token));
    page(StatusCode::OK, "Waiting for a confirmation", &main)
}

/// One confirmation, with a form if this person may decide on it now.
pub fn one(kept: &Kept, may: Result<(), Fault>, person: &Person, problem: Option<&str>) -> Response<Body> {
    let confirmation = &kept.confirmation;
    let call = confirmation.call();
    let mut main = String::new();
    if let Some(problem) = problem {
        let _ = writeln!(main, "<p class=\"note\" role=\"alert\">{}</p>", escape(problem));
    }
    let stands = match confirmation.state() {
        State::Proposed | State::Shown => "Nobody has decided yet.",
        State::Approved => "Approved, and not used yet. The same call goes through once.",
        State::Denied => "Denied. The call is not made.",
        State::Expired => "Nobody decided in time, or the approval was not used in time.",
        State::Void => "Void: the policy, the tool or what the call would do changed in the meantime.",
        State::Spent => "Approved and used. What came of it is not known yet.",
        State::Executed => "Approved and done.",
        State::Failed => "Approved and used; the server reported a failure, or nothing.",
    };
    let _ = writeln!(main, "<p class=\"note\" id=\"state\">{stands}</p>");
    let (class, effect) = match call.effect {
        Effect::Read => ("read", "reads"),
        Effect::Write => ("write", "changes data"),
        Effect::Destructive => ("destructive", "deletes, or cannot be undone"),
        Effect::Egress => ("egress", "sends data out"),
    };
    let (issuer, subject, client) = &kept.question.requester;
    let _ = writeln!(main, "<p><span class=\"effect {class}\">{effect}</span></p>\n<dl>");
    let facts = [
        ("Who asks", format!("{} (signed in at {issuer})", one_line(subject, 200))),
        ("With", client.as_ref().map_or_else(|| "an unnamed client".to_owned(), |client| one_line(client, 200))),
        ("Tool", format!("{} on {}", one_line(&call.tool, 200), call.server)),
        ("Valid until", time(confirmation.expires())),
        ("Rule", kept.question.rule.clone()),
        ("Policy", call.policy.short().to_string()),
        ("Arguments, SHA-256", call.arguments.to_string()),
    ];
    for (name, value) in facts {
        let _ = writeln!(main, "<dt>{name}</dt><dd>{}</dd>", escape(&value));
    }
    main.push_str("</dl>\n<h2>Arguments</h2>\n");
    if kept.question.lines.is_empty() {
        main.push_str("<p>None.</p>\n");
    } else {
        main.push_str("<dl>\n");
        for line in &kept.question.lines {
            let (name, value) = (escape(&line.name), escape(&line.value));
            let _ = writeln!(main, "<dt>{name}</dt><dd class=\"value\">{value}</dd>");
        }
        main.push_str("</dl>\n");
    }
    if let Some(preview) = &kept.question.preview {
        let _ = writeln!(main, "<h2>Preview: nothing done yet</h2>\n<pre>{}</pre>", escape(preview));
    }
    match may {
        Ok(()) if confirmation.state().is_open() => main.push_str(&form(kept, person)),
        Ok(()) if confirmation.state() == State::Approved => {
            main.push_str(&decision(kept, person, "<button name=\"decision\" value=\"deny\">Take it back</button>"));
        }
        Err(Fault::SamePerson | Fault::NotApprover) if confirmation.state().is_open() => {
            main.push_str("<p class=\"note\">You asked for this yourself. Somebody else has to decide.</p>\n");
        }
        _ => {}
    }
    let _ = writeln!(main, "<p><a href=\"{LIST}\">To the list</a></p>");
    main.push_str(&footer(person.principal.subject(), &person.token));
    let title = match confirmation.mode() {
        Mode::Code => "Did you ask for this call?",
        _ => "Allow this call?",
    };
    page(StatusCode::OK, title, &main)
}

fn form(kept: &Kept, person: &Person) -> String {
    let batch = kept.question.batch.as_ref().map(|(most, same)| {
        format!(
            "<p><label>Also the next calls of this tool by this caller with the same {}, this one counted: \
             <input type=\"number\" name=\"calls\" value=\"1\" min=\"1\" max=\"{most}\"></label></p>",
            escape(&one_line(&same.join(", "), 200)),
        )
    });
    let buttons = "<div class=\"buttons\"><button name=\"decision\" value=\"deny\">Deny</button>\n\
         <button name=\"decision\" value=\"approve\">Approve this call</button></div>";
    decision(kept, person, &format!("{}\n{buttons}", batch.unwrap_or_default()))
}

/// A form that decides, with these fields.
fn decision(kept: &Kept, person: &Person, fields: &str) -> String {
    format!(
        "<form method=\"post\" action=\"{LIST}/{}\">\n<input type=\"hidden\" name=\"token\" value=\"{}\">\n{fields}\n</form>\n",
        escape(kept.confirmation.id()),
        escape(&person.token),
    )
}

fn time(seconds: u64) -> String {
    let time = i64::try_from(seconds).ok().and_then(|seconds| chrono::DateTime::from_timestamp(seconds, 0));
    time.unwrap_or_default().format("%Y-%m-%d %H:%M:%S UTC").to_string()
}

#[cfg(test)]
mod tests {
    #[test]
    fn nothing_from_elsewhere_is_markup() {
        let text = super::escape("<script>alert('x')</script>\"&");
        assert_eq!(text, "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&quot;&amp;");
    }
}
