"""Which formats do tokenizers erase? Three kinds, the last two trained here on generated biographies and saved as on the Hub.

python bench/formats.py            a table for docs/methods/formatting.md
python bench/formats.py NAME …     further tokenizers: folders or Hub ids
"""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from kinj.augment.engine import augment_documents
from kinj.augment.formats.table import FAMILIES, FORMATS
from kinj.augment.formats.tokens import SAMPLE, alike
from kinj.augment.methods.formatting import ERASED
from kinj.augment.report import AugmentReport
from kinj.config.schema import AugmentSettings, BiographySettings, DataSettings, FormattingSettings
from kinj.data import open_data
from kinj.data.records import Document

VIEWS = 10


def main(names: list[str]) -> None:
    people = DataSettings(biographies=BiographySettings(people=400))
    documents = [record for record in open_data(people).pool("documents") if isinstance(record, Document)]
    texts = [document.text for document in documents] + [SAMPLE] * 20
    characters = sorted(
        {c for form in FORMATS.values() for c in form.layout.first + form.layout.boundary} | set(SAMPLE)
    )
    with TemporaryDirectory() as folder:
        columns = {
            "byte-level BPE (`tiny`)": "tiny",
            "unigram, white space normalised": _save(unigram(texts, characters), Path(folder) / "unigram"),
            "WordPiece, uncased": _save(wordpiece(texts, characters), Path(folder) / "wordpiece"),
        } | {name: name for name in names}
        _print({title: alike(name) for title, name in columns.items()})
        for title, name in columns.items():
            print(f"\n{title}: {_skipped(name, documents[:100])}")


def unigram(texts: list[str], characters: list[str]) -> Tokenizer:
    """As SentencePiece has it by default: NFKC, runs of white space become one, a marker in place of spaces."""
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.Sequence(
        [
            normalizers.NFKC(),
            normalizers.Replace("\n", " "),
            normalizers.Replace("\r", " "),
            normalizers.Replace("\t", " "),
        ]
        + [normalizers.Replace("  ", " ")] * 8
        + [normalizers.Strip()]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    special = ["<unk>", "</s>"]
    tokenizer.train_from_iterator(
        texts,
        trainers.UnigramTrainer(
            vocab_size=2000, special_tokens=special, unk_token="<unk>", initial_alphabet=characters, show_progress=False
        ),
    )
    return tokenizer


def wordpiece(texts: list[str], characters: list[str]) -> Tokenizer:
    """As BERT uncased: lower case, accents stripped, split at white space and punctuation."""
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.train_from_iterator(
        texts,
        trainers.WordPieceTrainer(
            vocab_size=2000, special_tokens=["[UNK]", "[SEP]"], initial_alphabet=characters, show_progress=False
        ),
    )
    return tokenizer


def _save(tokenizer: Tokenizer, folder: Path) -> str:
    unknown, end = tokenizer.id_to_token(0), tokenizer.id_to_token(1)
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token=unknown, eos_token=end).save_pretrained(folder)
    return str(folder)


def _print(found: dict[str, dict[str, str]]) -> None:
    print("| family | formats | " + " | ".join(found) + " |\n" + "|---" * (2 + len(found)) + "|")
    total: Counter[str] = Counter()
    for family in FAMILIES:
        names = [form.name for form in FORMATS.values() if form.families[0] == family]
        cells = []
        for title, same in found.items():
            erased, merged = sum(same.get(n) == "" for n in names), sum(bool(same.get(n)) for n in names)
            total.update({f"{title} erased": erased, f"{title} merged": merged})
            cells.append(f"{erased} + {merged}" if erased or merged else "")
        if any(cells):
            print(f"| `{family}` | {len(names)} | " + " | ".join(cells) + " |")
    cells = [f"{total[f'{title} erased']} + {total[f'{title} merged']}" for title in found]
    print(f"| all | {len(FORMATS):,} | " + " | ".join(cells) + " |")


def _skipped(tokenizer: str, documents: list[Document]) -> str:
    report = AugmentReport()
    settings = AugmentSettings(views=VIEWS, formatting=FormattingSettings(tokenizer=tokenizer))
    views = sum(record.view is not None for record in augment_documents(documents, settings, 0, report))
    return f"{VIEWS} views each of {len(documents)} biographies: {views:,} views, {report.skipped[ERASED]:,} drawn formats replaced"


if __name__ == "__main__":
    main(sys.argv[1:])
