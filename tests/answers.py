"""Answers to the exercises that a self-check must refuse (WRONG) or accept (RIGHT), by exercise."""

from __future__ import annotations

# Wrong ideas and invented numbers, tried after the solution has run.
WRONG: dict[str, dict[int, list[str]]] = {
    "00": {
        1: ["python = '3.11'", "python = '2.7.18'", "torch_version = '1.0'"],
        2: [
            "fewest, median, most = data.ratings['movie_id'].value_counts().quantile([0, 0.5, 1])",
            "median = per_person.mean()",
            "fewest, most = most, fewest",
        ],
        3: [
            "again = first",
            "other, other_seed = again, 0.0",  # the seed was not changed
            "same_seed, other_seed = other_seed, same_seed",
        ],
        4: [
            "errors = history.validation_loss",  # squared stars
            "errors = [loss**0.5 for loss in history.train_loss]",
            "enough = 10",
            "enough = int(np.argmin(errors)) + 1",
        ],
    },
    "01": {
        1: [
            "five = by_film.sort_values('mean', ascending=False).head(5)",
            "five = by_film.head(5)",
            "five = five[::-1]",
        ],
        2: [
            "def decode(ones):\n"  # silence
            "    groups = matrix.groups\n"
            "    names = [groups['gender'], LABELS, groups['occupation']]\n"
            "    parts = np.split(ones, np.cumsum([len(group) for group in names])[:-1])\n"
            "    return [group[part.argmax()] for group, part in zip(names, parts)]",
            "right = decode\ndef decode(ones):\n    return right(ones)[::-1]",
        ],
        3: [
            "shown = stars > 0",  # the leak
            "shown = stars < 0; measured = stars > 0",
            "shown = (stars > 0) & (np.arange(10) != 4)[:, None]; measured = (stars > 0) & ~shown",
            "measured = ~shown",
        ],
        4: [
            "by_time = by_time[::-1]",
            "by_time = np.random.default_rng(0).permutation(len(by_time))",
            "new_people, new_films = shuffled",
            "new_people, new_films = new_films, new_people",
        ],
    },
    "02": {
        1: [
            "user_mean = item_mean",
            "def user_mean(matrix, seed):\n"  # an empty cell is no 0
            "    return lambda people: np.tile(people.stars.toarray().mean(1)[:, None], (1, 1682))",
            "def user_mean(matrix, seed):\n"  # silence
            "    return lambda people: np.repeat((people.stars.sum(axis=1) / "
            "np.diff(people.stars.indptr).clip(1))[:, None], people.stars.shape[1], axis=1)",
        ],
        2: [
            "honest, leaked = leaked, honest",
            "leaked = error_of_tests(tests.tocsr())",
            "leaked = honest",
        ],
        3: [
            "errors = dict(zip(['biases', 'earlier only', 'moment'], errors.values()))",  # swapped
            "errors = {name: error**2 for name, error in errors.items()}",
            "errors = {name: errors[name] for name in ('moment', 'earlier only')}",
            "def moment(user, time, earlier_only=False):\n"  # the test ratings count, too
            "    mine = np.flatnonzero(rows == user)\n"
            "    gap = time - times[mine]\n"
            "    weight = np.exp(-abs(gap) / 60) * (gap > 0 if earlier_only else 1)\n"
            "    return (weight * residuals[mine]).sum() / (weight.sum() + 5)",
            "whole = moment\n"  # the future counts, too
            "def moment(user, time, earlier_only=False):\n    return whole(user, time)",
        ],
        4: [
            "final_error = error_of(BiasBaseline.fit(training).predict(training), tests)",
            "chosen = 100",
            "final_error = validation[chosen]",  # not of the test ratings
            "final_error = error_of(predict(RatingMatrix.from_dataset(data).csr, 0), tests) - 0.1",
            "validation = {3: final_error}",
        ],
    },
    "03": {
        1: [
            "explained = {n: s[:n].sum() / s.sum() for n in explained}",
            "explained[100] = 1.0",
            "explained = {1: 0.02, 3: 0.05, 10: 0.12, 100: 0.549}",  # with the right sum
        ],
        2: [
            "raised = added[known_to_many & (me[0] == 0)].nsmallest(5).index.tolist()",
            "raised = added.nlargest(5).index.tolist()",  # films of a handful of ratings, too
            "raised = list(mine)",
            "added = pd.Series(np.random.default_rng(0).normal(size=1682), index=films['title'])\n"
            "raised = added[known_to_many & (me[0] == 0)].nlargest(5).index.tolist()",
            "mine = {**mine, 'Strar Wars': mine.pop('Star Wars')}",
            "my_residuals = torch.from_numpy(me)\n"  # the stars as they are
            "added = pd.Series(network(my_residuals)[0].numpy(), index=films['title'])\n"
            "raised = added[known_to_many & (me[0] == 0)].nlargest(5).index.tolist()",
        ],
        3: [
            "by_rows['films'] = people",
            "by_rows['films'] = validation_error(0 * residuals)",
            "by_rows = {}",
            "by_rows = {'people': 0.93, 'films': 0.92}",
        ],
        4: [
            "drawn = validation_error(0 * residuals)",
            "drawn = people",
            "drawn = drawn**2 + 0.1",
            "def train_drawn(width, epochs=20):\n"  # the same share for everybody
            "    return train_autoencoder(residuals, rated, width, 0.5, epochs)\n"
            "drawn = validation_error(train_drawn(200)(residuals))",
            "def train_drawn(width, epochs=20):\n"
            "    return train_autoencoder(residuals, rated, width, 0.9, epochs)\n"
            "drawn = validation_error(train_drawn(200)(residuals))",
        ],
    },
    "06": {
        1: [
            "ours = (1 / np.log2(3) + 1 / np.log2(6)) / (1 + 1 / np.log2(3))",  # two relevant
            "ours = (1 / np.log2(2) + 1 / np.log2(5)) / best",  # log2(rank)
            "better = better - ours",
        ],
        2: [
            "table = table.assign(rmse=table['rmse'] ** 2)",
            "table = table.assign(luck=cells.groupby('gender')['error'].std())",
            "table = table.drop('M')",
            "table = table.assign(people=table['ratings'])",
            "def redrawn(group):\n"  # draws ratings
            "    error = group['error'].to_numpy()\n"
            "    drawn = np.random.default_rng(0).integers(len(error), size=(500, len(error)))\n"
            "    return error[drawn].mean(axis=1) ** 0.5",
            "of_people = redrawn\ndef redrawn(group):\n    return of_people(group) ** 2",
        ],
        3: [
            "error = dict.fromkeys((1, 4, 16), rmse(off, tests.data))",  # dropout was off
            "error = {n: np.mean([rmse(p, tests.data) for p in passes[:n]]) for n in (1, 4, 16)}",
            "off = passes[0]",
        ],
        4: [
            "power = found.mean(axis=1).idxmin()",
            "found = found[[1]]",  # one draw only
            "once = once[::-1]",
            "once = once.assign(**{'ndcg@10': found.mean(axis=1).max()})",
        ],
    },
    "08": {
        1: [
            "enough = enough + 1",
            "def top(n):\n"  # without the prior
            "    one_star = 1 - 1 / (1 + np.exp(thresholds[0] - biases))\n"
            "    return biases[np.argmax(n * np.log(one_star))]",
            "def top(n):\n"  # of five stars
            "    five = 1 / (1 + np.exp(thresholds[3] - biases))\n"
            "    return biases[np.argmax(n * np.log(five) - biases**2 / 2)]",
            "def top(n):\n"  # at most one star more: P(more than 1)
            "    more = 1 / (1 + np.exp(thresholds[0] - biases))\n"
            "    return biases[np.argmax(n * np.log(more) - biases**2 / 2)]",
        ],
        2: [
            "def ease(X, ridge):\n"  # a film predicts itself
            "    P = np.linalg.inv(X.T @ X + ridge * np.eye(X.shape[1]))\n"
            "    return -P / np.diag(P)",
            "right = ease\ndef ease(X, ridge):\n    return right(X, ridge).T",
            "scores = X",
            "best = 0",
        ],
        3: ["second = first", "first = first[::-1]", "gone = gone + 1"],
        4: [
            "by_exponent = by_exponent[::-1]",
            "by_exponent = by_exponent * 0 + by_exponent[0.7]",
            "by_exponent = pd.Series({a: mean_ndcg(like**a * see**2) for a in by_exponent.index})",
        ],
    },
    "09": {
        1: [
            "def film_night(profiles):\n"  # the list of the first alone
            "    person = recommender.encode(profiles[0])\n"
            "    order = np.argsort(-model.scores(person)[0])\n"
            "    people = [recommender.encode(who) for who in profiles]\n"
            "    rated = {film for person in people for film in person.stars.indices}\n"
            "    return [film for film in order if film not in rated][:10]",
            "right = film_night\ndef film_night(profiles):\n    return right(profiles[:1])",
            "right = film_night\ndef film_night(profiles):\n    return right(profiles)[:9]",
        ],
        2: [
            "most = famous[0]\n"
            "right = what_if\ndef what_if(film, stars):\n    return right(film, stars)[::-1]",
            "most = 'Star Wars (1977)'",  # rated already
            "def what_if(film, stars):\n"  # changes the profile
            "    global profile\n"
            "    before = set(recommender.recommend(profile)['name'])\n"
            "    profile = replace(profile, ratings=profile.ratings | {film: stars})\n"
            "    after = set(recommender.recommend(profile)['name'])\n"
            "    return after - before, before - after",
        ],
        3: [
            "right = shares\ndef shares(without):\n    return 1 - right(without)",
            "extra = {pair: shares(set(pair)) for pair in pairs}",
            "extra = {pair: (0.0, 0.0) for pair in pairs}",
            "right = shares\ndef shares(without):\n    return right(without)[::-1]",
        ],
        4: [
            "mixed = plain",
            "mixed = [*mixed[:9], mixed[0]]",
            "def alikeness(films):\n    return (unit[films] @ unit[films].T).mean()",  # with itself
            "mixed = [int(i) for i in np.argsort(score)[:10]]",
        ],
    },
    "10": {
        1: [
            "errors = {k: error + 0.1 for k, error in errors.items()}",
            "errors = {k: errors[k] for k in (3, 10, 30)}",  # the full code is missing
            "errors = {3: 0.93, 10: 0.92, 30: 0.91, 100: 0.95}",  # invented
            "errors = {k: errors[10] for k in errors}",
        ],
        2: [
            "def squared_jacobian(code, weights):\n"  # tanh's
            "    return (1 - code.square()).square() @ weights.square().sum(dim=1)",
            "def squared_jacobian(code, weights):\n"  # all units on
            "    return torch.ones_like(code) @ weights.square().sum(dim=1)",
            "def squared_jacobian(code, weights):\n"  # not squared
            "    return (code > 0).float() @ weights.abs().sum(dim=1)",
            "def squared_jacobian(code, weights):\n"  # one number for all rows
            "    return ((code > 0).float() @ weights.square().sum(dim=1)).sum()",
        ],
        3: [
            "def spread(network, n):\n"  # all ratings, whatever n
            "    (_, log_variance), _ = network(x, rated[[sam]])\n"
            "    return (log_variance / 2).exp().mean().item()",
            "def spread(network, n):\n"  # the variance
            "    shown = torch.zeros_like(x)\n    shown[0, columns[:n]] = 1\n"
            "    (_, log_variance), _ = network(x, shown)\n"
            "    return log_variance.exp().mean().item()",
            "def spread(network, n):\n    return 1.0 - n / 2000",
        ],
        4: [
            "table = table[['both']]",
            "table = table.assign(both=table['decay'])",
            "table = table.iloc[:2]",
            "table = table**2",
        ],
    },
    "11": {
        1: [
            "widest = widest - 1",
            "widest = int(8e9) // (60 * n_people)",  # GB, not GiB
            "widest = 8 * 2**30 // (4 * 3 * 4 * n_people)",  # the gradient forgotten
            "widest = 8 * 2**30 // (5 * 2 * 4 * n_people)",  # a table forgotten
            "widest = 8 * 2**30 / (60 * n_people)",
        ],
        2: [
            "def score_in_parts(codes, vectors, rows, columns, at_a_time):\n"  # all at once
            "    return (codes[rows] * vectors[columns]).sum(1)",
            "whole = score_in_parts\n"  # without the last, shorter part
            "def score_in_parts(codes, vectors, rows, columns, n):\n"
            "    some = len(rows) // n * n\n"
            "    return whole(codes, vectors, rows[:some], columns[:some], n)",
            "def score_in_parts(codes, vectors, rows, columns, n):\n"  # dense
            "    return (codes @ vectors.T)[rows, columns]",
            "def score_in_parts(codes, vectors, rows, columns, n):\n"  # all at once, otherwise said
            "    return (codes.index_select(0, rows) * vectors.index_select(0, columns)).sum(1)",
        ],
        3: [
            "def slope_of_vectors(vectors, slopes):\n"  # as if there were no ReLU
            "    parts = cells.stars[:, None] * slopes[cells.rows]\n"
            "    return torch.zeros_like(vectors).index_add_(0, cells.columns, parts)",
            "def slope_of_vectors(vectors, slopes):\n"  # without the stars
            "    through = slopes * (Add.apply(cells.stars, vectors, cells) > 0)\n"
            "    return torch.zeros_like(vectors).index_add_(\n"
            "        0, cells.columns, through[cells.rows])",
        ],
        4: [
            "took = took[['dense']]",
            "took = took.loc[[0.001, 0.5]]",
            "took = took.assign(cells=took['dense'])",
            "took = took.drop(0.5)",
            "took = took.rename(columns={'dense': 'cells', 'cells': 'dense'})",
        ],
    },
}

# Right answers other than the solution.
RIGHT: dict[str, dict[int, list[str]]] = {
    "02": {
        3: [
            "def moment(user, time, earlier_only=False):\n"  # rating by rating
            "    top, bottom = 0.0, 5.0\n"
            "    for n in train[rows[train] == user]:\n"
            "        if not earlier_only or times[n] < time:\n"
            "            weight = np.exp(-abs(time - times[n]) / 60)\n"
            "            top, bottom = top + weight * residuals[n], bottom + weight\n"
            "    return top / bottom",
        ],
    },
    "06": {
        2: [
            "table = table.loc[['M', 'F']]",
            "def redrawn(group):\n"  # person by person, another seed
            "    rng = np.random.default_rng(7)\n"
            "    parts = dict(list(group.groupby('person')['error']))\n"
            "    sums = np.array([[part.sum(), len(part)] for part in parts.values()])\n"
            "    drawn = [sums[rng.choice(len(sums), len(sums))].sum(axis=0) for _ in range(500)]\n"
            "    return [(error / n) ** 0.5 for error, n in drawn]",
        ],
    },
    "09": {
        1: [
            "def film_night(profiles):\n"  # least misery of the scores
            "    people = [recommender.encode(told) for told in profiles]\n"
            "    scores = np.array([model.scores(person)[0] for person in people])\n"
            "    rated = {film for person in people for film in person.stars.indices}\n"
            "    return [i for i in np.argsort(-scores.min(axis=0)) if i not in rated][:10]",
        ],
        3: [
            "def shares(without):\n"
            "    told = {f: s for f, s in profile.ratings.items() if f not in without}\n"
            "    of = [recommender.answers(recommender.encode(replace(profile, ratings=r)))\n"
            "          for r in (profile.ratings, told)]\n"
            "    return (1 - of[1].see[0, top] / of[0].see[0, top],\n"
            "            1 - of[1].like[0, top] / of[0].like[0, top])\n"
            "shares_ = shares\n"
            "def shares(without):\n    return np.array(shares_(without))",
        ],
    },
    "10": {
        2: [
            "def squared_jacobian(code, weights):\n"  # row by row
            "    return torch.stack([weights[c > 0].square().sum() for c in code])",
        ],
        3: [
            "def spread(network, n):\n"
            "    shown = torch.zeros(1, x.shape[1])\n"
            "    for column in columns[:n]:\n        shown[0, column] = 1\n"
            "    return network(x, shown)[0][1].exp().sqrt().mean().item()",
        ],
    },
    "11": {
        2: [
            "def score_in_parts(codes, vectors, rows, columns, n):\n"  # slices of the places
            "    c, v = codes[:], vectors[0:]\n"
            "    starts = range(0, len(rows), n)\n"
            "    parts = [(c[rows[i : i + n]] * v[columns[i : i + n]]).sum(1) for i in starts]\n"
            "    return torch.cat(parts)",
            "def score_in_parts(codes, vectors, rows, columns, n):\n"  # one by one
            "    return torch.stack([codes[r] @ vectors[c] for r, c in zip(rows, columns)])",
            "def score_in_parts(codes, vectors, rows, columns, n):\n"
            "    places = zip(rows.split(n), columns.split(n))\n"
            "    chosen = ((codes.index_select(0, r), torch.index_select(vectors, 0, c))\n"
            "              for r, c in places)\n"
            "    return torch.cat([(a * b).sum(1) for a, b in chosen])",
        ],
    },
}
