"""The synthetic Markov processes of CoDA (appendix C.2): three factors driven by random functions.

The state has 9 numbers without a unit, in three factors of three. Each factor's next state is a
random function of the factor alone. In the nonstationary process, a factor that is far from the
origin also moves the other two. Both are known in closed form, and so is the graph of each row.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import erf

from mocoda.factors import Slot, Slots
from mocoda.seeding import numpy_generator

# Published code. A second script of it divides the 9 columns into 4, 3 and 2.
FACTORS, FACTOR_SIZE = 3, 3
HIDDEN = 32
EPSILON = 1.5  # a factor of the nonstationary process whose norm is above this moves all the others
STATE_DIM = FACTORS * FACTOR_SIZE

FACTOR_NAMES = tuple(
    tuple(f"{letter}{i}" for i in range(FACTOR_SIZE)) for letter in "abc"[:FACTORS]
)
# Each column is a slot, so that graphs have the published 9 x 9 entries. The process has no action;
# rows here have one, so there is one that does nothing: no edge leaves it (our choice).
SLOTS = Slots(
    state=tuple(Slot(name, (i,)) for i, name in enumerate(sum(FACTOR_NAMES, ()))),
    action=(Slot("no_action", (0,)),),
)
_OF_ONE_FACTOR = np.kron(np.eye(FACTORS), np.ones((FACTOR_SIZE, FACTOR_SIZE))).astype(bool)
# Roots a0 .. c2, no_action; children a0 .. c2.
BASE_MASK = np.concatenate([_OF_ONE_FACTOR, np.zeros((1, STATE_DIM), dtype=bool)])


@dataclass(frozen=True)
class RandomFunction:
    """Linear, exact GELU, linear; its float32 numbers are drawn once and never trained.

    first_weight : [inputs, 32]; first_bias : [32]; second_weight : [32, outputs];
    second_bias : [outputs].
    """

    first_weight: np.ndarray
    first_bias: np.ndarray
    second_weight: np.ndarray
    second_bias: np.ndarray

    def __call__(self, inputs: np.ndarray) -> np.ndarray:
        """Outputs [n, outputs] for inputs [n, inputs], in the dtype of the inputs."""
        hidden = affine(inputs, self.first_weight, self.first_bias)
        hidden = 0.5 * hidden * (1.0 + erf(hidden * 0.5**0.5))
        return affine(hidden, self.second_weight, self.second_bias)


def affine(inputs: np.ndarray, weight: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """bias + inputs @ weight, [n, outputs], in the dtype of the inputs [n, inputs].

    Added up one input after the other: the bits of a matrix product depend on how many rows it
    has, and a row must have the same successor in any batch.
    """
    weight, bias = weight.astype(inputs.dtype), bias.astype(inputs.dtype)
    total = np.tile(bias, (len(inputs), 1))
    for i in range(len(weight)):
        total += inputs[:, i, None] * weight[i]
    return total


def draw_function(inputs: int, outputs: int, generator: np.random.Generator) -> RandomFunction:
    """A function with the initialisation that torch gives its linear layers.

    Weights and biases are uniform in ±1/sqrt(number of inputs of the layer) (published code).
    """

    def uniform(fan_in: int, *shape: int) -> np.ndarray:
        return generator.uniform(-(fan_in**-0.5), fan_in**-0.5, shape).astype(np.float32)

    return RandomFunction(
        uniform(inputs, inputs, HIDDEN),
        uniform(inputs, HIDDEN),
        uniform(HIDDEN, HIDDEN, outputs),
        uniform(HIDDEN, outputs),
    )


@dataclass(frozen=True)
class MarkovProcess:
    """Three factors x_k, each with a function f_k; without noise.

    Stationary: x_k' = f_k(x_k). Nonstationary, with d_k = x_k / |x_k|: x_k' = f_k(d_k), and each
    factor with |x_k| > 1.5 adds g_k(d_k) to all 9 columns of the next state.
    """

    stationary: bool
    own: tuple[RandomFunction, ...]  # f_k: 3 -> 3
    spread: tuple[RandomFunction, ...]  # g_k: 3 -> 9; unused where stationary

    def interacts(self, observation: np.ndarray) -> np.ndarray:
        """bool [n, 3]: the factors of the observations [n, 9] that move all the others.

        The norm is that of the state in float32, so that a stored row and a float64 rollout of it
        agree on who interacts.
        """
        norms = factor_norms(observation.astype(np.float32))
        far = norms > np.float32(EPSILON)
        return np.zeros_like(far) if self.stationary else far

    def true_mask(self, observation: np.ndarray, action: np.ndarray) -> np.ndarray:
        """The local graph of rows [n, 9], [n, 1]: bool [n, 10, 9].

        The block diagonal, and all edges out of the columns of a factor that interacts, as
        published.
        """
        roots = np.repeat(self.interacts(observation), FACTOR_SIZE, axis=1)
        no_action = np.zeros((len(roots), 1), dtype=bool)
        return BASE_MASK | np.concatenate([roots, no_action], axis=1)[:, :, None]

    def true_dynamics(self, observation: np.ndarray, action: np.ndarray) -> np.ndarray:
        """Next observations [n, 9], in the dtype of the observations [n, 9]; no action is read.

        Every number is rounded by itself and in one order: a row has the same bits in any batch,
        and a factor has the same whatever the others are, unless one interacts.
        """
        factors = observation.reshape(-1, FACTORS, FACTOR_SIZE)
        if not self.stationary:
            # At the origin there is no direction: it counts as 0 there (our choice).
            norms = factor_norms(observation)
            factors = factors / np.where(norms > 0.0, norms, np.inf)[:, :, None]
        following = np.concatenate([f(factors[:, k]) for k, f in enumerate(self.own)], axis=1)
        interacts = self.interacts(observation)
        for k, g in enumerate(self.spread):
            rows = interacts[:, k]
            following[rows] += g(factors[rows, k])
        return np.asarray(following)


def factor_norms(observation: np.ndarray) -> np.ndarray:
    """Euclidean norms [n, 3] of the factors of observations [n, 9], in their dtype."""
    squares = np.square(observation.reshape(-1, FACTORS, FACTOR_SIZE))
    return np.asarray(np.sqrt(squares[:, :, 0] + squares[:, :, 1] + squares[:, :, 2]))


def draw_process(*, stationary: bool) -> MarkovProcess:
    """The process of a domain: always the same functions, f_k shared by both processes.

    The published experiments draw new functions in each run. Here they belong to the domain and
    only the data depends on the seed (our choice), so that what is true can be told, and tested,
    without knowing a run.
    """
    generator = numpy_generator("synthetic_mp", "functions")
    own = tuple(draw_function(FACTOR_SIZE, FACTOR_SIZE, generator) for _ in range(FACTORS))
    spread = tuple(draw_function(FACTOR_SIZE, STATE_DIM, generator) for _ in range(FACTORS))
    return MarkovProcess(stationary, own, () if stationary else spread)
