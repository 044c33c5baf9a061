"""mocoda: model-based counterfactual data augmentation for offline reinforcement learning."""
