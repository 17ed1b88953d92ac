//! Keys that carry their provider's mark: prefix, alphabet and length as each provider documents them.
//!
//! A format that grew longer since is still found: behind a mark of four characters and more, anything long
//! and random is a key. Publishable keys (`pk_live_`, `phc_`, `sb_publishable_`, …) are public and not listed.
use super::marks::url_safe;
use super::rarity::rarity;
use super::value::{Bytes, invented};
use crate::kernel::redact::lanes::eight;

/// `(prefix, provider, body)`, sorted by prefix.
///
/// A body is a sequence of runs and literals: a letter for the alphabet, then its length or shortest and
/// longest length; literals stand in quotes. Alphabets: `w` letters and digits, `b` those with `-` and `_`,
/// `v` those with `.` too, `x` those with `=` too, `h` lower-case hex, `H` hex, `u` capitals and digits, `l`
/// small letters and digits, `d` digits, `s` Base64, `p` letters, digits, `%` and `=`.
#[rustfmt::skip]
pub const FORMATS: &[(&str, &str, &str)] = &[
    ("00D", "salesforce", "w12-15 '!' v80-140"),
    ("1//0", "google_oauth", "b36-120"),
    ("1000.", "zoho", "h32 '.' h32"),
    ("4b1d", "clickhouse", "w38"),
    ("A21AA", "paypal", "b80-120"),
    ("A3-", "1password", "u6 '-' u6 '-' u5 '-' u5 '-' u5"),
    ("AAAAAAAAAAAAAAAAAAAAA", "twitter", "p70-120"),
    ("ABIA", "aws_access_key", "u16"),
    ("ABSK", "aws_bedrock", "s92-270"),
    ("ACCA", "aws_access_key", "u16"),
    ("AGE-SECRET-KEY-1", "age", "u58"),
    ("AIza", "google_api", "b35"),
    ("AKCp", "artifactory", "w58-73"),
    ("AKIA", "aws_access_key", "u16"),
    ("AKID", "tencent", "w32-36"),
    ("API-", "octopus", "u26-30"),
    ("APP_USR-", "mercadopago", "d10-20 '-' d6 '-' h32 '-' d5-12"),
    ("AQ.Ab", "google_api", "b40-80"),
    ("AQE", "adyen", "s80-140 '-' s40-60 '-' b10-24"),
    ("AQVN", "yandex", "b35-38"),
    ("ASIA", "aws_access_key", "u16"),
    ("ATATT3x", "atlassian", "x80-250"),
    ("ATBB", "atlassian", "w20-48"),
    ("ATCTT3x", "atlassian", "x80-250"),
    ("ATSTT3x", "atlassian", "x80-250"),
    ("ATTA", "trello", "w64-76"),
    ("AstraCS:", "astra", "w20-30 ':' h64"),
    ("BBDC-", "bitbucket", "s40-50"),
    ("BSA", "brave", "b27-28"),
    ("CCDB1_", "cockroach", "w20-24 '_' w40"),
    ("CCIPAT_", "circleci", "w20-24 '_' h40"),
    ("CCIPRJ_", "circleci", "w20-24 '_' h40"),
    ("CFPAT-", "contentful", "b40-48"),
    ("CLOJARS_", "clojars", "l60"),
    ("EAAA", "square", "b60"),
    ("EAAB", "facebook", "w80-300"),
    ("EAAC", "facebook", "w80-300"),
    ("EAAG", "facebook", "w80-300"),
    ("EAAJ", "facebook", "w80-300"),
    ("EAAL", "facebook", "w80-300"),
    ("EAAM", "facebook", "w80-300"),
    ("EZAK", "easypost", "w54"),
    ("EZTK", "easypost", "w54"),
    ("FLWSECK-", "flutterwave", "w32-40 '-X'"),
    ("FLWSECK_TEST-", "flutterwave", "w12-40"),
    ("FlyV1 ", "fly", "s80-2000"),
    ("FlyV1 fm1a_", "fly", "s80-2000"),
    ("FlyV1 fm1r_", "fly", "s80-2000"),
    ("FlyV1 fm2_", "fly", "s80-2000"),
    ("GOCSPX-", "google_oauth", "b28"),
    ("GR1348941", "gitlab", "b20"),
    ("HRKU-", "heroku", "b36-64"),
    ("IGAA", "instagram", "b60-260"),
    ("IGQV", "instagram", "b60-260"),
    ("LTAI", "alibaba", "w12-24"),
    ("NRAK-", "newrelic", "u27"),
    ("NRBR-", "newrelic", "h19"),
    ("NRII-", "newrelic", "b32"),
    ("NRIQ-", "newrelic", "b32"),
    ("NRJS-", "newrelic", "h19"),
    ("NRRA-", "newrelic", "h42"),
    ("NRSP-", "newrelic", "b32-40"),
    ("PMAK-", "postman", "h24 '-' h34"),
    ("PMAT-", "postman", "u26"),
    ("SCW", "scaleway", "u17"),
    ("SG.", "sendgrid", "b16-32 '.' b16-64"),
    ("SK", "twilio", "h32"),
    ("TEST-", "mercadopago", "d10-20 '-' d6 '-' h32 '-' d5-12"),
    ("WPL_AP1.", "linkedin", "w16 '.' w6-12"),
    ("YCAJ", "yandex", "b20-22"),
    ("YCP", "yandex", "b35-38"),
    ("access-development-", "plaid", "h8 '-' h4 '-' h4 '-' h4 '-' h12"),
    ("access-production-", "plaid", "h8 '-' h4 '-' h4 '-' h4 '-' h12"),
    ("access-sandbox-", "plaid", "h8 '-' h4 '-' h4 '-' h4 '-' h12"),
    ("access_token$production$", "braintree", "l16 '$' h32"),
    ("access_token$sandbox$", "braintree", "l16 '$' h32"),
    ("aio_", "adafruit", "w28"),
    ("ak_", "composio", "b20-24"),
    ("amzn.mws.", "amazon_mws", "h8 '-' h4 '-' h4 '-' h4 '-' h12"),
    ("api-", "launchdarkly", "h8 '-' h4 '-' h4 '-' h4 '-' h12"),
    ("api_org_", "huggingface", "w34"),
    ("apify_api_", "apify", "w34-40"),
    ("app_", "percy", "h64"),
    ("as-", "modal", "w22"),
    ("auto_", "percy", "h64"),
    ("b.AAAAAQ", "vault", "b80-300"),
    ("bb_live_", "browserbase", "b24-64"),
    ("bedrock-api-key-", "aws_bedrock", "s80-2000"),
    ("bkct_", "buildkite", "w32-64"),
    ("bkua_", "buildkite", "h40"),
    ("cal_live_", "cal", "h32"),
    ("cal_test_", "cal", "h32"),
    ("cfat_", "cloudflare", "w40-64"),
    ("cfk_", "cloudflare", "w40-64"),
    ("cflt", "confluent", "s56-70"),
    ("cfut_", "cloudflare", "w40-64"),
    ("cio", "crates", "w32"),
    ("ck_", "woocommerce", "h40"),
    ("cmVmdGtu", "artifactory", "w50-64"),
    ("cpk_", "chutes", "h32 '.' h32 '.' w32"),
    ("crsr_", "cursor", "h64"),
    ("cs_", "woocommerce", "h40"),
    ("csk-", "cerebras", "l40-64"),
    ("cxtp_", "coralogix", "w28-34"),
    ("cxup_", "coralogix", "w28-34"),
    ("dG9rOj", "intercom", "s30-80"),
    ("dapi", "databricks", "h32"),
    ("dckr_oat_", "docker", "b32"),
    ("dckr_pat_", "docker", "b27"),
    ("ddapp_", "datadog", "w32-40"),
    ("ddo_", "deno", "w36-40"),
    ("ddp_", "deno", "w36-40"),
    ("ddpat_", "datadog", "w32-64"),
    ("ddw_", "deno", "w36-40"),
    ("dkea", "databricks", "h32"),
    ("dnkey-", "defined", "l26 '-' l52"),
    ("doo_v1_", "digitalocean", "h64"),
    ("dop_v1_", "digitalocean", "h64"),
    ("dor_v1_", "digitalocean", "h64"),
    ("dose", "databricks", "h32"),
    ("dp.audit.", "doppler", "w40-44"),
    ("dp.ct.", "doppler", "w40-44"),
    ("dp.pt.", "doppler", "w40-44"),
    ("dp.sa.", "doppler", "w40-44"),
    ("dp.scim.", "doppler", "w40-44"),
    ("dp.st.", "doppler", "v40-80"),
    ("dsapi", "databricks", "h32"),
    ("dt0a01.", "dynatrace", "u8-24 '.' u64"),
    ("dt0c01.", "dynatrace", "u24 '.' u64"),
    ("dt0e01.", "dynatrace", "u8-24 '.' u64"),
    ("dt0s01.", "dynatrace", "u8-24 '.' u64"),
    ("dt0s02.", "dynatrace", "u8-24 '.' u64"),
    ("dt0s06.", "dynatrace", "u8-24 '.' u64"),
    ("dt0s08.", "dynatrace", "u8-24 '.' u64"),
    ("dt0s09.", "dynatrace", "u8-24 '.' u64"),
    ("duffel_live_", "duffel", "b40-50"),
    ("duffel_test_", "duffel", "b40-50"),
    ("e2b_", "e2b", "h40"),
    ("esecret_", "anyscale", "l24-64"),
    ("essu_", "elastic", "s40-400"),
    ("eyJrIjoi", "grafana", "s64-400"),
    ("fc-", "firecrawl", "h32"),
    ("figd_", "figma", "b38-50"),
    ("figdr_", "figma", "b38-50"),
    ("figo_", "figma", "b38-50"),
    ("figoh_", "figma", "b38-50"),
    ("figor_", "figma", "b38-50"),
    ("figu_", "figma", "b38-50"),
    ("figuh_", "figma", "b38-50"),
    ("fio-u-", "frameio", "b64"),
    ("fm1a_", "fly", "s80-2000"),
    ("fm1r_", "fly", "s80-2000"),
    ("fm2_", "fly", "s80-2000"),
    ("fnA", "fauna", "b37"),
    ("fo1_", "fly", "b43"),
    ("fw_", "fireworks", "w22-32"),
    ("gho_", "github", "w36"),
    ("ghp_", "github", "w36"),
    ("ghr_", "github", "w36-76"),
    ("ghs_", "github", "b100-520"),
    ("ghs_", "github", "w36"),
    ("ghu_", "github", "w36"),
    ("github_pat_", "github", "w22 '_' w59"),
    ("glagent-", "gitlab", "b50"),
    ("glc_", "grafana", "s32-600"),
    ("glcbt-", "gitlab", "x20-64"),
    ("gldt-", "gitlab", "b20"),
    ("glffct-", "gitlab", "b20"),
    ("glft-", "gitlab", "b20-40"),
    ("glimt-", "gitlab", "b25"),
    ("gloas-", "gitlab", "h64"),
    ("glpat-", "gitlab", "x20-60"),
    ("glptt-", "gitlab", "h40"),
    ("glrt-", "gitlab", "x20-60"),
    ("glrtr-", "gitlab", "x20-60"),
    ("glsa_", "grafana", "w32 '_' H8"),
    ("glsoat-", "gitlab", "b20"),
    ("glwt-", "gitlab", "x20-60"),
    ("gsk_", "groq", "w48-56"),
    ("hawk.", "stackhawk", "b20 '.' b20"),
    ("hcaic_", "honeycomb", "l58"),
    ("hcaik_", "honeycomb", "l58"),
    ("hcamk_", "honeycomb", "l58"),
    ("hcxik_", "honeycomb", "l58"),
    ("hf_", "huggingface", "w34-40"),
    ("hl_sk_", "humanloop", "w32-64"),
    ("hvb.", "vault", "b24-400"),
    ("hvr.", "vault", "b24-300"),
    ("hvs.", "vault", "b24-300"),
    ("ico-", "infracost", "w32"),
    ("jca_", "jumpcloud", "w30-48"),
    ("jina_", "jina", "b50-70"),
    ("key-", "mailgun", "l32"),
    ("key_", "cursor", "h64"),
    ("klarna_live_api_", "klarna", "s40-200"),
    ("klarna_test_api_", "klarna", "s40-200"),
    ("lin_api_", "linear", "w32-48"),
    ("lin_oauth_", "linear", "w32-80"),
    ("lin_wh_", "linear", "w32-80"),
    ("lip_", "lichess", "w18-24"),
    ("live_", "gocardless", "b40"),
    ("live_", "lob", "h35"),
    ("live_", "mollie", "w30"),
    ("llx-", "llamacloud", "w40-64"),
    ("ls__", "langsmith", "h32"),
    ("lsv2_pt_", "langsmith", "h32 '_' h10"),
    ("lsv2_sk_", "langsmith", "h32 '_' h10"),
    ("m0-", "mem0", "w40"),
    ("md-", "mandrill", "b22"),
    ("mdb_sa_sk_", "mongodb", "b36-48"),
    ("mfa.", "discord", "b84"),
    ("mlsn.", "mailersend", "h64"),
    ("napi_", "neon", "l50-70"),
    ("nfb_", "netlify", "w36"),
    ("nfc_", "netlify", "w36"),
    ("nfo_", "netlify", "w36"),
    ("nfp_", "netlify", "w36"),
    ("nfu_", "netlify", "w36"),
    ("nk-", "nomic", "b40-48"),
    ("npm_", "npm", "w36"),
    ("npms_", "npm", "w36"),
    ("nsec1", "nostr", "l58"),
    ("ntn_", "notion", "w40-50"),
    ("nvapi-", "nvidia", "b60-72"),
    ("ops_eyJ", "1password", "x120-2000"),
    ("os_v2_app_", "onesignal", "l96-120"),
    ("os_v2_org_", "onesignal", "l96-120"),
    ("ovsxat_", "openvsx", "h8 '-' h4 '-' h4 '-' h4 '-' h12"),
    ("ovsxp_", "openvsx", "h8 '-' h4 '-' h4 '-' h4 '-' h12"),
    ("oy2", "nuget", "l43"),
    ("p.eyJ", "tinybird", "b40-400 '.' b24-48"),
    ("p8e-", "adobe", "l32"),
    ("pa-", "voyage", "b43"),
    ("pat", "airtable", "w14 '.' h64"),
    ("pat-ap1-", "hubspot", "h8 '-' h4 '-' h4 '-' h4 '-' h12"),
    ("pat-eu1-", "hubspot", "h8 '-' h4 '-' h4 '-' h4 '-' h12"),
    ("pat-na1-", "hubspot", "h8 '-' h4 '-' h4 '-' h4 '-' h12"),
    ("pat-na2-", "hubspot", "h8 '-' h4 '-' h4 '-' h4 '-' h12"),
    ("pat.", "harness", "b20-24 '.' h24 '.' w20"),
    ("pcsk_", "pinecone", "w5-6 '_' w50-64"),
    ("pdl_live_apikey_", "paddle", "l26 '_' w22 '_' w3"),
    ("pdl_ntfset_", "paddle", "l26 '_' b20-40"),
    ("pdl_sdbx_apikey_", "paddle", "l26 '_' w22 '_' w3"),
    ("phs_", "posthog", "b40-50"),
    ("phx_", "posthog", "b40-50"),
    ("pk_", "clickup", "d5-10 '_' u32"),
    ("pk_", "klaviyo", "h34"),
    ("pk_prod_", "courier", "u28"),
    ("pnb_", "prefect", "l36"),
    ("pnu_", "prefect", "l36"),
    ("polar_oat_", "polar", "b40-64"),
    ("polar_pat_", "polar", "b40-64"),
    ("pplx-", "perplexity", "w48-56"),
    ("pscale_oauth_", "planetscale", "x32-64"),
    ("pscale_pw_", "planetscale", "x32-64"),
    ("pscale_tkn_", "planetscale", "x32-64"),
    ("pul-", "pulumi", "h40"),
    ("pypi-AgEIcHlwaS5vcmc", "pypi", "b50-1000"),
    ("pypi-AgENdGVzdC5weXBpLm9yZ", "pypi", "b50-1000"),
    ("r8_", "replicate", "w36-40"),
    ("rdme_", "readme", "l70"),
    ("re_", "resend", "w8 '_' w24"),
    ("rk_live_", "stripe", "b16-250"),
    ("rk_prod_", "stripe", "b16-250"),
    ("rk_test_", "stripe", "b16-250"),
    ("rnd_", "render", "w28-40"),
    ("rootly_", "rootly", "h64"),
    ("rpa_", "runpod", "u40-48"),
    ("rubygems_", "rubygems", "h48"),
    ("rzp_live_", "razorpay", "w14"),
    ("rzp_test_", "razorpay", "w14"),
    ("s-s4t2af-", "intra42", "h64"),
    ("s-s4t2ud-", "intra42", "h64"),
    ("s.", "vault", "w24"),
    ("samsara_api_", "samsara", "w30-40"),
    ("sandbox_", "gocardless", "b40"),
    ("sat.", "harness", "b20-24 '.' h24 '.' w20"),
    ("sb_secret_", "supabase", "b24-48"),
    ("sbp_", "supabase", "h40"),
    ("sdk-", "launchdarkly", "h8 '-' h4 '-' h4 '-' h4 '-' h12"),
    ("seam_", "seam", "b24-64"),
    ("sec-c-", "pubnub", "s40-60"),
    ("secret-", "statsig", "w40-50"),
    ("secret-live-", "stytch", "x32-60"),
    ("secret-test-", "stytch", "x32-60"),
    ("secret-token:", "mercury", "x20-128"),
    ("secret_", "notion", "w43"),
    ("ser.", "flagsmith", "w22"),
    ("sess-", "openai", "w40"),
    ("sgd_", "sourcegraph", "h64"),
    ("sgp_", "sourcegraph", "h16 '_' h40"),
    ("sgp_", "sourcegraph", "h40"),
    ("sgp_local_", "sourcegraph", "h40"),
    ("sha256~", "openshift", "b43"),
    ("shippo_live_", "shippo", "h40"),
    ("shippo_test_", "shippo", "h40"),
    ("shpat_", "shopify", "H32"),
    ("shpca_", "shopify", "H32"),
    ("shpit_", "shopify", "H32"),
    ("shppa_", "shopify", "H32"),
    ("shpss_", "shopify", "H32"),
    ("shpua_", "shopify", "H32"),
    ("signkey-branch-", "inngest", "h32-64"),
    ("signkey-prod-", "inngest", "h32-64"),
    ("signkey-test-", "inngest", "h32-64"),
    ("sk", "sanity", "w150-185"),
    ("sk-", "openai", "b40-240"),
    ("sk-", "openai", "w32-64"),
    ("sk-None-", "openai", "b40-240"),
    ("sk-admin-", "openai", "b40-240"),
    ("sk-ant-", "anthropic", "b24-240"),
    ("sk-cp-", "minimax", "b60-160"),
    ("sk-hc-", "helicone", "b24-64"),
    ("sk-helicone-", "helicone", "b24-64"),
    ("sk-kimi-", "moonshot", "b40-100"),
    ("sk-lf-", "langfuse", "h8 '-' h4 '-' h4 '-' h4 '-' h12"),
    ("sk-or-v1-", "openrouter", "h64"),
    ("sk-proj-", "openai", "b40-240"),
    ("sk-svcacct-", "openai", "b40-240"),
    ("sk.eyJ", "mapbox", "b20-300 '.' b20-40"),
    ("skE", "sanity", "w80-180"),
    ("sk_", "checkout", "l26 '='"),
    ("sk_", "elevenlabs", "h48"),
    ("sk_dev_", "liveblocks", "b40-80"),
    ("sk_live_", "stripe", "b16-250"),
    ("sk_prod_", "keycdn", "b18-64"),
    ("sk_sbox_", "checkout", "l26 '='"),
    ("sk_test_", "stripe", "b16-250"),
    ("sl.", "dropbox", "b100-1600"),
    ("sl.u.", "dropbox", "b100-1600"),
    ("slk_", "sourcegraph", "h64"),
    ("sm_aat_", "settlemint", "w16"),
    ("sm_pat_", "settlemint", "w16"),
    ("sm_sat_", "settlemint", "w16"),
    ("sntrys_eyJ", "sentry", "x100-2000"),
    ("sntryu_", "sentry", "h64"),
    ("snyk_sat.", "snyk", "h8 '.' x24-2000"),
    ("snyk_uat.", "snyk", "h8 '.' x24-2000"),
    ("sq0atp-", "square", "b22"),
    ("sq0csp-", "square", "b43"),
    ("sqa_", "sonar", "h40"),
    ("sqp_", "sonar", "h40"),
    ("squ_", "sonar", "h40"),
    ("ss_", "percy", "h64"),
    ("st.", "infisical", "h24 '.' h32 '.' h32"),
    ("test_", "lob", "h35"),
    ("test_", "mollie", "w30"),
    ("testsk_", "svix", "b24-64"),
    ("tfp_", "typeform", "x40-60"),
    ("tgp_v1_", "together", "b43"),
    ("tk-us-", "scalingo", "b48"),
    ("tk.eyJ", "mapbox", "b20-300 '.' b20-40"),
    ("tlk_", "twelvelabs", "u24-40"),
    ("tr_dev_", "trigger", "w20-32"),
    ("tr_pat_", "trigger", "w36-48"),
    ("tr_prod_", "trigger", "w20-32"),
    ("tr_stg_", "trigger", "w20-32"),
    ("tskey-", "tailscale", "b20-90"),
    ("tss_", "thunderstore", "b24-64"),
    ("tvly-", "tavily", "b28-56"),
    ("unkey_", "unkey", "w20-40"),
    ("v1.0-", "cloudflare", "h24 '-' h140-150"),
    ("vca_", "vercel", "w24-64"),
    ("vci_", "vercel", "w24-64"),
    ("vck_", "vercel", "w24-64"),
    ("vcp_", "vercel", "w24-64"),
    ("vcr_", "vercel", "w24-64"),
    ("vercel_blob_rw_", "vercel", "w16 '_' w24-40"),
    ("vtwn_", "val", "w22-32"),
    ("waka_", "wakatime", "h8 '-' h4 '-' h4 '-' h4 '-' h12"),
    ("waka_tok_", "wakatime", "w60"),
    ("wandb_v1_", "wandb", "b60-90"),
    ("web_", "percy", "h64"),
    ("whsec_", "stripe", "s24-80"),
    ("xaat-", "axiom", "h8 '-' h4 '-' h4 '-' h4 '-' h12"),
    ("xai-", "xai", "w70-90"),
    ("xapp-", "slack", "b40-160"),
    ("xapt-", "axiom", "h8 '-' h4 '-' h4 '-' h4 '-' h12"),
    ("xau_", "xata", "w24-48"),
    ("xkeysib-", "brevo", "h64 '-' w16"),
    ("xnd_development_", "xendit", "w40-80"),
    ("xnd_production_", "xendit", "w40-80"),
    ("xoxa-", "slack", "b24-120"),
    ("xoxb-", "slack", "b16-100"),
    ("xoxc-", "slack", "b24-160"),
    ("xoxd-", "slack", "s24-400"),
    ("xoxe-", "slack", "b24-240"),
    ("xoxe.xoxb-", "slack", "b24-240"),
    ("xoxe.xoxp-", "slack", "b24-240"),
    ("xoxo-", "slack", "b24-120"),
    ("xoxp-", "slack", "b24-120"),
    ("xoxr-", "slack", "b24-120"),
    ("xoxs-", "slack", "b24-160"),
    ("xprv", "bip32", "w107"),
    ("xsmtpsib-", "brevo", "h64 '-' w16"),
    ("y0_", "yandex", "b50-60"),
    ("ya29.", "google_oauth", "b30-1500"),
    ("zpka_", "zuplo", "l32 '_' h8"),
];

/// For every first byte, where its prefixes begin in [`FORMATS`]; one more at the end.
#[allow(clippy::indexing_slicing, reason = "worked out by the compiler: out of bounds does not build")]
const STARTS: [u16; 257] = {
    let mut starts = [0_u16; 257];
    let (mut byte, mut place) = (0, 0);
    while byte < 256 {
        starts[byte] = place;
        while (place as usize) < FORMATS.len() && FORMATS[place as usize].0.as_bytes()[0] as usize == byte {
            place += 1;
        }
        byte += 1;
    }
    starts[256] = place;
    starts
};

/// Where the first three bytes of four stand in [`BEGINNINGS`].
const fn hashed(four: u32) -> usize {
    ((four << 8).wrapping_mul(0x9E37_79B9) >> 17) as usize
}

/// A bit for the first three bytes of every prefix in [`FORMATS`], hashed: of most words that is all that is asked.
#[allow(clippy::indexing_slicing, reason = "worked out by the compiler: out of bounds does not build")]
static BEGINNINGS: [u64; 1 << 9] = {
    let mut bits = [0; 1 << 9];
    let mut place = 0;
    while place < FORMATS.len() {
        let prefix = FORMATS[place].0.as_bytes();
        let two = prefix[0] as u32 | (prefix[1] as u32) << 8;
        // Behind two letters any may follow.
        let (mut third, last) = if prefix.len() > 2 { (prefix[2] as u32, prefix[2] as u32) } else { (0, 0xFF) };
        while third <= last {
            let at = hashed(two | third << 16);
            bits[at / 64] |= 1 << (at % 64);
            third += 1;
        }
        place += 1;
    }
    bits
};

/// The formats whose prefix may begin what stands there.
fn beginning(text: &[u8]) -> impl Iterator<Item = &'static (&'static str, &'static str, &'static str)> {
    let four = eight(text) as u32;
    let known = BEGINNINGS.get(hashed(four) / 64).is_some_and(|bits| bits >> (hashed(four) % 64) & 1 == 1);
    let at = |i: usize| STARTS.get(i).map_or(0, |place| usize::from(*place));
    let places = if known { at(usize::from(four as u8))..at(usize::from(four as u8) + 1) } else { 0..0 };
    let heads = HEADS.get(places.clone()).unwrap_or_default();
    let formats = FORMATS.get(places).unwrap_or_default();
    heads.iter().zip(formats).filter(move |((head, mask), _)| four & mask == *head).map(|(_, format)| format)
}

/// The first four bytes of every prefix in [`FORMATS`], fewer if it is shorter, and which of them count.
#[allow(clippy::indexing_slicing, reason = "worked out by the compiler: out of bounds does not build")]
const HEADS: [(u32, u32); FORMATS.len()] = {
    let mut heads = [(0, 0); FORMATS.len()];
    let mut place = 0;
    while place < FORMATS.len() {
        let prefix = FORMATS[place].0.as_bytes();
        let mut at = 0;
        while at < 4 && at < prefix.len() {
            heads[place].0 |= (prefix[at] as u32) << (8 * at);
            heads[place].1 |= 0xFF << (8 * at);
            at += 1;
        }
        place += 1;
    }
    heads
};

fn within(alphabet: u8, byte: u8) -> bool {
    match alphabet {
        b'w' => byte.is_ascii_alphanumeric(),
        b'b' => byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'),
        b'v' => byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'),
        b'x' => byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'='),
        b'h' => matches!(byte, b'0'..=b'9' | b'a'..=b'f'),
        b'H' => byte.is_ascii_hexdigit(),
        b'u' => byte.is_ascii_uppercase() || byte.is_ascii_digit(),
        b'l' => byte.is_ascii_lowercase() || byte.is_ascii_digit(),
        b'd' => byte.is_ascii_digit(),
        b's' => byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'='),
        b'p' => byte.is_ascii_alphanumeric() || matches!(byte, b'%' | b'='),
        _ => false,
    }
}

/// Where a body that begins at `start` ends, when it is of this form.
fn body(text: Bytes<'_>, start: usize, form: &str) -> Option<usize> {
    let mut at = start;
    let mut last = 0;
    for part in form.split(' ') {
        if let Some(literal) = part.strip_prefix('\'').and_then(|part| part.strip_suffix('\'')) {
            at = text.has(at, literal).then_some(at + literal.len())?;
            continue;
        }
        let (alphabet, lengths) = (part.bytes().next()?, part.get(1..)?);
        let (shortest, longest) = lengths.split_once('-').unwrap_or((lengths, lengths));
        let (shortest, longest): (usize, usize) = (shortest.parse().ok()?, longest.parse().ok()?);
        let length = text.from(at).iter().take(longest).take_while(|byte| within(alphabet, **byte)).count();
        if length < shortest {
            return None;
        }
        last = alphabet;
        at += length;
    }
    if matches!(last, b'x' | b'v') {
        while at > start && text.at(at - 1) == b'.' {
            at -= 1;
        }
    }
    let next = text.at(at);
    let goes_on =
        next.is_ascii_alphanumeric() || next == b'_' || next == b'-' && text.at(at + 1).is_ascii_alphanumeric();
    (!goes_on).then_some(at)
}

/// The end of the provider's key that begins exactly at `start`, and the provider. The longest that fits wins.
///
/// The caller has seen to it that nothing of the same word stands before `start`.
pub fn key_at(text: Bytes<'_>, start: usize) -> Option<(usize, &'static str)> {
    let mut best: Option<(usize, &str)> = None;
    for (prefix, provider, form) in beginning(text.from(start)) {
        if !text.has(start, prefix) {
            continue;
        }
        let Some(end) = body(text, start + prefix.len(), form).or_else(|| grown(text, start, prefix)) else { continue };
        let drawn = text.range(start + prefix.len(), end);
        let joined = drawn.iter().any(|byte| matches!(byte, b'-' | b'_'));
        let worded = joined && !mixed(drawn) && rarity(drawn) < 100;
        // Numbers of an account may stand before what was drawn: `xoxb-…-…-…`.
        let numbered =
            || drawn.rsplit(|byte| *byte == b'-').next().is_some_and(|last| last.len() >= 20 && rarity(last) > 60);
        let drawn_at_random = rarity(drawn) >= if drawn.len() < 20 { 0 } else { 30 } || numbered();
        if invented(drawn) || worded || !drawn_at_random {
            continue;
        }
        if best.is_none_or(|(longest, _)| end > longest) {
            best = Some((end, provider));
        }
    }
    best
}

/// A body of another length than documented, behind a mark that nothing but this provider uses.
fn grown(text: Bytes<'_>, start: usize, prefix: &str) -> Option<usize> {
    // Words that begin names of all kinds.
    const COMMON: &[&str] = &["app_", "auto_", "live_", "pat.", "sandbox_", "sat.", "test_", "TEST-", "web_"];
    let marked = prefix.len() >= 4
        && prefix.ends_with(['_', '-', '.'])
        && !prefix.starts_with("api")
        && !COMMON.contains(&prefix);
    let body = start + prefix.len();
    let end = body + text.from(body).iter().take(512).take_while(url_safe).count();
    (marked && end - body >= 20 && mixed(text.range(body, end))).then_some(end)
}

/// A key of a provider we do not know, by the custom most follow: words that say "key", then a long random run.
///
/// `acme_live_…`, `xyz-pat-…`, `foo_sk_…`: at least one of the words names a kind of key or environment.
pub fn custom_key_at(text: Bytes<'_>, start: usize) -> Option<usize> {
    #[rustfmt::skip]
    const SAYS: &[&str] = &[
        "live", "test", "prod", "sandbox", "sk", "pat", "api", "apikey", "key", "secret", "token", "oauth", "access",
        "auth", "rk", "tok",
    ];
    let run = text.from(start).iter().take(300).take_while(url_safe).count();
    let token = text.range(start, start + run);
    let tail = token.iter().rposition(|byte| matches!(byte, b'_' | b'-')).map(|i| i + 1)?;
    let (words, drawn) = (token.get(..tail)?, token.get(tail..)?);
    if !(20..=200).contains(&drawn.len()) || !mixed(drawn) {
        return None;
    }
    let mut says = false;
    for word in words.split(|byte| matches!(byte, b'_' | b'-')) {
        if word.len() > 12
            || !word.iter().all(u8::is_ascii_alphanumeric)
            || word == b"pk"
            || word == b"pub"
            || word == b"public"
        {
            return None;
        }
        says |= SAYS.iter().any(|say| word.eq_ignore_ascii_case(say.as_bytes()));
    }
    let hex = drawn.iter().all(u8::is_ascii_hexdigit);
    let path = matches!(text.before(start), b'/' | b'.' | b'\\');
    let says = says && !path && !(hex && words.len() < 6);
    let fits = says && !invented(drawn) && rarity(drawn) > 60;
    fits.then_some(start + run)
}

/// Letters and digits both, as any draw of twenty has.
fn mixed(drawn: &[u8]) -> bool {
    drawn.iter().any(u8::is_ascii_digit) && drawn.iter().any(u8::is_ascii_alphabetic)
}
