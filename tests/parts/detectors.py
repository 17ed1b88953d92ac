#!/usr/bin/env python3
"""Runs `portcullis redact --spans`, Presidio and detect-secrets over one labelled corpus, scores all three with one
scorer and prints the table. Fails when Portcullis misses a threshold.

Usage: detectors.py PORTCULLIS [CORPUS]; with the Python of the environment `detectors` that `tests/parts/install` makes.

A prediction is right when its type is the label's and the two share at least half of what they cover together, or when
it lies within the label's lenient extent and covers half of it. A label is sealed when no letter or digit of it shows.
The others are given every advantage: their types are mapped to ours, and what has no label here is not counted."""
import json
import logging
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

SECRETS = {"API_KEY", "PASSWORD", "PRIVATE_KEY", "JWT"}
# Presidio's names for what the corpus labels; None: not labelled, so not counted.
PRESIDIO = {
    "CREDIT_CARD": "CREDIT_CARD", "IBAN_CODE": "IBAN", "EMAIL_ADDRESS": "EMAIL", "PHONE_NUMBER": "PHONE", "IP_ADDRESS": "IP_ADDRESS",
    "CRYPTO": "CRYPTO_WALLET", "US_SSN": "US_SSN", "US_ITIN": "US_ITIN", "US_PASSPORT": "PASSPORT", "US_DRIVER_LICENSE": "DRIVER_LICENSE",
    "US_BANK_NUMBER": "BANK_ACCOUNT", "ABA_ROUTING_NUMBER": "US_ABA_ROUTING", "UK_NHS": "UK_NHS", "UK_NINO": "UK_NINO", "ES_NIF": "ES_NIF",
    "ES_NIE": "ES_NIF", "IT_FISCAL_CODE": "IT_FISCAL_CODE", "IT_PASSPORT": "PASSPORT", "IT_DRIVER_LICENSE": "DRIVER_LICENSE",
    "PL_PESEL": "PL_PESEL", "SG_NRIC_FIN": "SG_NRIC", "AU_TFN": "AU_TFN", "AU_MEDICARE": "AU_MEDICARE", "IN_PAN": "IN_PAN",
    "IN_AADHAAR": "IN_AADHAAR", "IN_PASSPORT": "PASSPORT", "FI_PERSONAL_IDENTITY_CODE": "FI_HETU", "KR_RRN": "KR_RRN", "TH_TNIN": "TH_TNIN",
    "US_NPI": "US_NPI", "US_MBI": "US_MBI", "MEDICAL_LICENSE": "US_DEA",
}
# What the issue asks for: typed F1, precision, sealed recall, decoys hit, harmless records damaged, secrets' F1, evasions.
THRESHOLDS = {"typed F1": 0.95, "precision": 0.97, "sealed": 0.95, "decoys": 0.01, "damaged": 0.02, "secrets F1": 0.95, "evasion": 0.85}
AT_MOST = {"decoys", "damaged"}


def ours(binary, records):
    lines = "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records)
    run = subprocess.run([binary, "redact", "--spans"], input=lines.encode(), capture_output=True, check=True)
    found = {}
    for line in run.stdout.splitlines():
        answer = json.loads(line)
        found[answer["id"]] = answer["spans"]
    spans = []
    for record in records:
        raw = record["text"].encode()
        at = lambda offset, raw=raw: len(raw[:offset].decode(errors="ignore"))
        spans.append([{**span, "start": at(span["start"]), "end": at(span["end"])} for span in found.get(record["id"], [])])
    return spans


def presidio(records):
    import spacy
    from presidio_analyzer import AnalyzerEngine, RecognizerRegistry
    from presidio_analyzer.nlp_engine import SpacyNlpEngine

    class Blank(SpacyNlpEngine):
        """spaCy's rules for English without a trained model: its pattern recognisers with their context words."""

        def __init__(self):
            super().__init__()
            self.nlp = {"en": spacy.blank("en")}

        def load(self):
            """The language is there already."""

    logging.disable(logging.CRITICAL)
    registry = RecognizerRegistry()
    registry.load_predefined_recognizers(languages=["en"])
    registry.remove_recognizer("SpacyRecognizer")
    analyzer = AnalyzerEngine(registry=registry, nlp_engine=Blank(), supported_languages=["en"], default_score_threshold=0.4)
    out = []
    for record in records:
        results = analyzer.analyze(text=record["text"], language="en")
        out.append([{"start": r.start, "end": r.end, "type": PRESIDIO[r.entity_type], "score": r.score} for r in results if PRESIDIO.get(r.entity_type)])
    return out


def detect_secrets(records):
    from detect_secrets import SecretsCollection
    from detect_secrets.settings import default_settings

    kinds = {"Private Key": "PRIVATE_KEY", "JSON Web Token": "JWT", "Basic Auth Credentials": "PASSWORD", "Secret Keyword": "PASSWORD"}
    out = []
    with tempfile.TemporaryDirectory() as folder, default_settings():
        for record in records:
            path = os.path.join(folder, "record.txt")
            Path(path).write_text(record["text"], encoding="utf-8")
            collection = SecretsCollection()
            collection.scan_file(path)
            spans = []
            for _, secret in collection:
                value, kind = secret.secret_value or "", kinds.get(secret.type, "API_KEY")
                start = record["text"].find(value) if value else -1
                if start < 0:
                    continue
                # A keyword plugin does not say which it found; it is given what the label says.
                for gold in record["spans"]:
                    if secret.type == "Secret Keyword" and gold["type"] in SECRETS and start < gold["end"] and gold["start"] < start + len(value):
                        kind = gold["type"]
                spans.append({"start": start, "end": start + len(value), "type": kind})
            out.append(spans)
    return out


def resolved(spans):
    """Of those that overlap the surest stays, then the longest."""
    kept = []
    for span in sorted(spans, key=lambda s: (-s.get("score", 1), s["start"] - s["end"], s["start"])):
        if all(span["end"] <= other["start"] or other["end"] <= span["start"] for other in kept):
            kept.append(span)
    return kept


def common(a, b):
    return max(0, min(a["end"], b["end"]) - max(a["start"], b["start"]))


def fits(gold, span):
    shared = common(gold, span)
    size = gold["end"] - gold["start"]
    outer = gold.get("outer")
    lenient = outer and outer[0] <= span["start"] and span["end"] <= outer[1] and shared * 2 >= size
    return shared * 2 >= size + span["end"] - span["start"] - shared or lenient


def score(records, predictions, scope):
    n = Counter()
    for record, spans in zip(records, predictions):
        gold = [g for g in record["spans"] if g["type"] in scope]
        arguable = record.get("ignore", []) + [g for g in record["spans"] if g["type"] not in scope]
        spans = [s for s in resolved([s for s in spans if s["type"] in scope]) if any(common(s, g) for g in gold) or not any(common(s, a) for a in arguable)]
        free = list(spans)
        for g in sorted(gold, key=lambda g: g["start"]):
            match = max((s for s in free if s["type"] == g["type"] and fits(g, s)), key=lambda s: common(g, s), default=None)
            if match:
                free.remove(match)
                n["typed"] += 1
            shown = [i for i in range(g["start"], g["end"]) if record["text"][i].isalnum() and not any(s["start"] <= i < s["end"] for s in spans)]
            covered = sum(common(g, s) for s in spans) * 2 >= g["end"] - g["start"]
            n["sealed"] += not shown
            n["gold"] += 1
            if "evasion" in record.get("tags", []):
                n["evasions"] += 1
                n["evasions found"] += covered
        n["predicted"] += len(spans)
        wrong = [s for s in spans if not any(common(s, g) for g in gold)]
        n["decoys"] += len(record.get("decoys", []))
        n["decoys hit"] += sum(any(common(d, s) for s in wrong) for d in record.get("decoys", []))
        if not record["spans"]:
            n["harmless"] += 1
            n["damaged"] += bool(wrong)
    share = lambda a, b: n[a] / n[b] if n[b] else 0.0
    precision, recall = share("typed", "predicted"), share("typed", "gold")
    f1 = 2 * precision * recall / (precision + recall) if precision + recall else 0.0
    return {"typed F1": f1, "precision": precision, "recall": recall, "sealed": share("sealed", "gold"), "decoys": share("decoys hit", "decoys"), "damaged": share("damaged", "harmless"), "evasion": share("evasions found", "evasions")}


def main():
    binary = sys.argv[1]
    corpus = Path(sys.argv[2] if len(sys.argv) > 2 else Path(__file__).parents[1] / "data/redaction/dev.jsonl")
    records = [json.loads(line) for line in corpus.read_text(encoding="utf-8").splitlines() if line]
    everything = {span["type"] for record in records for span in record["spans"]}
    columns = ["typed F1", "precision", "recall", "sealed", "decoys", "damaged", "secrets F1", "evasion"]
    rows = {}
    for name, run in [("portcullis", lambda: ours(binary, records)), ("presidio", lambda: presidio(records)), ("detect-secrets", lambda: detect_secrets(records))]:
        start = time.monotonic()
        predictions = run()
        seconds = time.monotonic() - start
        # detect-secrets is only asked for secrets.
        scope = SECRETS if name == "detect-secrets" else everything
        rows[name] = score(records, predictions, scope) | {"secrets F1": score(records, predictions, SECRETS)["typed F1"], "seconds": seconds}
    print(f"{len(records)} records of {corpus.name}\n{'':16}" + "".join(f"{column:>12}" for column in columns) + f"{'seconds':>10}")
    for name, row in rows.items():
        print(f"{name:16}" + "".join(f"{row[column]:12.4f}" for column in columns) + f"{row['seconds']:10.1f}")
    missed = [f"{name}: {rows['portcullis'][name]:.4f}, asked {bound}" for name, bound in THRESHOLDS.items() if (rows["portcullis"][name] > bound if name in AT_MOST else rows["portcullis"][name] < bound)]
    assert not missed, "; ".join(missed)
    for other in ("presidio", "detect-secrets"):
        assert rows[other]["secrets F1" if other == "detect-secrets" else "typed F1"] > 0, f"{other} found nothing: it did not run as it should"


if __name__ == "__main__":
    main()
