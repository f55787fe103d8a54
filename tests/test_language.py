"""Everything that a visitor reads is translated, and each context speaks its own language."""

import re
import threading
from pathlib import Path

import pytest
from babel.messages.extract import extract_from_dir
from babel.messages.frontend import parse_mapping_cfg
from babel.messages.mofile import read_mo
from babel.messages.pofile import read_po

from saelib.errors import SaelibError
from saelib.language import FOLDER, LANGUAGES, _, speaking
from saelib.recommend import words
from saelib.recommend.profile import Profile

ROOT = Path(__file__).parents[1]
PO = FOLDER / "es" / "LC_MESSAGES" / "saelib.po"
KEYWORDS = {"_": None, "ngettext": (1, 2), "pgettext": ((1, "c"), 2)}


def test_the_catalogue_has_exactly_the_texts_of_the_code_translated_and_compiled():
    with (ROOT / "babel.cfg").open() as config:
        methods, options = parse_mapping_cfg(config)
    found = extract_from_dir(ROOT / "saelib", methods, options, keywords=KEYWORDS)
    in_code = {(ids[0] if isinstance(ids, tuple) else ids, of) for *_at, ids, _c, of in found}
    with PO.open("rb") as file:
        texts = read_po(file, "es")
    with PO.with_suffix(".mo").open("rb") as file:
        assert len(read_mo(file)) == len(texts)
    known = {(m.id[0] if m.pluralizable else m.id, m.context) for m in texts if m.id}
    assert known == in_code, "make texts brings the catalogue up to date"
    assert not texts.obsolete
    for message in filter(lambda message: message.id, texts):
        both = message.pluralizable
        pairs = zip(message.id, message.string) if both else [(message.id, message.string)]
        for text, translated in pairs:
            assert translated and not message.fuzzy, text
            for same in (r"\{[^{}]*\}", r"^\s*", r"[.:?]?\s*$"):  # fields, and both ends
                assert {*re.findall(same, text)} == {*re.findall(same, translated)}, text


def test_a_language_is_spoken_within_a_block_and_in_one_thread():
    assert LANGUAGES == ("en", "es")
    seen = []
    with speaking("es"):
        with speaking("en"):
            assert words.genre("Sci-Fi") == "Sci-Fi"
        assert _("There is nothing to undo.") != "There is nothing to undo."
        other = threading.Thread(target=lambda: seen.append(words.genre("Sci-Fi")))
        other.start()
        other.join()
        with pytest.raises(SaelibError, match="no es un perfil"):
            Profile.from_json("[]")
    assert seen == ["Sci-Fi"]
    with pytest.raises(SaelibError, match="Unknown language 'xx'; choose one of en, es"):
        speaking("xx").__enter__()


def test_words_of_the_data_are_translated_and_others_stay():
    with speaking("es"):
        for kind, known in words.WORDS.items():
            told = {word: getattr(words, kind)(word) for word in known.split(",") if kind != "age"}
            assert sum(word != said for word, said in told.items()) >= len(told) / 2
        assert words.genres("Comedy|My Own") == "Comedia, My Own"
        assert words.genre("My Own") == words.occupation("My Own") == words.gender("My Own")
        assert words.age(0) != "under 18" and words.age(1) == "18-24"
    assert (words.gender("F"), words.genres("")) == ("female", "")
    assert (words.stars(1), words.stars(4.5)) == ("1 star", "4.5 stars")
