//! Words that say little about anybody: what two people's data have in common by chance is made of them.

/// Whether a folded word of Latin letters is one of them, or a form of one.
pub fn is_common(word: &str) -> bool {
    let known = |word: &str| word.len() < 3 || COMMON.binary_search(&word).is_ok();
    let endings = ["s", "es", "d", "ed", "ing", "ly", "er", "ers"];
    known(word)
        || endings.iter().any(|ending| {
            let stem = word.strip_suffix(ending).filter(|stem| stem.len() >= 3);
            stem.is_some_and(|stem| COMMON.binary_search(&stem).is_ok())
        })
}

/// Whether a field of this name has one of few values, or one that follows from its neighbours.
pub fn is_one_of_few(field: &str) -> bool {
    let last = field.rsplit(['_', '-', '.', ' ']).next().unwrap_or_default().to_lowercase();
    let camel = field.rfind(char::is_uppercase).and_then(|at| field.get(at..)).unwrap_or_default().to_lowercase();
    [last, camel].iter().any(|word| FEW.contains(&word.as_str()))
}

static FEW: &[&str] = &[
    "action", "category", "channel", "city", "class", "color", "colour", "country", "county", "currency", "department",
    "format", "gender", "group", "industry", "interval", "kind", "lang", "language", "level", "locale", "location",
    "method", "mode", "nationality", "plan", "priority", "province", "reason", "region", "role", "salutation", "scope",
    "sector", "segment", "severity", "sex", "size", "source", "stage", "state", "status", "tag", "tags", "tier",
    "timezone", "title", "town", "type", "unit", "version",
];

/// Sorted.
#[rustfmt::skip]
static COMMON: &[&str] = &[
    "able", "about", "above", "accept", "access", "according", "account", "across", "act", "action", "active", "activity",
    "actual", "add", "added", "addition", "additional", "address", "admin", "administrator", "adult", "advance", "advice",
    "affect", "africa", "after", "again", "age", "agent", "ago", "agree", "agreed", "air", "all", "allow", "almost",
    "along", "already", "also", "although", "always", "america", "american", "amount", "analysis", "and", "another",
    "answer", "any", "anyone", "anything", "api", "app", "application", "apply", "appointment", "approval", "approve",
    "approved", "apr", "april", "archive", "are", "area", "around", "arrange", "array", "arrive", "article", "asia", "ask",
    "assets", "assign", "assist", "assistance", "assistant", "attach", "attached", "attachment", "attention", "aud", "auf",
    "aug", "august", "australia", "austria", "auth", "authentication", "authority", "automatic", "available", "avatar",
    "average", "avoid", "await", "aware", "away", "back", "backup", "bad", "balance", "bank", "base", "based", "basic",
    "batch", "because", "become", "been", "before", "begin", "behalf", "behind", "being", "belgium", "believe", "below",
    "benefit", "best", "beta", "better", "between", "beyond", "big", "bill", "billing", "birth", "biz", "block", "blue",
    "board", "body", "book", "boolean", "born", "both", "bottom", "box", "boy", "branch", "brazil", "bring", "britain",
    "broken", "brother", "browser", "budget", "build", "building", "business", "busy", "but", "button", "buy", "cache",
    "cad", "call", "callback", "came", "can", "canada", "cancel", "canceled", "cancelled", "capital", "car", "card",
    "care", "carry", "case", "cash", "catalog", "category", "cause", "center", "central", "certain", "certificate",
    "chance", "change", "changelog", "channel", "charge", "chat", "check", "chf", "child", "children", "china", "choice",
    "choose", "city", "claim", "class", "clean", "clear", "click", "client", "close", "closed", "cloud", "cluster", "code",
    "cold", "color", "column", "com", "come", "command", "comment", "commit", "common", "communication", "community",
    "company", "complaint", "complete", "completed", "component", "concern", "condition", "config", "configuration",
    "confirm", "confirmation", "confirmed", "connect", "connection", "consent", "consider", "console", "contact",
    "contain", "container", "content", "context", "continue", "contract", "control", "conversation", "convert", "cookie",
    "copy", "core", "corp", "correct", "cost", "could", "count", "country", "county", "couple", "course", "cover",
    "create", "created", "credential", "credit", "critical", "cron", "cross", "csv", "currency", "current", "customer",
    "cut", "cycle", "daily", "damage", "damaged", "dark", "das", "dashboard", "data", "database", "date", "daughter",
    "day", "deal", "dear", "death", "debit", "debug", "dec", "december", "decide", "decision", "deep", "default", "delay",
    "delete", "deliver", "delivery", "dem", "den", "denmark", "department", "depend", "deploy", "deployment", "deposit",
    "der", "des", "describe", "description", "design", "detail", "details", "deutschland", "develop", "development",
    "device", "did", "die", "difference", "different", "difficult", "digital", "direct", "directly", "director",
    "directory", "disabled", "discount", "discuss", "disk", "display", "district", "division", "doctor", "document",
    "does", "dollar", "domain", "done", "door", "double", "doubt", "down", "download", "draft", "draw", "drive", "drop",
    "due", "dummy", "during", "each", "early", "ease", "east", "easy", "edit", "edu", "education", "effect", "effective",
    "ein", "eine", "either", "electronic", "element", "email", "emergency", "employee", "employer", "enable", "enabled",
    "encoding", "encounter", "end", "endpoint", "energy", "engine", "engineering", "england", "english", "enjoy", "enough",
    "ensure", "enter", "enterprise", "entire", "entry", "environment", "equal", "error", "especially", "establish", "eur",
    "euro", "europe", "european", "even", "event", "eventually", "ever", "every", "everybody", "everyone", "everything",
    "exact", "example", "excel", "except", "exception", "exchange", "exist", "expect", "expense", "experience", "expire",
    "expired", "expires", "explain", "export", "express", "extend", "external", "extra", "face", "facility", "fact",
    "fail", "failed", "failure", "fall", "false", "family", "far", "fast", "father", "favorite", "fax", "feature", "feb",
    "february", "federal", "fee", "feed", "feedback", "feel", "female", "few", "field", "figure", "file", "fill", "filter",
    "final", "finally", "finance", "financial", "find", "fine", "finish", "finland", "fire", "firm", "first", "firstname",
    "fit", "fix", "fixed", "flag", "flight", "floor", "folder", "follow", "following", "food", "foot", "for", "force",
    "foreign", "forename", "form", "formal", "format", "former", "forum", "forward", "found", "four", "frame", "framework",
    "france", "free", "freedom", "french", "frequently", "fri", "friday", "friend", "from", "front", "full", "fullname",
    "function", "fund", "further", "future", "gain", "game", "garden", "gateway", "gbp", "gender", "general", "generate",
    "german", "germany", "get", "girl", "give", "given", "global", "gmail", "gmbh", "goal", "goes", "going", "gold",
    "gone", "good", "goods", "got", "gov", "government", "grade", "grand", "grant", "great", "greece", "green", "ground",
    "group", "grow", "growth", "guarantee", "guess", "guest", "guide", "had", "half", "hand", "handler", "happen", "happy",
    "hard", "has", "hash", "have", "head", "header", "health", "hear", "heart", "heavy", "held", "hello", "help", "hence",
    "her", "here", "hereby", "hers", "herself", "high", "higher", "him", "himself", "his", "history", "hit", "hold",
    "holder", "holiday", "home", "homepage", "hope", "hospital", "host", "hosting", "hot", "hotel", "hotmail", "hour",
    "hours", "house", "how", "however", "html", "http", "https", "huge", "human", "hundred", "husband", "icloud", "icon",
    "idea", "identifier", "identify", "identity", "image", "imagine", "immediate", "immediately", "import", "important",
    "improve", "inactive", "inbox", "inc", "include", "included", "including", "income", "increase", "indeed", "index",
    "india", "individual", "industry", "info", "inform", "information", "initial", "inquiry", "inside", "install",
    "instance", "instead", "institution", "insurance", "insured", "integer", "integration", "interest", "interface",
    "internal", "international", "internet", "interview", "into", "introduce", "invalid", "investigate", "investment",
    "invoice", "involve", "ireland", "iso", "issue", "issued", "ist", "italy", "item", "items", "its", "jan", "january",
    "japan", "java", "javascript", "job", "join", "joint", "journal", "jpy", "json", "judge", "jul", "july", "jump", "jun",
    "june", "just", "keep", "kept", "kernel", "key", "keyword", "kid", "kill", "kind", "kitchen", "know", "knowledge",
    "known", "label", "lack", "land", "language", "large", "last", "lastname", "late", "later", "latest", "law", "lawyer",
    "layout", "lead", "leader", "learn", "least", "leave", "left", "legal", "length", "less", "let", "letter", "level",
    "liability", "library", "license", "life", "light", "like", "likely", "limit", "limited", "line", "link", "list",
    "listed", "little", "llc", "load", "local", "localhost", "locate", "location", "lock", "log", "login", "logo", "long",
    "look", "lose", "loss", "lost", "lot", "love", "low", "lower", "ltd", "machine", "made", "mail", "mailto", "main",
    "maintain", "major", "make", "male", "man", "manage", "management", "manager", "manual", "many", "mar", "march",
    "mark", "markdown", "market", "marketing", "marriage", "married", "mass", "master", "match", "material", "matter",
    "maximum", "may", "maybe", "mean", "measure", "media", "medical", "medicine", "medium", "meet", "meeting", "member",
    "membership", "memory", "mention", "menu", "merchant", "message", "meta", "metadata", "method", "metric", "mexico",
    "middle", "middlename", "might", "migration", "mile", "military", "million", "mind", "minimum", "minister", "minor",
    "minute", "miss", "missing", "mister", "mit", "mobile", "mode", "model", "modern", "modify", "module", "moment", "mon",
    "monday", "money", "monitor", "month", "monthly", "more", "moreover", "morning", "most", "mother", "mouth", "move",
    "mrs", "much", "music", "must", "myself", "name", "namespace", "nation", "national", "native", "nature", "near",
    "nearly", "necessary", "need", "negative", "net", "netherlands", "network", "never", "new", "news", "next", "nice",
    "nicht", "night", "nine", "nobody", "node", "none", "nor", "normal", "north", "norway", "not", "note", "notebook",
    "notes", "nothing", "notice", "notification", "notify", "nov", "november", "now", "null", "number", "object", "obtain",
    "obvious", "occasion", "occur", "oct", "october", "off", "offer", "office", "officer", "official", "offset", "often",
    "okay", "old", "older", "onboarding", "once", "one", "online", "only", "onto", "open", "operate", "operation",
    "operator", "opinion", "opportunity", "option", "orange", "order", "ordinary", "org", "organization", "origin",
    "original", "other", "otherwise", "ought", "our", "out", "outlook", "output", "outside", "over", "overall", "overdue",
    "override", "overview", "own", "owner", "package", "page", "paid", "pair", "panel", "paper", "paragraph", "parameter",
    "parent", "park", "parse", "part", "partial", "particular", "partner", "party", "pass", "passed", "password", "past",
    "path", "patient", "pattern", "pay", "payable", "payment", "pdf", "pending", "people", "per", "percent", "perfect",
    "perform", "performance", "perhaps", "period", "permanent", "permission", "permit", "person", "personal", "phd",
    "phone", "photo", "php", "phrase", "pick", "picture", "piece", "ping", "pipeline", "place", "plain", "plan",
    "platform", "play", "plc", "please", "pleasure", "plugin", "plus", "png", "point", "pointer", "poland", "policy",
    "pool", "poor", "popular", "port", "portal", "portugal", "position", "positive", "possible", "post", "postal",
    "potential", "power", "practice", "prefer", "preferred", "premium", "prepare", "present", "president", "press",
    "pretty", "prevent", "preview", "previous", "price", "primary", "print", "prior", "priority", "private", "pro",
    "probably", "problem", "procedure", "process", "processed", "processing", "prod", "produce", "product", "production",
    "prof", "professional", "profile", "program", "progress", "project", "promise", "promotion", "proper", "property",
    "proposal", "protect", "prove", "provide", "provider", "province", "proxy", "public", "publish", "purchase", "purpose",
    "push", "put", "python", "quality", "quantity", "quarter", "query", "question", "queue", "quick", "quickly", "quiet",
    "quite", "quote", "race", "rate", "rather", "raw", "reach", "react", "read", "readme", "ready", "real", "really",
    "reason", "receipt", "receive", "received", "recent", "recently", "recommend", "record", "records", "recover", "red",
    "redirect", "reduce", "refer", "reference", "refresh", "refund", "regard", "regarding", "regards", "regex", "region",
    "register", "registered", "regular", "reject", "rejected", "related", "relation", "relationship", "release",
    "reliable", "remain", "remember", "remind", "reminder", "remote", "remove", "rent", "repair", "repeat", "replace",
    "replacement", "reply", "repo", "report", "repository", "represent", "representative", "request", "require",
    "required", "requirement", "research", "reserve", "reset", "resident", "resolve", "resolved", "resource", "respect",
    "respond", "response", "responsibility", "rest", "result", "retail", "return", "review", "revision", "rich", "ride",
    "right", "ring", "rise", "risk", "road", "role", "rollback", "room", "root", "round", "route", "router", "row", "rss",
    "rule", "run", "runtime", "russia", "safe", "sale", "sales", "same", "sample", "sandbox", "sat", "satisfied",
    "saturday", "save", "say", "scale", "schedule", "scheduled", "schema", "school", "science", "scope", "score",
    "scotland", "screen", "script", "sdk", "search", "season", "second", "secret", "section", "sector", "secure",
    "security", "see", "seek", "seem", "segment", "select", "self", "sell", "senate", "send", "sender", "senior", "sense",
    "sensitive", "sent", "sep", "separate", "september", "series", "serious", "serve", "server", "service", "session",
    "set", "settings", "settle", "setup", "seven", "several", "sex", "share", "shares", "she", "sheet", "shell", "ship",
    "shipment", "shipped", "shipping", "shop", "short", "shot", "should", "show", "shown", "shut", "sich", "sick", "side",
    "sign", "signature", "significant", "silver", "similar", "simple", "simply", "since", "sincerely", "single", "sir",
    "sister", "sit", "site", "situation", "six", "size", "skill", "sku", "sleep", "slow", "slug", "small", "snapshot",
    "social", "society", "socket", "software", "sold", "solution", "solve", "some", "somebody", "someone", "something",
    "sometimes", "son", "soon", "sorry", "sort", "sound", "source", "south", "space", "spain", "spam", "speak", "special",
    "specific", "speech", "speed", "spend", "sql", "stack", "staff", "stage", "staging", "stand", "standard", "start",
    "state", "statement", "states", "static", "station", "status", "stay", "step", "still", "stock", "stop", "storage",
    "store", "story", "stream", "street", "string", "strong", "structure", "student", "study", "stuff", "style",
    "subdomain", "subject", "submit", "submitted", "subscription", "success", "successful", "such", "suggest", "suite",
    "sum", "summary", "summer", "sunday", "supervisor", "supplier", "supply", "support", "suppose", "sure", "surname",
    "surprise", "survey", "suspended", "sweden", "switch", "switzerland", "sync", "syntax", "system", "table", "tag",
    "take", "talk", "target", "task", "tax", "taxes", "teach", "teacher", "team", "technical", "technology", "telephone",
    "tell", "template", "temporary", "ten", "tenant", "tend", "term", "terminal", "terms", "test", "text", "than", "thank",
    "thanks", "that", "the", "thee", "them", "theme", "themselves", "then", "there", "therefore", "thereof", "these",
    "they", "thing", "think", "third", "thirty", "this", "those", "though", "thought", "thousand", "thread", "three",
    "through", "thu", "thumbnail", "thursday", "thus", "ticket", "tier", "till", "time", "timeout", "timestamp",
    "timezone", "tip", "title", "today", "together", "toggle", "token", "tomorrow", "tone", "tonight", "too", "tool",
    "top", "topic", "total", "touch", "toward", "town", "trace", "track", "trade", "train", "training", "transaction",
    "transfer", "translate", "transport", "travel", "treat", "treatment", "trial", "trigger", "trip", "trouble", "true",
    "trust", "try", "tue", "tuesday", "turkey", "turn", "tutorial", "twelve", "twenty", "twice", "two", "type", "types",
    "unable", "unavailable", "und", "undefined", "under", "understand", "union", "unique", "unit", "united", "universal",
    "university", "unknown", "unless", "unlimited", "unpaid", "unsubscribe", "until", "update", "updated", "upgrade",
    "upload", "upon", "upper", "urban", "urgent", "uri", "url", "usa", "usage", "usd", "use", "used", "user", "username",
    "users", "using", "usual", "usually", "utc", "utf", "vacation", "valid", "validate", "validation", "value", "variable",
    "variant", "various", "vat", "vehicle", "vendor", "verified", "verify", "version", "very", "vice", "video", "view",
    "viewer", "virtual", "visible", "visit", "visitor", "voice", "void", "volume", "von", "vote", "wait", "waiting",
    "walk", "wall", "wallet", "want", "warm", "warning", "warranty", "was", "watch", "water", "way", "web", "webhook",
    "website", "wed", "wednesday", "week", "weekday", "weekend", "weekly", "weight", "welcome", "well", "were", "west",
    "what", "whatever", "when", "whenever", "where", "whereas", "whether", "which", "while", "white", "who", "whoever",
    "whole", "wholesale", "whom", "whose", "why", "wide", "widget", "wife", "wiki", "will", "win", "window", "winter",
    "wish", "with", "within", "without", "wizard", "woman", "women", "won", "wonder", "word", "work", "worker", "workflow",
    "workspace", "world", "worth", "would", "write", "writing", "written", "wrong", "www", "xml", "yahoo", "yaml", "yeah",
    "year", "yearly", "years", "yellow", "yes", "yesterday", "yet", "you", "young", "your", "yourself", "youth", "zero",
    "zip", "zone",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_are_sorted_and_forms_of_them_are_common_too() {
        assert!(COMMON.is_sorted(), "{:?}", COMMON.windows(2).find(|pair| pair[0] >= pair[1]));
        for word in ["the", "customer", "customers", "called", "contacting", "monday", "is"] {
            assert!(is_common(word), "{word}");
        }
        for word in ["lovelace", "mustermann", "penicillin", "hauptstrasse"] {
            assert!(!is_common(word), "{word}");
        }
    }
}
