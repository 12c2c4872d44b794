"""Answers timing requests of the benchmarks: one JSON object a line on stdin, one back on stdout.

{"load": name, "path": raw file, "dtype": "f4" | "i1", "shape": [...]}  keeps an array for the tasks
{"time": task, "args": {...}}   runs the task once: {"ms": milliseconds}
{"save": path}                  writes the last task's result, C order: {"dtype": ..., "shape": ...}
{"versions": true}              what is installed
"""

import json
import sys
import time

import numpy as np

arrays = {}


def normalized(name):
    import faiss

    rows = arrays[name].copy()
    faiss.normalize_L2(rows)
    return rows


def extension_faiss(embeddings, votes, threshold):
    """Epoxy with FAISS: one flat index per LF over the rows it votes on, one search per LF by the rows it abstains on."""
    import faiss

    rows, lf_votes = normalized(embeddings), arrays[votes]
    extended = lf_votes.copy()
    for lf in range(lf_votes.shape[1]):
        column = lf_votes[:, lf]
        support, abstains = np.flatnonzero(column), np.flatnonzero(column == 0)
        index = faiss.IndexFlatIP(rows.shape[1])
        index.add(rows[support])
        scores, nearest = index.search(rows[abstains], 1)
        near = scores[:, 0] > threshold
        extended[abstains[near], lf] = column[support[nearest[near, 0]]]
    return extended


def extension_dense(embeddings, votes, threshold):
    """Epoxy's other way: the whole similarity matrix, then per LF and class the largest entry among its voters."""
    from sklearn.metrics.pairwise import cosine_similarity

    rows, lf_votes = arrays[embeddings], arrays[votes]
    similarity = cosine_similarity(rows, rows)
    extended = lf_votes.copy()
    for lf in range(lf_votes.shape[1]):
        column = lf_votes[:, lf]
        abstains = np.flatnonzero(column == 0)
        best = {}
        for vote in (1, -1):
            voters = np.flatnonzero(column == vote)
            best[vote] = (
                similarity[abstains][:, voters].max(axis=1) if len(voters) else np.full(len(abstains), -1, np.float32)
            )
        extended[abstains[(best[1] > best[-1]) & (best[1] > threshold)], lf] = 1
        extended[abstains[(best[-1] > best[1]) & (best[-1] > threshold)], lf] = -1
    return extended


def top_k_numpy(queries, support, k):
    """Inner products in blocks of 1000 queries, then argmax, or argpartition and a sort of the k."""
    q, s = arrays[queries], arrays[support]
    found = np.empty((len(q), k), np.int32)
    for start in range(0, len(q), 1000):
        scores = q[start : start + 1000] @ s.T
        if k == 1:
            found[start : start + 1000, 0] = scores.argmax(axis=1)
        else:
            part = np.argpartition(scores, -k, axis=1)[:, -k:]
            order = np.argsort(-np.take_along_axis(scores, part, axis=1), axis=1)
            found[start : start + 1000] = np.take_along_axis(part, order, axis=1)
    return found


def top_k_faiss(queries, support, k):
    import faiss

    index = faiss.IndexFlatIP(arrays[support].shape[1])
    index.add(arrays[support])
    return index.search(arrays[queries], k)[1].astype(np.int32)


def similarities_numpy(a, b):
    out = arrays.setdefault("out", np.empty((len(arrays[a]), len(arrays[b])), np.float32))
    return np.matmul(arrays[a], arrays[b].T, out=out)


def moments_numpy(votes):
    floats = arrays[votes].astype(np.float32)
    return floats.T @ floats


def label_model_flyingsquid(votes):
    """FlyingSquid's cost, re-stated from its description: every step vectorised that it vectorises, and its one slow step,
    the look-up of each row's votes in an interpreted loop over rows and LFs. Class balance uniform, triplet means."""
    L = arrays[votes]
    n, m = L.shape
    moments = np.einsum("ij,ik->jk", L.astype(np.float64), L.astype(np.float64)) / n
    accuracy = np.zeros(m)
    for i in range(m):
        pairs = [(j, k) for j in range(m) for k in range(j + 1, m) if i not in (j, k)]
        values = [
            np.sqrt(abs(moments[i, j] * moments[i, k] / moments[j, k])) if moments[j, k] != 0 else 0 for j, k in pairs
        ]
        accuracy[i] = np.mean(values)
    tables = np.zeros((2, m, 3))  # class, LF, vote
    for i in range(m):
        zero, one = np.mean(L[:, i] == 0), np.mean(L[:, i] == 1)
        both = 0.5 * (0.5 * (1 + accuracy[i] - zero) + one - 0.5 * (1 - zero))
        tables[1, i] = [0.5 * (1 - zero) - both, 0.5 * zero, both]
        tables[0, i] = [1 - zero - one - tables[1, i, 0], 0.5 * zero, one - both]
    tables = np.abs(tables)
    options = (-1, 0, 1)
    index = np.array([[np.sum([options.index(row[lf])]) for lf in range(m)] for row in L])
    joint = np.prod(tables[:, np.arange(m), index], axis=2)
    return (joint[1] / joint.sum(axis=0)).astype(np.float32)


TASKS = {
    task.__name__: task
    for task in (
        extension_faiss,
        extension_dense,
        top_k_numpy,
        top_k_faiss,
        similarities_numpy,
        moments_numpy,
        label_model_flyingsquid,
    )
}


def versions():
    found = {"python": sys.version.split()[0], "numpy": np.__version__}
    for name in ("sklearn", "faiss"):
        try:
            found[name] = __import__(name).__version__
        except ImportError:
            found[name] = None
    try:
        from threadpoolctl import threadpool_info

        blas = [pool for pool in threadpool_info() if pool["user_api"] == "blas"]
        found["blas"] = ", ".join(f"{b['internal_api']} {b['version']} {b['architecture']}" for b in blas)
    except ImportError:
        found["blas"] = "unknown BLAS"
    return found


def answer(request):
    global last
    if "load" in request:
        flat = np.fromfile(request["path"], dtype=request["dtype"])
        arrays[request["load"]] = flat.reshape(request["shape"])
        return {}
    if "time" in request:
        last = None  # its memory is free before the clock starts
        start = time.perf_counter()
        last = TASKS[request["time"]](**request["args"])
        return {"ms": (time.perf_counter() - start) * 1e3}
    if "save" in request:
        np.ascontiguousarray(last).tofile(request["save"])
        return {"dtype": last.dtype.str, "shape": last.shape}
    return versions()


for line in sys.stdin:
    try:
        reply = answer(json.loads(line))
    except Exception as error:  # the benchmark decides what a failure means
        reply = {"error": f"{type(error).__name__}: {error}"}
    print(json.dumps(reply), flush=True)
