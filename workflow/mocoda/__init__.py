"""mocoda: model-based counterfactual data augmentation for offline reinforcement learning."""

import gymnasium

_HOOKSWEEP2 = "mocoda.domains.hooksweep2.environment:HookSweep2Environment"

# No max_episode_steps: the environment truncates by itself after 75 steps.
gymnasium.register("mocoda/HookSweep2-v0", entry_point=_HOOKSWEEP2)
gymnasium.register("mocoda/HookSweep2-OneBox-v0", entry_point=_HOOKSWEEP2, kwargs={"one_box": True})
