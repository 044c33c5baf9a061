"""The parents' Gaussian mixtures: a fit to 200,000 rows, and joint rows drawn from them."""

from __future__ import annotations

from functools import partial

import numpy as np
import torch
from sklearn.mixture import GaussianMixture as SklearnMixture

from benchmarks.timing import Case, Contender, Contest, repeated
from mocoda.domains import DOMAINS
from mocoda.parents.expectation_maximisation import Fit, fit_mixture
from mocoda.parents.mixture import GaussianMixture
from mocoda.parents.sampler import ParentSampler
from mocoda.parents.settings import GmmSettings
from mocoda.seeding import numpy_generator

COLUMNS, ROWS, HELD_OUT = 15, 200_000, 20_000
# Fewer components than are fitted: all fits then come near the truth, and are compared at the same
# quality. With more, the luck of a start decides which local optimum a fit ends in.
TRUE_COMPONENTS = 24
SAMPLED_ROWS = 100_000
ROWS_WANTED = 500_000


def random_mixture(components: int, columns: int, rng: np.random.Generator) -> GaussianMixture:
    """Components that overlap, of unequal weights and shapes."""
    factors = rng.normal(size=(components, columns, columns)) / np.sqrt(columns)
    covariances = 0.5 * factors @ factors.transpose(0, 2, 1) + 0.05 * np.eye(columns)
    means = 2 * rng.normal(size=(components, columns))
    weights = rng.dirichlet(np.full(components, 3.0))
    return GaussianMixture(*map(torch.from_numpy, (weights, means, covariances)))


def make_fit(rows: int = ROWS, held_out: int = HELD_OUT) -> Contest:
    """Ours with its default settings, scikit-learn with the same number of components, tolerance
    and iterations; held-out rows judge both."""
    rng = numpy_generator("benchmarks", "mixture")
    truth = random_mixture(TRUE_COMPONENTS, COLUMNS, rng)
    drawn = truth.sample(rows + held_out, rng)
    training, testing = drawn[:rows], drawn[rows:]
    settings = GmmSettings()
    fits: list[Fit] = []
    others: list[SklearnMixture] = []

    def fit_ours() -> None:
        fits[:] = [fit_mixture(training, settings, numpy_generator("benchmarks", "fit"))]

    def fit_peer() -> None:
        mixture = SklearnMixture(
            settings.components,
            covariance_type="full",
            tol=settings.tolerance,
            max_iter=settings.max_iterations,
            n_init=1,
            init_params="kmeans",
            random_state=0,
        )
        others[:] = [mixture.fit(training)]

    def note(ours: str, peer: str) -> str:
        fit, other = fits[0], others[0]
        return (
            f"a fit; held-out log-likelihood a row {fit.mixture.log_prob(testing).mean():.4f} "
            f"after {len(fit.log_likelihoods)} iterations (and {settings.restarts} starts on "
            f"{settings.initial_rows} rows), scikit-learn {other.score(testing):.4f} after "
            f"{other.n_iter_}, the truth {truth.log_prob(testing).mean():.4f}"
        )

    return Contest(
        ours=[Contender("fp64", repeated(fit_ours))],
        peers=[Contender("scikit-learn", repeated(fit_peer))],
        note=note,
    )


def make_sampling() -> Contest:
    """Rows of HookSweep2's parents, from the marginals of one joint mixture; scikit-learn draws
    from that joint mixture itself, which the method does not have."""
    slots, rng = DOMAINS["hooksweep2"].slots, numpy_generator("benchmarks", "parents")
    width = slots.observation_dim + slots.action_dim
    settings = GmmSettings()
    joint = random_mixture(settings.components, width, rng)
    columns = dict(zip(slots.root_names, slots.root_columns, strict=True))
    sets = []
    for names in DOMAINS["hooksweep2"].parent_sets:
        chosen = tuple(column for name in names for column in columns[name])
        sets.append((chosen, joint.marginal(chosen)))
    sampler = ParentSampler(sets, width, settings.truncation)
    peer = SklearnMixture(settings.components, covariance_type="full", random_state=0)
    peer.weights_, peer.means_, peer.covariances_ = (
        part.numpy() for part in (joint.weights, joint.means, joint.covariances)
    )
    # `sample` looks at whether a fit left these.
    peer.precisions_cholesky_ = np.linalg.cholesky(np.linalg.inv(peer.covariances_))
    return Contest(
        ours=[Contender("fp64", repeated(partial(sampler.sample, SAMPLED_ROWS, rng)))],
        peers=[Contender("scikit-learn", repeated(lambda: peer.sample(SAMPLED_ROWS)))],
        note=lambda ours, other: (
            f"wanted: {ROWS_WANTED} rows/s; the peer, for context, draws from "
            "one joint mixture, ours joins the mixtures of two parent sets, tails truncated"
        ),
    )


CASES: list[Case] = [
    Case(
        name="mixture_fit",
        operation="Gaussian mixture fit",
        shape=f"{ROWS} rows, {COLUMNS} columns, 32 components, full covariance",
        unit="fits/s",
        units=1,
        make=make_fit,
        targets={("fp64", "scikit-learn"): 10},
        rounds=1,
        warm_up=False,
    ),
    Case(
        name="parent_sampling",
        operation="parent sampling",
        shape="hooksweep2: 20 columns, 2 sets of 15, 32 components",
        unit="rows/s",
        units=SAMPLED_ROWS,
        make=make_sampling,
    ),
]
