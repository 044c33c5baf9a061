"""What the three architectures share: networks in a stack, one member after the other."""

from __future__ import annotations

import torch
from torch import Tensor

from mocoda import head_passes
from mocoda.dynamics.composer import Composer
from mocoda.dynamics.likelihood import Likelihood
from mocoda.networks import StackedMlp


class Architecture:
    """Raw outputs of all members, and the gradients of a loss on them.

    `network` has one head a member and child (child 0 of member 0, child 1 of member 0, ...);
    `networks` holds all parameters by name. A subclass says what the heads read (`seen`); with a
    `composer`, its features are the networks' inputs.

    columns : int64[children, width], the observation columns that a child's network predicts,
        filled up by any column; valid : float[children, width], 0 where filled up.
    """

    def __init__(
        self,
        network: StackedMlp,
        columns: Tensor,
        valid: Tensor,
        composer: Composer | None = None,
    ) -> None:
        self.network, self.composer = network, composer
        self.columns, self.valid = columns, valid
        self.networks = {"network": network}
        if composer is not None:
            self.networks = {"composer": composer.network, "network": network}
        self.children, self.width = columns.shape
        self.members = network.heads // self.children
        # Where each observation column lies in the flattened [children, width].
        filled = valid.flatten() > 0
        self._places = filled.nonzero().flatten()[columns.flatten()[filled].argsort()]
        # A member at a time where a cache is to hold it, all where each call costs.
        size = self.children if network.device.type == "cpu" else network.heads
        self._groups = head_passes.groups(network, size)

    def seen(self, inputs: Tensor, mask: Tensor) -> Tensor:
        """What each head reads, in the dtype of the products.

        [heads, batch, in], or for a composer its `rows`. inputs [members, batch, in], normalised;
        mask bool[members, batch, roots, children].
        """
        raise NotImplementedError

    @torch.no_grad()
    def __call__(self, inputs: Tensor, mask: Tensor) -> Tensor:
        """[members, batch, in], [members, batch, roots, children] -> [members, batch, 2 obs].

        Means, then raw variances, in the order of the observation. Nothing is kept for gradients.
        """
        seen = self._prepare(inputs, mask)
        parts = []
        for group in self._groups:
            x = seen[group.heads]
            if self.composer is not None:
                x, _ = self.composer.forward(group.heads, x)
            parts.append(head_passes.forward(group, x)[0])
        raw = torch.cat(parts).view(self.members, self.children, 2, self.width, -1)
        flat = raw.transpose(1, 2).flatten(2, 3).index_select(2, self._places)
        return flat.flatten(1, 2).mT

    @torch.no_grad()
    def accumulate(
        self, inputs: Tensor, mask: Tensor, likelihood: Likelihood
    ) -> tuple[Tensor, Tensor]:
        """Add d loss / d parameters to the networks' gradients, one group of heads at a time.

        Returns the negative log-likelihood and the squared error, summed by the loss's weights.
        """
        seen = self._prepare(inputs, mask)
        sums = []
        for group in self._groups:
            heads, x = group.heads, seen[group.heads]
            if self.composer is not None:
                x, features = self.composer.forward(heads, x)
            output, kept = head_passes.forward(group, x)
            gradient, *losses = likelihood.differentiate(heads, output)
            sums.append(torch.stack(losses))
            reaching = head_passes.backward(group, gradient, kept, self.composer is not None)
            if self.composer is not None and reaching is not None:
                self.composer.backward(heads, reaching, seen[heads], features)
        self.network.add_written()
        if self.composer is not None:
            self.composer.finish()
        negative_log_likelihood, squared_error = torch.stack(sums).sum(dim=0)
        # A ReLU in bf16 hides a NaN from the losses, but not from the gradients.
        for network in self.networks.values():
            negative_log_likelihood = negative_log_likelihood + 0.0 * network.gradient.sum()
        return negative_log_likelihood, squared_error

    def by_head(self, target: Tensor) -> Tensor:
        """[members, batch, obs] -> the columns of each head's child, [heads, width, batch]."""
        picked = target.mT.contiguous().index_select(1, self.columns.flatten())
        return picked.view(self.network.heads, self.width, -1)

    def _prepare(self, inputs: Tensor, mask: Tensor) -> Tensor:
        if self.composer is not None:
            self.composer.refresh()
        return self.seen(inputs, mask)
