"""SANDy-Transformer: attention between slots, multiplied over the blocks (CoDA, section 4)."""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import Field
from torch import Tensor

from mocoda.factors import Slots
from mocoda.masks.learned_settings import LearnedMaskSettings
from mocoda.masks.learning import learned_variant
from mocoda.masks.sandy_network import MaskLosses, Parameters, evaluate_mlp, linear_parameters

# He's start, U(-sqrt(6/in), sqrt(6/in)), keeps the size of the features through ReLU layers. From
# torch's smaller one the tokens look so alike that all attention stays uniform (our choice).
GAIN = 6**0.5


class SandyTransformerSettings(LearnedMaskSettings):
    """Mean squared error; as published, nothing but the softmax keeps the attention sparse."""

    kind: Literal["sandy_transformer"] = "sandy_transformer"
    batch_size: int = Field(256, ge=1, description="Rows a batch (published code, Pong).")
    updates: int = Field(3000, ge=1, description="Gradient steps (published code, Pong: 2000).")
    blocks: int = Field(2, ge=1, description="Stacked single-head blocks (published code).")
    width: int = Field(
        64,
        ge=1,
        description="Hidden units of every MLP, and features of a token (published code: 256).",
    )
    layers: int = Field(2, ge=1, description="Hidden layers of every MLP (published code).")
    attention_penalty: float = Field(
        0.0,
        ge=0,
        allow_inf_nan=False,
        description="Weight of the mean attention of a child to other roots than itself (our "
        "choice; the published code has no such term). Attention costs nothing else, so some goes "
        "to roots whose values say nothing.",
    )


class SandyTransformer:
    """Blocks without residuals: a token's new features are A V, A = softmax(Q K^T).

    Tokens are the roots: columns of the slot, padded with zeros to the widest, then a one-hot of
    the slot (our addition: slots of one width would look alike). The published code pads state and
    action apart instead, which does the same for one kind of slot and one action.
    """

    edges_of_columns = False

    def __init__(
        self, slots: Slots, settings: SandyTransformerSettings, generator: torch.Generator
    ) -> None:
        self.settings = settings
        self.roots, self.children = len(slots.root_names), len(slots.child_names)
        self.padded = max(len(columns) for columns in slots.root_columns)
        # Place of each input column in the padded tokens, and of each target in the outputs.
        self.places = torch.zeros(slots.observation_dim + slots.action_dim, dtype=torch.long)
        for root, columns in enumerate(slots.root_columns):
            for number, column in enumerate(columns):
                self.places[column] = root * self.padded + number
        self.target_places = self.places[: slots.observation_dim]
        hidden = (settings.width,) * settings.layers
        self.parameters: Parameters = {}
        before = self.padded + self.roots
        for block in range(settings.blocks):
            for name, after in (("values", settings.width), ("keys_queries", 2 * settings.width)):
                sizes = (before, *hidden, after)
                self.parameters |= linear_parameters(
                    f"block_{block}.{name}", sizes, generator, gain=GAIN
                )
            before = settings.width
        self.parameters |= linear_parameters("projection", (settings.width, self.padded), generator)

    def tokens(self, inputs: Tensor) -> Tensor:
        """[n, roots, padded + roots]."""
        flat = inputs.new_zeros(len(inputs), self.roots * self.padded)
        flat[:, self.places] = inputs
        names = torch.eye(self.roots, dtype=inputs.dtype).expand(len(inputs), -1, -1)
        return torch.cat([flat.reshape(len(inputs), self.roots, self.padded), names], dim=-1)

    def attention(self, block: int, features: Tensor) -> Tensor:
        """softmax(Q K^T), [n, to, from]: the rows sum to one."""
        both = evaluate_mlp(f"block_{block}.keys_queries", self.parameters, features)
        keys, queries = both.chunk(2, dim=-1)
        return torch.softmax(queries @ keys.mT, dim=-1)

    def attend(self, context: Tensor) -> tuple[list[Tensor], Tensor]:
        """The attention of each block, and the last features [n, roots, width]."""
        features = self.tokens(context)
        found = []
        for block in range(self.settings.blocks):
            found.append(self.attention(block, features))
            features = found[-1] @ evaluate_mlp(f"block_{block}.values", self.parameters, features)
        return found, features

    def projected(self, features: Tensor) -> Tensor:
        """Targets [n, obs] from the last features."""
        outputs = evaluate_mlp("projection", self.parameters, features)
        return outputs.flatten(1)[:, self.target_places]

    def predict(self, inputs: Tensor, context: Tensor) -> Tensor:
        attention, _ = self.attend(context)
        features = self.tokens(inputs)
        for block, weights in enumerate(attention):
            values = evaluate_mlp(f"block_{block}.values", self.parameters, features)
            features = weights @ values
        return self.projected(features)

    def path(self, attention: list[Tensor]) -> Tensor:
        """Product of the attention over blocks, [n, to, from]; its rows sum to one."""
        product = attention[0]
        for weights in attention[1:]:
            product = weights @ product
        return product

    def edges(self, inputs: Tensor) -> Tensor:
        # A child is where attention goes to, a root where it comes from.
        return self.path(self.attend(inputs)[0])[:, : self.children].mT

    def loss(self, inputs: Tensor, targets: Tensor) -> MaskLosses:
        attention, features = self.attend(inputs)
        squared_error = (self.projected(features) - targets).square().mean()
        to_itself = self.path(attention).diagonal(dim1=1, dim2=2)[:, : self.children]
        penalty = self.settings.attention_penalty * (1.0 - to_itself).mean()
        return MaskLosses(squared_error + penalty, squared_error)


VARIANT = learned_variant(SandyTransformer, SandyTransformerSettings)
