"""Everything that a visitor reads is translated: the catalogues, and the code that asks them."""

from __future__ import annotations

import ast
import asyncio
import gettext
import io
import json
import re
import string
import threading
import tomllib
from collections.abc import Iterator
from datetime import UTC, datetime
from html import unescape

import house
import ipywidgets
import pytest
import texts
from babel.messages.mofile import read_mo

import saelib.language
from saelib.cli import main
from saelib.data.layouts import GENDERS, ML_1M_OCCUPATIONS, ML_100K_GENRES, ML_100K_OCCUPATIONS
from saelib.data.scale import HALF_STARS, WHOLE_STARS, Scale
from saelib.errors import DataError, ProfileError, SaelibError
from saelib.language import LANGUAGES, _, current, ngettext, number, speak, speaking
from saelib.panel.door import RefusalError
from saelib.panel.page import TITLES
from saelib.panel.parts import parts_of, said_in_page
from saelib.panel.terminal import interview
from saelib.panel.widgets import RatingPanel
from saelib.recommend import matching, words
from saelib.recommend.changes import Change, Changes
from saelib.recommend.exports import read_export
from saelib.recommend.imports import import_files
from saelib.recommend.profile import Profile
from saelib.recommend.recommender import Recommender
from saelib.recommend.session import Session

TRANSLATED = [name for name in LANGUAGES if name != "en"]


@pytest.fixture
def recommender(bundle):
    return Recommender(bundle)


# -- The catalogues -----------------------------------------------------------------------------


def test_english_and_spanish_are_spoken():
    assert LANGUAGES == ("en", "es")


@pytest.mark.parametrize("name", TRANSLATED)
def test_a_catalogue_has_exactly_the_texts_of_the_code_and_is_compiled(name):
    wanted = texts.up_to_date(name)
    again = "python tests/texts.py brings it up to date"
    assert texts.po(name).read_bytes() == texts.written(wanted), again
    assert texts.po(name).with_suffix(".mo").read_bytes() == texts.compiled(wanted), again


@pytest.mark.parametrize("name", TRANSLATED)
def test_no_text_is_left_untranslated(name):
    found = texts.translated(name)
    assert len(found) > 200
    assert texts.untranslated(found) == []
    assert not [message.id for message in found if message.fuzzy and message.id]
    with texts.po(name).with_suffix(".mo").open("rb") as file:
        assert len(read_mo(file)) == len(found)


def fields(text: str) -> set[tuple[str, str, str]]:
    """What is put into a text: name, format and conversion of each."""
    parts = string.Formatter().parse(text)
    return {(name, spec or "", how or "") for _, name, spec, how in parts if name is not None}


@pytest.mark.parametrize("name", TRANSLATED)
def test_a_translation_has_the_same_gaps_and_edges_as_its_text(name):
    for message in texts.translated(name):
        if not message.id:
            continue
        both = message.pluralizable
        ids, strings = (message.id, message.string) if both else ([message.id], [message.string])
        for text, translated in zip(ids, strings, strict=True):
            if "{" in text:
                assert fields(translated) == fields(text), text
            assert re.match(r"\s*", translated)[0] == re.match(r"\s*", text)[0], text
            assert re.search(r"\s*$", translated)[0] == re.search(r"\s*$", text)[0], text
            assert (translated[-1] in ".:?") == (text[-1] in ".:?"), text


def test_the_compiled_catalogues_are_packaged():
    project = tomllib.loads((house.ROOT / "pyproject.toml").read_text())
    patterns = project["tool"]["setuptools"]["package-data"]["saelib"]
    packaged = {path for pattern in patterns for path in texts.PACKAGE.glob(pattern)}
    assert packaged == {texts.po(name).with_suffix(".mo") for name in TRANSLATED}


def test_texts_that_are_missing_or_too_many_are_noticed(tmp_path, monkeypatch):
    """The tool itself: a text of the code that the file lacks, and one that no code has."""
    code = tmp_path / "code"
    code.mkdir()
    (code / "a.py").write_text('_("one")\nngettext("{n} thing", "{n} things", n)\n')
    (code / "a.html").write_text('<p title="{{ pgettext("sky", "two") }}">{{ _("three") }}</p>')
    monkeypatch.setattr(texts, "PACKAGE", code)
    monkeypatch.setattr(texts, "FOLDER", tmp_path)
    texts.po("es").parent.mkdir(parents=True)
    texts.po("es").write_text(
        'msgid "one"\nmsgstr "uno"\n\nmsgid "three"\nmsgstr ""\n\nmsgid "four"\nmsgstr "cuatro"\n'
    )
    found = texts.up_to_date("es")
    assert {str(message.id) for message in found} == {
        *("", "one", "two", "three", "('{n} thing', '{n} things')")
    }
    assert found.get("one").string == "uno"
    assert {*texts.untranslated(found)} == {"three", "two", "('{n} thing', '{n} things')"}
    assert b"four" not in texts.written(found)
    assert gettext.GNUTranslations(io.BytesIO(texts.compiled(found))).gettext("one") == "uno"


# -- The code that asks them --------------------------------------------------------------------

# Whatever these modules say is read by visitors; of the command line, what these commands say.
SPOKEN = [m for m in house.ORDER if m.split(".")[1] in ("recommend", "panel")]
SPOKEN += [f"saelib.data.{name}" for name in ("scale", "features", "links")]
COMMANDS = "_run _find_model _newest _recommend _print_films _rate _import _panel _at_least_one"
ASKS = ("_", "ngettext", "pgettext", "later")
# Two words that nobody reads: names of columns, keys, code, help for developers.
UNREAD = {
    "recommend.titles": r"[a-z ]+",
    "recommend.words": r"[a-z /]+",
    "recommend.exports": r"(tmdb|imdb) id|your rating|release date|date rated|you rated|own list|"
    r"original title|title type|letterboxd uri|watched date",
    "recommend.matching": r"[a-z, ]+",
    "recommend.imports": r"own list|title and year|title, one year apart|title, no year|"
    r"a part of the title, and year",
    "recommend.play": "least misery",
    "panel.night": "least misery",
    "panel.markup": "<span .*",
    "panel.widgets": "RatingPanel of ",
    "panel.door": r"The language that is spoken; .*",
    "panel.page": r"from saelib.panel.ready import .*|Whether to open .*|How many .*",
    "cli": "python -m saelib train --dataset ",
}


def said_in(tree: ast.AST) -> list[str]:
    """All texts of two words or more that are not looked up, but for docstrings."""
    if isinstance(tree, ast.Call) and getattr(tree.func, "id", None) in ASKS:
        return []
    if isinstance(tree, ast.Expr) and isinstance(tree.value, ast.Constant):
        return []
    if isinstance(tree, ast.Constant) and isinstance(tree.value, str):
        return [tree.value] if re.search(r"[A-Za-z]{2,}[,;:]? [A-Za-z]", tree.value) else []
    return [text for child in ast.iter_child_nodes(tree) for text in said_in(child)]


def tree_of(module: str) -> ast.Module:
    return ast.parse(house.modules()[module].read_text(encoding="utf-8"))


def test_what_is_said_is_looked_up():
    """No text of two words stands in the code without `_`; those of one are found by sight."""
    commands = [n for n in tree_of("saelib.cli").body if getattr(n, "name", "") in COMMANDS.split()]
    assert len(commands) == len(COMMANDS.split())
    trees = [(module, tree_of(module)) for module in SPOKEN]
    trees += [("saelib.cli", command) for command in commands]
    for module, tree in trees:
        unread = re.compile(UNREAD.get(module.removeprefix("saelib."), ""), re.DOTALL)
        assert [text for text in said_in(tree) if not unread.fullmatch(text)] == [], module


def test_a_text_that_is_not_looked_up_is_noticed():
    code = 'def f(x):\n    """Says it."""\n    _("looked up")\n    print(f"not looked {x} up")'
    assert said_in(ast.parse(code)) == ["not looked "]


def test_nothing_else_is_called_as_the_function_that_looks_texts_up():
    """`for _, film in …` in a function would make its `_` a film."""
    apart = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp, ast.Lambda)

    def assigns(node: ast.AST) -> bool:
        if isinstance(node, ast.Name) and node.id == "_" and isinstance(node.ctx, ast.Store):
            return True
        children = (c for c in ast.iter_child_nodes(node) if not isinstance(c, apart))
        return any(map(assigns, children))

    asking = [m for m in house.ORDER if "saelib.language._" in names_of(tree_of(m))]
    assert len(asking) > 15
    assert [module for module in asking if assigns(tree_of(module))] == []
    assert assigns(ast.parse("def f(rows):\n    for _, row in rows: pass"))


def names_of(tree: ast.Module) -> set[str]:
    """What a module imports by name."""
    froms = (node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom))
    return {f"{node.module}.{alias.name}" for node in froms for alias in node.names}


def test_templates_hold_no_texts_of_their_own():
    templates = sorted((texts.PACKAGE / "panel" / "templates").rglob("*.*"))
    assert len(templates) > 8
    for path in templates:
        text = path.read_text(encoding="utf-8")
        text = re.sub(r"\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}|<style>.*?</style>", "", text, flags=re.S)
        read = re.findall(r'(?:alt|title|aria-label)="(.*?)"', text)
        read += re.findall(r"[^<>]+", re.sub(r"<!?[\w/].*?>", "<>", text, flags=re.S))
        assert not [words for words in read if re.search("[A-Za-z]", words)], path


def test_what_is_said_in_the_page_comes_from_python():
    text = (texts.PACKAGE / "panel" / "panel.js").read_text(encoding="utf-8")
    text = re.sub(r"(?m)^\s*(//|/?\*).*$", "", text)
    strings = re.findall(r"""(["'`])(.*?)\1""", text, flags=re.S)
    assert not [words for quote, words in strings if re.search("[A-Za-z]{2,} [a-z]+ [a-z]", words)]
    asked = set(re.findall(r"""\bwords(?:"\))?\.(\w+)""", text))
    assert asked == set(said_in_page())


# -- Which language is spoken -------------------------------------------------------------------


def test_a_language_is_spoken_within_its_block_only():
    assert current() == "en"
    with speaking("es"):
        assert _("Stopped.") == "Interrumpido."
        with speaking("en"):
            assert _("Stopped.") == "Stopped."
        assert current() == "es"
        with pytest.raises(ZeroDivisionError), speaking("en"):
            raise ZeroDivisionError
        assert current() == "es"
    assert (current(), _("Stopped.")) == ("en", "Stopped.")


@pytest.mark.parametrize("name", ["fr", "", "ES", "es/../en", None])
def test_an_unknown_language_is_named(name):
    with pytest.raises(SaelibError, match=r"Unknown language .*; choose one of en, es"):
        speak(name)
    assert current() == "en"


def test_threads_and_tasks_have_a_language_each():
    said = []

    def in_thread():
        speak("es")
        said.append(_("seen"))

    thread = threading.Thread(target=in_thread)
    thread.start()
    thread.join()

    async def visit(name: str) -> str:
        speak(name)
        await asyncio.sleep(0)
        return _("seen")

    async def visits() -> list[str]:
        return await asyncio.gather(*map(visit, ("es", "en", "es")))

    said += asyncio.run(visits())
    assert said == ["vista", "vista", "seen", "vista"]
    assert current() == "en"


def test_numbers_and_plurals_are_those_of_the_language():
    assert [number(n) for n in (7, 1682, 20_000_000)] == ["7", "1,682", "20,000,000"]
    assert [Scale.spoken(x) for x in (1, 2, 0.5, 4.5)] == [
        *("1 star", "2 stars", "0.5 stars", "4.5 stars")
    ]
    with speaking("es"):
        assert number(20_000_000) == "20\u202f000\u202f000"
        assert [Scale.spoken(x) for x in (1, 2, 0.5)] == [
            "1 estrella",
            "2 estrellas",
            "0.5 estrellas",
        ]
        assert [ngettext("{n} up", "{n} up", n).format(n=n) for n in (0, 1, 2)] == [
            *("0 suben", "1 sube", "2 suben")
        ]
        assert str(WHOLE_STARS) == "1 a 5 en pasos de 1"


# -- The words of the data ----------------------------------------------------------------------


def test_every_genre_gender_age_and_occupation_has_a_word_and_english_is_as_it_was():
    later_genres = ["Children", "IMAX"]
    bound = {"genre": [*ML_100K_GENRES, *later_genres], "gender": GENDERS}
    bound["occupation"] = [*ML_100K_OCCUPATIONS, *ML_1M_OCCUPATIONS]
    bound["gender_to_type"] = GENDERS
    for kind, names in bound.items():
        shown = getattr(words, kind)
        if kind != "gender":
            assert [shown(name) for name in names] == list(names)
        same = {"Drama", "Musical", "Romance", "IMAX", "marketing"}
        with speaking("es"):
            assert [name for name in names if shown(name) == name and name not in same] == []
    assert [words.gender(code) for code in GENDERS] == ["female", "male"]
    assert words.age(0) == "under 18"
    assert words.genres("Comedy|Sci-Fi|") == "Comedy, Sci-Fi, "
    with speaking("es"):
        assert words.age(0) == "menos de 18"
        assert words.age(1) == "18-24"
        assert words.genres("Comedy|Sci-Fi") == "Comedia, Ciencia ficción"
        for name in ("seen", "none", "my own genre", ""):
            assert words.genre(name) == name, "a word of one's own data stays"
            assert words.listed([name]) == name
        assert words.listed(["a", "b", "c"]) == "a, b y c"
        for of_release in (ML_100K_OCCUPATIONS, ML_1M_OCCUPATIONS):
            assert len({words.occupation(name) for name in of_release}) == len(of_release)


def test_every_way_to_find_a_film_has_a_word():
    from saelib.recommend.imports import way

    ways = {text for text in said_in(tree_of(matching.__name__)) if text != "another year"}
    assert len(ways) == 4
    assert {way(how) for how in ways} == ways
    with speaking("es"):
        assert not {way(how) for how in ways} & ways


# -- As a person sees it, each text of the catalogue in brackets --------------------------------


class InBrackets(gettext.NullTranslations):
    """Shows which texts were looked up, and which were not."""

    def gettext(self, message):
        return f"⟦{message}⟧"

    def ngettext(self, msgid1, msgid2, n):
        return f"⟦{msgid1 if n == 1 else msgid2}⟧"

    def pgettext(self, context, message):
        return f"⟦{message}⟧"


@pytest.fixture
def in_brackets(monkeypatch):
    monkeypatch.setattr(saelib.language, "_texts", lambda name: InBrackets())


def outside(text: str, *data: str) -> str:
    """What is left of a text without brackets, and without these texts of the data."""
    for known in sorted(map(str, data), key=len, reverse=True):
        text = text.replace(known, "")
    before = None
    while text != before:
        before, text = text, re.sub("⟦[^⟦⟧]*⟧", "", text)
    return "".join(re.findall("[^\\W\\d_]+|[⟦⟧]", text))


def test_what_stands_outside_of_the_brackets_is_found():
    assert outside("⟦{n} films of ⟦you⟧⟧, 3 ★ Fargo", "Fargo") == ""
    assert outside("⟦{n} films⟧ of you") == "ofyou"


def test_the_interview_is_looked_up_word_for_word(recommender, in_brackets):
    heard = []
    answers = iter(["x", "⟦F⟧", "300", "", "zzz", "⟦art", "99", "1 2", "6", "b", "3", "", "q"])

    def ask(prompt: str) -> str:
        heard.append(prompt)
        return next(answers)

    profile = interview(recommender, 5, ask, heard.append)
    assert (profile.gender, profile.occupation) == ("F", "artist")
    assert profile.ratings
    assert len(heard) > 20
    typed = ("'x'", "'300'", "'zzz'", "'99'", "'6'")
    for line in heard:
        assert outside(line, *recommender.catalogue.labels, *typed) == "", line


EXPORT = """Name,Year,Letterboxd URI,Rating
{found},1995,x,4
{found},1995,x,2
Sabrina,,x,3
Nowhere to Be Found,1999,x,3
Sabrina,1954,x,
2001: A Space Odyssey,1969,x,1
2001: A Space Odyssey,1969,x,9
,,x,
too,few
"""


def test_the_report_of_an_import_is_looked_up_word_for_word(recommender, in_brackets):
    files = [("ratings.csv", EXPORT.format(found="Toy Story").encode())]
    files.append(("mine.csv", b"title,year\nToy Story,1995\n"))
    imported = import_files(files, recommender.catalogue, WHOLE_STARS, compare=True)
    assert imported.matched and imported.not_found and imported.ambiguous and imported.refused
    said = imported.report(most=1)
    data = ["ratings.csv", "mine.csv", "Letterboxd", "ml-100k", "Nowhere to Be Found", "Sabrina"]
    data += ["2001: A Space Odyssey", *recommender.catalogue.labels]
    for line in said.splitlines():
        assert outside(line, *data) == "", line


def test_lists_reasons_and_changes_are_looked_up_word_for_word(recommender, in_brackets):
    session, labels = Session(recommender), recommender.catalogue.labels
    for film, stars in (("10", 5), ("20", 1), ("30", 4)):
        session.rate(film, stars)
    session.tick("40")
    before = session.recommendations()
    said = [reason.in_words() for reason in session.reasons(before["movie_id"])]
    assert any(said)
    moved = Changes([Change("a", 1, None), Change("b", 2, 4), Change("c", 4, 2)], ["d"])
    said += [moved.in_words(), moved.in_short(), *(film.words for film in moved.films)]
    said += [film.mark for film in moved.films]
    for line in said:
        assert outside(line, *labels, "a", "b", "c", "d") == "", line


READ = ("description", "tooltip", "placeholder", "_options_labels", "words")


def read_on(panel: RatingPanel) -> list[str]:
    """Everything that somebody reads or hears of a panel, hidden or not."""
    found = []
    for part in {id(part): part for part in parts_of(panel)}.values():
        for name in READ:
            value = getattr(part, name, None) or ()
            values = value.values() if isinstance(value, dict) else value
            found += [value] if isinstance(value, str) else values
        if isinstance(part, ipywidgets.HTML):
            found += re.findall(r'(?s)(?:alt|title|aria-label)="(.*?)"', part.value)
            found.append(re.sub("(?s)<.*?>", "", part.value))
    return [unescape(text) for text in found if text]


def upload(panel: RatingPanel, name: str, content: bytes) -> None:
    about = {"name": name, "type": "", "size": len(content), "last_modified": datetime.now(UTC)}
    panel.upload.value = [about | {"content": memoryview(content)}]


def walk(panel: RatingPanel) -> Iterator[None]:
    """Go where a visitor may go: nothing told, rated, searched, wrong, filtered, loaded."""
    watch, ask = panel.watch, panel.rate
    yield
    for slider, stars in zip(ask.sliders, (5, 1, 4, 3)):
        slider.value = stars
        yield
    watch.places[0].saw.click()
    yield
    watch.places[0].stars.value = 2
    yield
    watch.places[0].reject.click()
    yield
    ask.ticks[0].value = True
    yield
    ask.ticks[0].value = False
    for button in (ask.more, ask.others, watch.undo):
        button.click()
        yield
    for text in ("film", "sabrina", "xyzzy", ""):
        ask.search.query.value = text
        yield
        ask.search.button.click()
        yield
        ask.search.enter(text)
        yield
    for control in (watch.genre, watch.decade):
        control.index = len(control.options) - 1
        yield
    watch.decade.index = watch.genre.index = 0
    ask.about.age.index = 1
    yield
    for name, content in (
        ("ratings.csv", EXPORT.format(found="Toy Story").encode()),
        ("bad.json", b"["),
        ("large.json", b" " * 5_000_001),
        ("good.json", b'{"ratings": {"10": 1, "20": 1, "30": 1}}'),
    ):
        upload(panel, name, content)
        yield
    play = panel.play
    play.what_if.search.query.value = "film"
    play.what_if.search.button.click()
    yield
    files = [{"name": "ann.json", "content": b'{"ratings": {"40": 5, "50": 1}}'}]
    about = {"type": "", "size": 30, "last_modified": datetime.now(UTC)}
    play.night.upload.value = [about | file for file in files]
    yield
    play.night.choose.click()
    yield
    play.night.without.click()
    play.card.make.click()
    yield
    for _n in range(3):
        play.surprise.draw.click()
        yield
    play.surprise.place.reject.click()
    yield
    panel.restart.click()
    yield
    play.surprise.draw.click()
    play.card.make.click()
    play.night.choose.click()
    yield
    while panel.session.can_undo:
        watch.undo.click()
    watch.undo.click()
    yield


def test_the_panel_is_looked_up_word_for_word_wherever_a_visitor_goes(recommender, in_brackets):
    panel = RatingPanel(recommender)
    data = ["MovieLens 100K", "ratings.csv", "bad.json", "large.json", "Letterboxd", "ml-100k"]
    data += [
        "ann",
        "Nowhere to Be Found",
        "Sabrina",
        "2001: A Space Odyssey",
        *recommender.catalogue.labels,
    ]
    n_steps, n_texts = 0, set()
    for _step in walk(panel):
        n_steps += 1
        for text in read_on(panel):
            n_texts.add(text)
            assert outside(text, *data) == "", (n_steps, text)
    panel.close()
    assert n_steps > 30
    assert len(n_texts) > 150


def test_panels_of_two_languages_stand_side_by_side(recommender):
    """Each keeps its own, whichever acts first, and in whatever language the notebook speaks."""
    panels = {name: RatingPanel(recommender, language=name) for name in LANGUAGES}
    said: dict[str, list] = {"en": [], "es": []}
    for _steps in zip(*map(walk, panels.values())):
        for name, panel in panels.items():
            said[name].append((panel.watch.status.value, panel.watch.alert.value))
    for pair in zip(*said.values()):
        assert [bool(x) for x in pair[0]] == [bool(x) for x in pair[1]]
        assert pair[0] != pair[1]
    english, spanish = ({*read_on(panel)} for panel in panels.values())
    both = (english & spanish).difference(recommender.catalogue.labels)
    assert not [text for text in both if re.search(r"\b(the|you|films?|of|rated)\b", text)]
    assert {"Undo", "More films", "Seen it"} <= english
    assert {"Deshacer", "Más películas", "Ya la vi"} <= spanish
    told = {name: panel.session.profile for name, panel in panels.items()}
    assert told["en"] == told["es"]
    for panel in panels.values():
        panel.close()
    with pytest.raises(SaelibError, match="Unknown language 'fr'"):
        RatingPanel(recommender, language="fr")


def test_what_is_told_about_oneself_is_kept_in_the_words_of_the_data(recommender):
    panel = RatingPanel(recommender, language="es")
    about = panel.rate.about
    assert [label for label, _ in about.gender.options] == [
        "prefiero no decirlo",
        "mujer",
        "hombre",
    ]
    about.gender.label, about.occupation.label = "mujer", "escritura"
    about.age.label = "menos de 18"
    profile = panel.session.profile
    assert (profile.gender, profile.age, profile.occupation) == ("F", 1, "writer")
    panel.watch.genre.label = "Ciencia ficción"
    assert set(panel.watch.films["genres"]) == {"Sci-Fi"}
    panel.close()


# -- In Spanish ---------------------------------------------------------------------------------


def test_a_change_is_told_in_spanish():
    films = [Change("Fargo (1996)", 1, None), Change("Contact (1997)", 2, 4)]
    films += [Change("Alien (1979)", 4, 2), Change("Heat (1995)", 5, 3)]
    moved = Changes(films, ["Casablanca (1942)"])
    with speaking("es"):
        assert moved.in_short() == "1 nueva, 1 sube, 2 bajan"
        assert moved.in_words() == (
            "Fargo (1996) entra en el puesto 1. Contact (1997) sube 2, al puesto 2. Alien (1979) "
            "baja 2, al puesto 4. 1 más ha cambiado de puesto. Han salido: Casablanca (1942)."
        )
        assert [film.words for film in films] == ["nueva", "sube 2", "baja 2", "baja 2"]
        assert [film.mark for film in films] == ["NUEVA", "▲2", "▼2", "▼2"]


def test_the_profile_holds_the_words_of_the_data_whatever_was_typed(recommender):
    for typed, gender in (("m", "F"), ("Mujer", "F"), ("h", "M"), ("hombre", "M")):
        heard, answers = [], iter([typed, "30", "escr", "q"])

        def ask(prompt: str, heard=heard, answers=answers) -> str:
            heard.append(prompt)
            return next(answers)

        with speaking("es"):
            profile = interview(recommender, 5, ask, heard.append)
        assert (profile.gender, profile.occupation) == (gender, "writer")
        assert heard[1] == "Sexo (mujer, hombre): "
        assert "  escritura" in heard
        assert json.loads(profile.to_json())["occupation"] == "writer"


def test_errors_are_told_in_the_language_that_is_spoken(recommender):
    session = Session(recommender)
    for act, said in (
        (session.undo, "No hay nada que deshacer."),
        (lambda: session.rate("10", 9), "9 estrellas para '10' no están en la escala de ml-100k"),
        (lambda: session.rate("Toy Storie", 3), "¿Querías decir Toy Story (1995)?"),
        (lambda: session.tell(age=300), "La edad 300 no es válida"),
        (lambda: session.tell(gender="X"), "Sexo: no se conoce 'X'"),
        (lambda: Profile.from_json("["), "El perfil no es JSON"),
        (lambda: Profile.from_json("[]"), "El perfil no tiene la forma de un perfil"),
        (lambda: read_export(b"a,b\n", "x.csv"), "x.csv tiene las columnas 'a, b'; se espera un"),
        (lambda: Scale.of((5, 1)), "5 a 1 en pasos de 1 no es una escala"),
    ):
        with speaking("es"), pytest.raises((ProfileError, DataError)) as refused:
            act()
        assert said in str(refused.value)
        with pytest.raises((ProfileError, DataError)) as refused:
            act()
        assert said not in str(refused.value)


def test_a_refusal_may_hold_a_sign_of_percent():
    refused = RefusalError(403, "No", "100 % no")
    assert refused.log_message % refused.args == "100 % no"
    with speaking("es"):
        assert [title for title in TITLES if _(title) == title] == []


@pytest.fixture
def model(bundle, tmp_path):
    path = tmp_path / "model.safetensors"
    bundle.save(path)
    return path


def told(capsys, *arguments: object) -> str:
    """What a command prints, also where it ends with an error."""
    try:
        main([str(argument) for argument in arguments])
    except SystemExit as ended:
        assert ended.code == 1
    printed = capsys.readouterr()
    return printed.out + printed.err


def test_commands_speak_spanish_where_they_are_asked_to(model, tmp_path, monkeypatch, capsys):
    answers = io.StringIO("mujer\n30\nescritura\n1\n5\n4\nq\n")
    monkeypatch.setattr("sys.stdin", answers)
    path = tmp_path / "yo.json"
    said = told(capsys, "rate", "--lang", "es", "--model", model, "--save", path, "-n", 3)
    assert "¿Quién eres?" in said
    assert f"Tu perfil: {path}" in said
    assert "Comedia" in said or "Ciencia ficción" in said
    assert Profile.load(path).gender == "F"
    said = told(capsys, "recommend", "--profile", path, path, "--model", model, "--lang", "es")
    assert said.startswith("Estrellas previstas: las del grupo y después las de 1. yo, 2. yo\n")
    own = tmp_path / "own.csv"
    own.write_text("title,year,stars\nToy Story,1995,4\nNowhere,1999,3\n")
    out = tmp_path / "importado.json"
    said = told(capsys, "import", own, "--model", model, "--output", out, "--lang", "es")
    assert "Tomadas: 1 película con estrellas" in said
    assert "No están en ml-100k: 1" in said
    assert said.endswith(f"Tu perfil: {out}\n")
    assert current() == "en"


def test_errors_of_commands_are_spanish_and_english_stays_the_default(model, tmp_path, capsys):
    nowhere = tmp_path / "nowhere"
    for command in (("rate",), ("recommend", "--profile", "x"), ("import", "x"), ("panel",)):
        both = [told(capsys, *command, "--model", nowhere, "--lang", name) for name in ("es", "en")]
        assert both[1] == told(capsys, *command, "--model", nowhere)
        assert both[0] != both[1]
        assert both[1].startswith("Error: ")
    assert (
        told(capsys, "panel", "--model", nowhere, "--lang", "es")
        == f"Error: {nowhere} no existe.\n"
    )
    for command in ("rate", "panel"):
        with pytest.raises(SystemExit):
            main([command, "--lang", "fr"])
        assert "invalid choice: 'fr'" in capsys.readouterr().err
    assert current() == "en"
    assert HALF_STARS.n_levels == 10
