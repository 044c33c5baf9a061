"""mocoda: model-based counterfactual data augmentation for offline reinforcement learning."""

import gymnasium

_BOUNCING_BALLS = "mocoda.domains.bouncing_balls.environment:BouncingBallsEnvironment"
_HOOKSWEEP2 = "mocoda.domains.hooksweep2.environment:HookSweep2Environment"
_NAV2D = "mocoda.domains.nav2d.environment:Nav2DEnvironment"

# No max_episode_steps: the environments truncate by themselves.
gymnasium.register("mocoda/BouncingBalls-v0", entry_point=_BOUNCING_BALLS)
gymnasium.register("mocoda/HookSweep2-v0", entry_point=_HOOKSWEEP2)
gymnasium.register("mocoda/HookSweep2-OneBox-v0", entry_point=_HOOKSWEEP2, kwargs={"one_box": True})
gymnasium.register("mocoda/Nav2D-v0", entry_point=_NAV2D)
