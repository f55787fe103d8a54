"""Why a film is in the list: nothing that is not measured, and nothing that nobody believes."""

from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from saelib import cli
from saelib.data.scale import HALF_STARS, WHOLE_STARS, Scale
from saelib.errors import ProfileError
from saelib.model.learn import train
from saelib.recommend import reasons as module
from saelib.recommend import recommender as recommender_module
from saelib.recommend.profile import Profile
from saelib.recommend.reasons import LEAST, Reason, Reasons, caution, middle, reasons
from saelib.recommend.recommender import Recommender
from saelib.recommend.session import Session


@pytest.fixture(scope="module")
def recommender(bundle):
    return Recommender(bundle)


TOLD = Profile({"80": 5, "90": 4, "100": 1, "110": 2, "120": 5}, seen=["130", "140", "80"])


def without(profile: Profile, film: str) -> Profile:
    return Profile(
        {k: v for k, v in profile.ratings.items() if k != film},
        seen=[other for other in profile.seen if other != film],
    )


def test_shares_are_what_leaving_a_film_out_does(recommender):
    catalogue, order = recommender.catalogue, recommender.bundle.order
    films = recommender.recommend(TOLD, n=8)["movie_id"].tolist()

    def answers(profile: Profile, film: int) -> tuple[float, float]:
        person, i = recommender.encode(profile), catalogue.position(film)
        like = order.like(order.liking.distribution(person))[0, i]
        return order.see(person)[0, i], like

    expected_stars = recommender.predict(TOLD)
    n_see = n_like = 0
    for film, found in zip(films, reasons(recommender, TOLD, films, n=9)):
        see, like = answers(TOLD, film)
        shares: dict[str, dict[str, float]] = {"see": {}, "like": {}}
        for told in {*TOLD.ratings, *TOLD.seen}:
            less = answers(without(TOLD, told), film)
            name = catalogue.labels[catalogue.position(told)]
            shares["see"][name] = 1 - less[0] / see
            shares["like"][name] = 1 - less[1] / like
        if expected_stars[catalogue.position(film)] < 3:
            shares["like"] = {}
        for question, named in (("see", found.see), ("like", found.like)):
            wanted = {k: v for k, v in shares[question].items() if v >= LEAST}
            assert {r.name: r.share for r in named} == pytest.approx(wanted, abs=1e-4)
        n_see, n_like = n_see + len(found.see), n_like + len(found.like)
    assert n_see > 5
    assert n_like > 5


@settings(max_examples=25, deadline=None)
@given(
    st.dictionaries(st.sampled_from([str(i) for i in range(10, 250, 10)]), st.integers(1, 5)),
    st.lists(st.sampled_from([str(i) for i in range(250, 401, 10)]), unique=True, max_size=5),
)
def test_what_holds_for_every_reason(bundle, ratings, seen):
    recommender = Recommender(bundle)
    session = Session(recommender)
    session.take(Profile(ratings, seen=seen))
    films = session.recommendations()
    given = session.reasons(films["movie_id"], n=3)
    assert len(given) == len(films)
    labels, position = recommender.catalogue.labels, recommender.catalogue.position
    stars = {labels[position(film)]: value for film, value in ratings.items()}
    ticked = {labels[position(film)] for film in seen}
    for film, found in zip(films.itertuples(), given):
        assert film.stars >= 3 or not found.like
        for reason_list in (found.see, found.like):
            assert len(reason_list) <= 3
            for reason in reason_list:
                assert reason.share >= LEAST
                assert reason.stars == stars.get(reason.name)
                assert reason.name in stars or reason.name in ticked
                assert reason.liked == (stars.get(reason.name, 0) >= 4)
            kinds = [0 if r.liked else 1 if r.stars is None else 2 for r in reason_list]
            assert kinds == sorted(kinds), "liked films lead, then those ticked"


def test_ticks_count_and_are_named(recommender):
    films = recommender.recommend(Profile(seen=["80", "90"]), n=10)["movie_id"]
    named = {r.name for found in reasons(recommender, Profile(seen=["80", "90"]), films)
             for r in found.see}  # fmt: skip
    assert named == {"Film 7 (1957)", "Film 8 (1958)"}


def test_in_words():
    liked = Reason("Fargo (1996)", 5, 0.31, True)
    ticked, low = Reason("Heat (1995)", None, 0.1, False), Reason("Up (2009)", 1.5, 0.052, False)
    assert Reasons([liked, ticked], [liked, ticked, low]).in_words() == (
        "You would come across it: you have seen Fargo (1996) (31%) and Heat (1995) (10%). "
        "You would like it, going by Fargo (1996) (5 stars, 31%), Heat (1995) (seen, 10%) and "
        "Up (2009) (1.5 stars, 5%)."
    )
    assert Reasons().in_words() == ""
    assert Reasons(like=[low]).in_words().startswith("You would like it, going by Up")


def test_of_many_films_told_only_the_weightiest_are_left_out(recommender, monkeypatch):
    told = Profile({str(film): 1 + film // 10 % 5 for film in range(10, 260, 10)}, seen=["300"])
    films = recommender.recommend(told, n=4)["movie_id"].tolist()
    every = reasons(recommender, told, films, n=30)
    counts, before = [], module.without_each
    monkeypatch.setattr(recommender_module, "LEFT_OUT", 8)
    monkeypatch.setattr(
        module,
        "without_each",
        lambda person, films: counts.append(len(films)) or before(person, films),
    )
    some = reasons(recommender, told, films, n=2)
    assert 2 <= counts[0] <= 8
    for found, of_all in zip(some, every):
        assert {r.name for r in found.see} <= {r.name for r in of_all.see}


def test_models_of_stars_alone_give_reasons_of_liking(data):
    recommender = Recommender(train(data, "plain", epochs=3, progress=False))
    told = Profile({"80": 5, "90": 1, "110": 5}, seen=["120"])
    films = recommender.recommend(told)["movie_id"]
    found = reasons(recommender, told, films)
    assert all(not of_film.see for of_film in found)
    assert not any("Film 11" in r.name for of_film in found for r in of_film.like)
    assert reasons(recommender, told, []) == []
    with pytest.raises(ProfileError):
        reasons(recommender, told, ["no such film"])


def test_nothing_told_gives_no_reason(bundle):
    session = Session(Recommender(bundle))
    session.tell(gender="F")
    assert session.reasons([10, 20]) == [Reasons(), Reasons()]


# -- A film that is expected to please little ----------------------------------------------------


def test_the_middle_of_a_scale():
    assert [middle(s) for s in (WHOLE_STARS, HALF_STARS, Scale(1, 10), Scale(0, 1))] == [3, 3, 6, 1]


def test_films_below_the_middle_are_told():
    def of(*stars: float) -> str:
        return caution(pd.DataFrame({"stars": stars}), WHOLE_STARS)

    assert of() == of(3, 4.2) == ""
    assert of(2.9, 4, 4).startswith("One of these is expected below 3 stars")
    assert of(2.9, 2, 4).startswith("2 of these are expected below 3 stars")
    assert of(2.9, 2).startswith("You may like none of these: all are expected below 3 stars")


def test_who_liked_nothing_is_not_told_that_it_is_a_recommendation(
    recommender, tmp_path, capsys, monkeypatch
):
    unhappy = Profile({str(film): 1 for film in range(10, 260, 10)})
    films = recommender.recommend(unhappy, 10)
    said = caution(films, recommender.scale)
    low = (films["stars"] < 3).sum()
    assert low > 1
    assert ("all are" in said) == (low == 10)
    assert not any(r.like for r, stars in zip(
        reasons(recommender, unhappy, films["movie_id"]), films["stars"]) if stars < 3
    )  # fmt: skip
    recommender.bundle.save(tmp_path / "m.safetensors")
    unhappy.save(tmp_path / "me.json")
    arguments = ["recommend", "--profile", str(tmp_path / "me.json")]
    cli.main([*arguments, "--model", str(tmp_path / "m.safetensors")])
    assert capsys.readouterr().out.rstrip().endswith(said)
