"""implicit, asked over the lines of `protocol.py`.

Arrays come and go as raw little-endian files in one folder; times are of the call alone, in milliseconds.
"""

import os
import time

from protocol import Clock, serve, take_output

answers = take_output()

import implicit
import numpy as np
from implicit.cpu import _als
from implicit.cpu.als import AlternatingLeastSquares
from implicit.nearest_neighbours import BM25Recommender, CosineRecommender
from scipy.sparse import csr_matrix


class Peer:
    def load(self, folder, users, items, threads):
        self.folder, self.threads = folder, threads
        indptr, indices = self.read("indptr", np.int32), self.read("indices", np.int32)
        counts = self.read("counts", np.float32)
        self.counts = csr_matrix((counts, indices, indptr), shape=(users, items))
        # Ours takes 1 + count for the confidence of a count, implicit takes the matrix as it is.
        self.confidences = csr_matrix((counts + np.float32(1), indices, indptr), shape=(users, items))
        return {"implicit": implicit.__version__}

    def als(self, factors, regularization, iterations, seed):
        """Mean of the iterations after the first."""
        model = self.als_model(factors, regularization, iterations, seed)
        ends = []
        clock = lambda *_: ends.append((time.perf_counter(), time.process_time()))
        model.fit(self.confidences, show_progress=False, callback=clock)
        self.fitted = model
        wall, cpu = [(ends[-1][i] - ends[0][i]) * 1000 / (iterations - 1) for i in range(2)]
        return {"wall": wall, "cpu": cpu}

    def als_loss(self, factors, regularization, item_factors=None):
        """implicit's own loss of item factors, the users solved exactly; of the last fit where none are given."""
        if item_factors is None:
            y = self.fitted.item_factors
        else:
            y = self.read(item_factors, np.float32).reshape(-1, factors)
        model = self.als_model(factors, regularization)
        model.item_factors = y
        x = model.recalculate_user(np.arange(self.confidences.shape[0]), self.confidences)
        return _als.calculate_loss(self.confidences, x, y, regularization, num_threads=self.threads)

    def bm25(self, K, K1, B):
        model = BM25Recommender(K=K, K1=K1, B=B, num_threads=self.threads)
        with Clock() as clock:
            model.fit(self.counts, show_progress=False)
        return {**clock.sample(), "neighbours": int(model.similarity.nnz)}

    def cosine(self, K):
        """Similarities of each item's neighbours, descending: `[items x K]`, 0 behind the last."""
        model = CosineRecommender(K=K, num_threads=self.threads)
        model.fit(self.counts, show_progress=False)
        table = np.zeros((model.similarity.shape[0], K), dtype=np.float32)
        for i in range(table.shape[0]):
            row = model.similarity.data[model.similarity.indptr[i] : model.similarity.indptr[i + 1]]
            table[i, : len(row)] = np.sort(row)[::-1]
        self.write("cosine", table)

    def use_factors(self, factors, regularization):
        self.model = self.als_model(factors, regularization)
        self.model.user_factors = self.read("user_factors", np.float32).reshape(-1, factors)
        self.model.item_factors = self.read("item_factors", np.float32).reshape(-1, factors)

    def top(self, N, fold_in):
        """Lists of all users without the items that they have; ids as `int32 [users x N]`."""
        users = np.arange(self.confidences.shape[0])
        with Clock() as clock:
            ids, _ = self.model.recommend(
                users, self.confidences, N=N, filter_already_liked_items=True, recalculate_user=fold_in
            )
        self.write("top", ids.astype(np.int32))
        return clock.sample()

    def als_model(self, factors, regularization, iterations=1, seed=0):
        return AlternatingLeastSquares(
            factors=factors,
            regularization=regularization,
            alpha=1.0,
            use_cg=True,
            iterations=iterations,
            num_threads=self.threads,
            random_state=seed,
        )

    def read(self, name, dtype):
        return np.fromfile(os.path.join(self.folder, name), dtype=dtype)

    def write(self, name, array):
        array.tofile(os.path.join(self.folder, name))


serve(Peer(), answers)
