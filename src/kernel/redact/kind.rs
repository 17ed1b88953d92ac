//! What can be found, and the groups that policies name.
use schemars::JsonSchema;
use serde::Deserialize;

/// A group of kinds, as policies spell them.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[serde(rename_all = "snake_case")]
pub enum Group {
    /// Payment cards.
    Pci,
    /// Health records and who they are about.
    Phi,
    /// Numbers by which a state knows a person.
    GovernmentId,
    /// Keys, tokens and passwords.
    Secret,
    /// How a person is reached, and when they were born.
    Contact,
    /// Where a machine is reached.
    Network,
    /// Accounts and wallets.
    Financial,
}

impl Group {
    /// Every group.
    pub const ALL: [Self; 7] =
        [Self::Pci, Self::Phi, Self::GovernmentId, Self::Secret, Self::Contact, Self::Network, Self::Financial];

    /// The word in policies.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pci => "pci",
            Self::Phi => "phi",
            Self::GovernmentId => "government_id",
            Self::Secret => "secret",
            Self::Contact => "contact",
            Self::Network => "network",
            Self::Financial => "financial",
        }
    }

    /// The group that `name` spells.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|group| group.name() == name)
    }
}

macro_rules! kinds {
    ($($variant:ident $name:literal $group:ident $source:literal $validator:literal $expect:literal;)*) => {
        /// One kind of sensitive value.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Kind {
            $(#[doc = $source] $variant,)*
            /// An own type of the deployment, by its place in [`super::Engine::new`].
            Own(u16),
            /// What was not looked at, since to look through all of it would take more work than its length allows. It may be
            /// anything, so no policy names it: it is kept back whatever the policy wants to keep back.
            Unread,
        }

        impl Kind {
            /// Every kind that is built in.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The name in reports, `SCREAMING_SNAKE_CASE`; `OWN` for an own type.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* Self::Own(_) => "OWN", Self::Unread => "UNREAD" }
            }

            /// Where policies find it; own types are in none.
            pub fn group(self) -> Option<Group> {
                match self { $(Self::$variant => Some(Group::$group),)* Self::Own(_) | Self::Unread => None }
            }

            /// Who defines it, how it is checked, and what is mistaken for it.
            pub fn about(self) -> [&'static str; 3] {
                match self {
                    $(Self::$variant => [$source, $validator, $expect],)*
                    Self::Own(_) => ["the policy", "its pattern, words or path", "whatever the pattern also fits"],
                    Self::Unread => ["this gateway", "what it takes to look through it", "texts of little but numbers and names of secrets"],
                }
            }

            /// Its place among those that are built in; one more than the last for an own type.
            pub const fn place(self) -> u32 {
                #[repr(u32)]
                enum Place { $($variant,)* Own }
                match self { $(Self::$variant => Place::$variant as u32,)* Self::Own(_) | Self::Unread => Place::Own as u32 }
            }

            /// The kind that `name` spells, in capitals or as policies write it (`credit_card`).
            pub fn named(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|kind| kind.name().eq_ignore_ascii_case(name))
            }
        }
    };
}

kinds! {
    CreditCard "CREDIT_CARD" Pci "ISO/IEC 7812" "issuer range, length, Luhn, group layout" "test numbers of payment providers, which are valid by design";
    CardCvv "CARD_CVV" Pci "card schemes" "three or four digits under a label" "any short number so labelled";
    Iban "IBAN" Financial "ISO 13616 registry" "country length and layout, mod 97" "none known";
    SwiftBic "SWIFT_BIC" Financial "ISO 9362" "layout, country code, a label" "capitals under a bank label";
    UsAbaRouting "US_ABA_ROUTING" Financial "American Bankers Association" "Federal Reserve prefix, weights 3 7 1, a label" "nine digits under a routing label";
    BankAccount "BANK_ACCOUNT" Financial "national banks" "length and a label" "customer numbers called account number";
    CryptoWallet "CRYPTO_WALLET" Financial "Base58Check, BIP 173, BIP 350, EIP 55" "double SHA-256, Bech32 sum, 0x and forty hex digits" "contract addresses";
    Email "EMAIL" Contact "RFC 5322, RFC 1035" "local part, labels, a top level that exists in shape" "addresses of robots";
    Phone "PHONE" Contact "ITU-T E.164, national plans" "country code and length; national spelling under a label" "other numbers written with a plus";
    IpAddress "IP_ADDRESS" Network "RFC 791, RFC 4291" "ranges, no version words beside it, not all parts small" "versions of four parts without a word that says so";
    DateOfBirth "DATE_OF_BIRTH" Contact "calendar" "a date that exists, in the past, under a label; seconds since 1970 and parts under its own" "dates under a birth label that are not one";
    UsSsn "US_SSN" GovernmentId "Social Security Administration" "area, group and serial ranges, layout or a label" "nine digits so labelled";
    UsItin "US_ITIN" GovernmentId "Internal Revenue Service" "first digit nine, group ranges" "none known";
    Passport "PASSPORT" GovernmentId "ICAO 9303, national formats" "national shapes and a label; three check digits in machine-readable lines" "document numbers under a passport label";
    DriverLicense "DRIVER_LICENSE" GovernmentId "states and countries" "national shapes and a label" "licence numbers of other kinds";
    UkNino "UK_NINO" GovernmentId "HMRC" "prefix letters, suffix A to D" "part numbers of the same layout";
    CaSin "CA_SIN" GovernmentId "Service Canada" "Luhn and a label" "nine digits so labelled";
    AuTfn "AU_TFN" GovernmentId "Australian Taxation Office" "weighted sum mod 11 and a label" "nine digits so labelled";
    InAadhaar "IN_AADHAAR" GovernmentId "UIDAI" "first digit, Verhoeff, layout or a label" "one in ten of twelve digits in fours";
    InPan "IN_PAN" GovernmentId "Income Tax Department of India" "layout, holder letter" "part numbers of the same layout";
    SgNric "SG_NRIC" GovernmentId "ICA Singapore" "prefix, check letter" "none known";
    DeTaxId "DE_TAX_ID" GovernmentId "Bundeszentralamt für Steuern" "digit repetition, ISO 7064 mod 11,10" "eleven digits so labelled";
    FrNir "FR_NIR" GovernmentId "INSEE" "sex, month, department, mod 97" "none known";
    EsNif "ES_NIF" GovernmentId "Ministerio del Interior" "check letter mod 23" "one in 23 of eight digits and a letter";
    ItFiscalCode "IT_FISCAL_CODE" GovernmentId "Agenzia delle Entrate" "layout, month, day, check letter" "none known";
    PlPesel "PL_PESEL" GovernmentId "Polish population register" "date, weights" "eleven digits so labelled";
    SePersonnummer "SE_PERSONNUMMER" GovernmentId "Skatteverket" "date, Luhn" "dates joined to numbers";
    FiHetu "FI_HETU" GovernmentId "Digital and Population Data Services Agency" "date, century sign, check character" "none known";
    NlBsn "NL_BSN" GovernmentId "Rijksdienst voor Identiteitsgegevens" "eleven test and a label" "nine digits so labelled";
    BeNrn "BE_NRN" GovernmentId "Rijksregister" "date, mod 97, layout or a label" "eleven digits so labelled";
    DkCpr "DK_CPR" GovernmentId "CPR office" "date, layout and a label" "dates joined to numbers";
    NoFnr "NO_FNR" GovernmentId "Skatteetaten" "date, two check digits" "none known";
    PtNif "PT_NIF" GovernmentId "Autoridade Tributária" "first digit, mod 11 and a label" "nine digits so labelled";
    BrCpf "BR_CPF" GovernmentId "Receita Federal" "two check digits" "eleven digits so labelled";
    MxCurp "MX_CURP" GovernmentId "RENAPO" "layout, date, state, check digit" "none known";
    ClRut "CL_RUT" GovernmentId "Registro Civil" "mod 11 with hyphen" "tax numbers of companies";
    ArCuit "AR_CUIT" GovernmentId "ARCA" "type prefix, mod 11" "tax numbers of companies";
    CnRic "CN_RIC" GovernmentId "GB 11643" "region, date, ISO 7064 mod 11,2" "none known";
    JpMynumber "JP_MYNUMBER" GovernmentId "J-LIS" "mod 11 and a label" "twelve digits so labelled";
    KrRrn "KR_RRN" GovernmentId "Ministry of the Interior, Korea" "date, century digit, layout" "none known";
    TrTckn "TR_TCKN" GovernmentId "Nüfus" "two check digits" "eleven digits so labelled";
    ZaId "ZA_ID" GovernmentId "Department of Home Affairs" "date, citizen digit, Luhn" "thirteen digits so labelled";
    ThTnin "TH_TNIN" GovernmentId "Department of Provincial Administration" "mod 11, layout or a label" "thirteen digits so labelled";
    ChAhv "CH_AHV" GovernmentId "ZAS" "prefix 756, EAN sum" "none known";
    IePpsn "IE_PPSN" GovernmentId "Department of Social Protection" "check letter mod 23" "seven digits and a letter so labelled";
    RoCnp "RO_CNP" GovernmentId "DEPABD" "date, county, weights" "none known";
    UkNhs "UK_NHS" Phi "NHS Digital" "mod 11, layout or a label" "ten digits so labelled";
    UsMbi "US_MBI" Phi "CMS" "character classes by place" "part numbers of the same layout";
    UsNpi "US_NPI" Phi "CMS" "Luhn with prefix 80840 and a label" "ten digits so labelled";
    UsDea "US_DEA" Phi "DEA" "registrant letters, check digit" "part numbers of the same layout";
    AuMedicare "AU_MEDICARE" Phi "Services Australia" "first digit, weights, layout or a label" "ten digits so labelled";
    MedicalRecord "MEDICAL_RECORD" Phi "each hospital" "shape and a label" "whatever is called a record number there";
    HealthMemberId "HEALTH_MEMBER_ID" Phi "each insurer" "shape and a label" "members of clubs that nothing names";
    ApiKey "API_KEY" Secret "what each provider documents" "prefix, alphabet and length; without a prefix the name of a secret and the look of a draw" "keys of examples; draws for other ends under the name of a secret";
    Password "PASSWORD" Secret "whoever chose it" "a name or place that holds passwords, and no placeholder" "passwords of examples; words with digits beside the word password";
    PrivateKey "PRIVATE_KEY" Secret "RFC 7468, OpenSSH, OpenPGP" "the label of the armour and a body" "keys made for tests";
    Jwt "JWT" Secret "RFC 7515, RFC 7519" "three parts, a header that names an algorithm" "expired tokens and those of examples";
}

/// Every kind with its source, validator and expected false positives, in Markdown.
pub fn table() -> String {
    let mut out =
        String::from("| group | kind | defined by | held against | what is mistaken for it |\n|---|---|---|---|---|\n");
    for group in Group::ALL {
        for kind in Kind::ALL.iter().filter(|kind| kind.group() == Some(group)) {
            let [source, validator, expect] = kind.about();
            out += &format!("| {} | {} | {source} | {validator} | {expect} |\n", group.name(), kind.name());
        }
    }
    out
}
